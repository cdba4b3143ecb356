#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "vecferry/backend/backend.h"
#include "vecferry/engine/shard.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/routes/shard_ring.h"
#include "vecferry/routes/ship.h"
#include "vecferry/routes/ship_record_internal.h"

namespace vecferry::ship {

/// A collection that the target has made, and its shards, which are being filled here.
/// Thread: safe for concurrent use; `finish` and `close` wait for writes, which fail afterwards.
class ShipLoad {
 public:
  struct Place {
    std::shared_ptr<Backend> target{};
    std::string collection{};
    std::filesystem::path folder{};  ///< of this load alone
  };

  /// Empty shards, for a collection that the target has just made. A folder that is there already
  /// is an older load's, and goes. Errors: kIncompatible for settings that the engine does not
  /// take.
  static Result<std::shared_ptr<ShipLoad>> make(Place place, const ShipOptions& options,
                                                const CollectionConfig& wanted,
                                                const StopToken& stop);
  /// What another process has left; no shard is opened yet, which may take a while, and may not be
  /// possible while a cancelled `put_in_place` works on in the background.
  /// Errors: kNotFound when nothing was left.
  static Result<std::shared_ptr<ShipLoad>> reopen(Place place, const ShipOptions& options);
  /// Before the first write. Errors: kConflict, kCorrupt.
  Status open_shards(const StopToken& stop);

  /// `first`: the shard to begin with, in turns, so that lanes get less in each other's way.
  Status upsert(const arrow::RecordBatch& batch, size_t first, const StopToken& stop);
  Status remove(std::span<const PointId> ids);
  Status flush();
  /// Everything up to the target's own `finish`, which is not called. Goes on where an earlier call
  /// was cut off.
  Status put_in_place(const CollectionConfig& config, const StopToken& stop);
  /// Nothing is left of the spool.
  void remove_folder();

 private:
  using SharedShard = std::shared_ptr<engine::Shard>;

  // Rows of a batch, by shard.
  struct Parts {
    std::vector<std::vector<int32_t>> rows{};  // empty: all rows go to the only shard
    std::optional<int64_t> keyless{};          // a row whose shard key has no shard yet
  };

  ShipLoad(Place place, const ShipOptions& options) : place_(std::move(place)), options_(options) {}

  SnapshotStore& store() const { return *place_.target->snapshots(); }
  std::filesystem::path shard_folder(uint32_t id) const;
  std::filesystem::path pack_file(uint32_t id) const;
  Status at(const Status& status) const;
  Status gone() const;

  // All below: the caller holds the mutex.
  Status add_shards(const std::vector<ShardInfo>& shards);
  Status open_shard(size_t index);
  Status check(const PointsView& points) const;
  Status check_row(const PointsView& points, int64_t row) const;
  Result<Parts> part(const PointsView& points) const;
  Status write(const arrow::RecordBatch& batch, const Parts& parts, size_t first) const;
  Status check_target(const CollectionConfig& wanted, const StopToken& stop) const;
  Status check_shard(const engine::Shard& shard) const;
  Status build(size_t index, const CollectionConfig& config, uint64_t done, uint64_t total,
               const StopToken& stop);
  Status send(size_t index, const StopToken& stop);
  Status upload(uint32_t id, const ShardFile& file, const StopToken& stop) const;
  Status prove(const StopToken& stop) const;
  // Waits for writers.
  Status make_key(const arrow::RecordBatch& row, const StopToken& stop);

  const Place place_;
  const ShipOptions options_;
  mutable std::shared_mutex mutex_;  // shared by writes
  ShipRecord record_{};
  std::vector<SharedShard> shards_{};  // as in the record; null: in place already, or given back
  std::map<uint32_t, size_t> index_of_{};  // by id
  std::optional<ShardRouter> router_{};
  bool closed_ = false;
};

}  // namespace vecferry::ship
