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

/// Exact number of points in all of them (that match).
Result<uint64_t> count_shards(const std::vector<OpenShard>& shards, const Filter* filter,
                              const StopToken& stop);

/// At most `parts` ranges of about as many points, from a sample of each shard.
Result<std::vector<IdRange>> plan_shards(const std::vector<OpenShard>& shards, const Filter* filter,
                                         int parts, const StopToken& stop);

/// The points of several shards in id order; one shard's pages pass as they are.
Result<std::unique_ptr<PointReader>> merge_shards(std::vector<OpenShard> shards,
                                                  const CollectionConfig& config,
                                                  const ScanOptions& options, StopToken stop);

}  // namespace vecferry::snapshot
