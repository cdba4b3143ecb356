#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/backend/snapshot_store.h"

namespace vecferry {

/// Shards that lie in files here: they are read, and nothing else.
class ReadOnlySnapshots : public SnapshotStore {
 public:
  Status may_read(std::string_view collection, StopToken stop) override {
    return shards(collection, std::move(stop)).status();
  }
  Status may_write(StopToken stop) override;
  Status write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                     StopToken stop) override;
  Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                     StopToken stop) override;
  Result<ShardAddress> address_of(std::string_view collection, uint32_t shard,
                                  StopToken stop) override;
  Status prove_writable(std::string_view collection, uint64_t least_operation,
                        StopToken stop) override;
};

}  // namespace vecferry
