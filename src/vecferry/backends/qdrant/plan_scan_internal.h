#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/id_range.h"

namespace vecferry::remote {

/// The first id that exists from this one on.
using FirstIdFrom = std::function<Result<std::optional<PointId>>(const PointId&)>;

/// Ids spread over a collection, found by asking for the first id from many places on: for servers
/// that cannot sample. Numbers and UUIDs each in about `wanted` places between their first and
/// last.
Result<std::vector<PointId>> probe_ids(const FirstIdFrom& first_from, int wanted);

/// Ranges of about the same number of points each.
Result<std::vector<IdRange>> plan_ranges(const Connection& connection, std::string_view collection,
                                         const Filter* filter, int parts, const StopToken& stop);

}  // namespace vecferry::remote
