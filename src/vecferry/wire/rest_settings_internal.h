#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

namespace vecferry::wire {

using Json = nlohmann::json;

/// Null and absent are one thing wherever settings are sent.
inline void drop_nulls(Json& json) {
  if (!json.is_object()) {
    return;
  }
  for (auto it = json.begin(); it != json.end();) {
    drop_nulls(*it);
    it = it->is_null() ? json.erase(it) : std::next(it);
  }
}

/// The member, or null.
inline Json member(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : Json();
}

inline Status format_error(const std::string& what) {
  return fail({.kind = ErrorKind::kUsage, .what = "Format error in JSON body: " + what});
}

/// Errors: kUsage, as Qdrant words a body that is no JSON object.
Result<Json> parse_body(std::string_view body);

}  // namespace vecferry::wire
