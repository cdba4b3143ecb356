#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vecferry/backend/read_only_snapshots.h"

namespace vecferry {

/// Shards of one collection that were spooled: `folder`/ID.snapshot, which outlive it.
/// Thread: safe for concurrent use.
class KeptShards : public ReadOnlySnapshots {
 public:
  KeptShards(SnapshotKind kind, std::string collection, std::vector<ShardInfo> shards,
             std::filesystem::path folder);

  SnapshotKind kind() const override { return kind_; }
  Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) override;
  Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                    StopToken stop) override;

 private:
  SnapshotKind kind_;
  std::string collection_;
  std::vector<ShardInfo> shards_;
  std::filesystem::path folder_;
};

}  // namespace vecferry
