#pragma once

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry {

/// `current` with those settings of `wanted` that a collection with points can still take: index,
/// storage, optimizer, strict mode and quantization parameters, replication, metadata, payload
/// indexes. Vectors, their distances and elements, shards and the log stay as they are, and so does
/// a field that `wanted` does not name, because a server cannot forget one.
/// Errors: kCorrupt for settings that are no JSON objects.
Result<CollectionConfig> with_settings_of(const CollectionConfig& current,
                                          const CollectionConfig& wanted);

}  // namespace vecferry
