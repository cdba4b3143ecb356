#pragma once

#include <memory>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Points lose their shard keys, and the configuration its custom sharding. Points with the same id
/// under two keys become one point; which one is up to the target.
std::unique_ptr<Transform> drop_shard_keys();

}  // namespace vecferry
