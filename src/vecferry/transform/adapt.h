#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/model/config.h"
#include "vecferry/transform/transform.h"

/// What must happen to points on their way so that the target holds exactly what it is given.
namespace vecferry {

/// The facts about a place that decide it; `backend/` has them as capabilities.
struct PlaceFacts {
  bool normalises_cosine = false;      ///< stores Cosine float vectors as unit vectors
  bool rounds_payload_floats = false;  ///< payload floats pass the engine's JSON parser
  bool shard_keys = false;             ///< keeps the shard key of a point
  bool aliases = true;                 ///< collections can have aliases
  bool settings = true;                ///< keeps the whole configuration
};

struct Adaptation {
  std::vector<std::unique_ptr<Transform>> transforms{};  ///< in the order to apply them
  std::vector<std::string> losses{};                     ///< sentences: what the target cannot hold
};

/// `source_config` is that of the points as they arrive here, after what a person asked for;
/// `target_config` is that of the collection they go into: the same one for a new collection.
/// Errors: kIncompatible when a vector of the points has no place in the target: no such name, or
/// another kind or dim.
Result<Adaptation> adapt(const CollectionConfig& source_config, const PlaceFacts& source,
                         const CollectionConfig& target_config, const PlaceFacts& target);

}  // namespace vecferry
