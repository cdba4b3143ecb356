#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/model/point_id.h"
#include "vecferry/transform/transform.h"

namespace vecferry {

/// Payload key that keeps the id which a point had before.
inline constexpr std::string_view kMergedIdKey = "merged_id";

/// The id that a point of a source gets: UUIDv5 of the source's label, a line feed, and the id as
/// it is written. The same point of the same source gets it every time.
PointId remapped_id(std::string_view source_label, const PointId& id);

/// Give these points (ids ascending; null: all) new ids as `remapped_id` says, and keep the former
/// one in the payload under `merged_id`, a number or a string as the id was: so the way back is in
/// the data. Rows then come in no order of ids. A payload that has something else under `merged_id`
/// is kIncompatible, because it would be lost. A point whose id and `merged_id` already are what
/// this transform makes stays, so that applied twice it changes nothing more.
std::unique_ptr<Transform> remap_ids(std::string source_label,
                                     std::shared_ptr<const std::vector<PointId>> ids);

}  // namespace vecferry
