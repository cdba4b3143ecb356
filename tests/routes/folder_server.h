#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/points.h"
#include "vecferry/backend/backend.h"

namespace vecferry::testing {

/// A member of a tar, as its header says.
struct TarMember {
  std::string name{};
  char type = '0';
};

/// A shard that was put in place, opened as a server would.
struct ArrivedShard {
  uint64_t file_bytes = 0;
  std::vector<TarMember> members{};
  std::string replica_state{};
  uint64_t next_operation = 0;  ///< in the name of its log
  uint64_t last_operation = 0;  ///< that its points carry
  uint64_t indexed_vectors = 0;
  CollectionConfig config{};
  std::vector<TestPoint> points{};
};

/// What ship needs of a server, in a folder, so that it outlives a killed process: collections with
/// their state, and the files of shards that were put in place. It holds the indexing threshold
/// back until `finish`, and checks nothing of what it is given, as a server does.
class FolderServer : public Backend, public SnapshotStore {
 public:
  /// `shards`: of each collection, without keys unless it has custom sharding.
  FolderServer(std::filesystem::path folder, std::vector<ShardInfo> shards);

  // For tests to see and to spoil.
  std::vector<std::string> calls{};      ///< of what changes or proves something, in order
  std::map<uint32_t, Status> refused{};  ///< write_shard of these fails
  std::function<void(uint32_t)> on_write{};
  std::optional<CollectionConfig> described{};  ///< instead of the truth
  std::optional<std::vector<ShardInfo>> listed{};
  std::string generation = "1.18";
  Status allowed{};

  ArrivedShard arrived(std::string_view collection, uint32_t shard) const;
  bool has_arrived(std::string_view collection, uint32_t shard) const;
  bool finished(std::string_view collection) const;
  /// Of all shards that have arrived.
  std::vector<TestPoint> points(std::string_view collection) const;

  Capabilities capabilities() const override;
  Result<std::vector<CollectionSummary>> list(StopToken stop) override;
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override;
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override;
  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override;
  Result<bool> take_over(std::string_view name, StopToken stop) override;
  Status drop(std::string_view name, StopToken stop) override;
  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override;
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override;
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override;
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override;
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override;
  SnapshotStore* snapshots() override { return this; }

  SnapshotKind kind() const override { return {.place = "folder", .generation = generation}; }
  Status may_read(std::string_view collection, StopToken stop) override;
  Status may_write(StopToken /*stop*/) override { return allowed; }
  Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) override;
  Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                    StopToken stop) override;
  Status write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                     StopToken stop) override;
  Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                     StopToken stop) override;
  Result<ShardAddress> address_of(std::string_view collection, uint32_t shard,
                                  StopToken stop) override;
  Status prove_writable(std::string_view collection, uint64_t least_operation,
                        StopToken stop) override;

 private:
  friend class KeyWriter;
  std::filesystem::path at(std::string_view collection) const;
  std::filesystem::path file_of(std::string_view collection, uint32_t shard) const;

  std::filesystem::path folder_;
  std::vector<ShardInfo> shards_;
};

}  // namespace vecferry::testing
