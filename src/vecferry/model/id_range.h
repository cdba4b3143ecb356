#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vecferry/model/point_id.h"

namespace vecferry {

/// A half-open range of ids in scroll order; an end that is not set is open.
struct IdRange {
  std::optional<PointId> from{};  ///< inclusive
  std::optional<PointId> to{};    ///< exclusive

  bool contains(const PointId& id) const { return (!from || *from <= id) && (!to || id < *to); }
  bool empty() const { return from && to && *to <= *from; }

  friend bool operator==(const IdRange&, const IdRange&) = default;
};

/// "all ids", "ids from 5 up to 90 (exclusive)": for messages.
std::string to_string(const IdRange& range);

/// Ranges that cover everything, with about the same number of points each, from ids sampled over a
/// collection (in any order). At most `parts`, at least one; they touch and do not overlap.
std::vector<IdRange> split_by_quantiles(std::vector<PointId> sample, int parts);

}  // namespace vecferry
