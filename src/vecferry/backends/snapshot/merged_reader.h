#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/engine/shard.h"

namespace vecferry::snapshot {

/// One shard of an unpacked snapshot.
struct OpenShard {
  std::shared_ptr<engine::Shard> shard{};
  std::optional<std::string> key{};  ///< the shard key that its points live under
};

/// The points of several shards in id order; one shard's pages pass as they are.
Result<std::unique_ptr<PointReader>> merge_shards(std::vector<OpenShard> shards,
                                                  const CollectionConfig& config,
                                                  const ScanOptions& options, StopToken stop);

}  // namespace vecferry::snapshot
