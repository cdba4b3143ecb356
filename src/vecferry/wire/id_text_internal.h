#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "vecferry/model/point_id.h"

namespace vecferry::wire {

/// What `to_string` says of an id, without an allocation a point.
inline void append_id_text(const PointId& id, std::string* out) {
  if (!id.is_uuid) {
    const fmt::format_int text(id.number);
    out->append(text.data(), text.size());
    return;
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = 0; i < id.uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      out->push_back('-');
    }
    out->push_back(kDigits[id.uuid[i] >> 4U]);
    out->push_back(kDigits[id.uuid[i] & 0xFU]);
  }
}

}  // namespace vecferry::wire
