#include "vecferry/routes/engine_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/backends/snapshot/merged_reader.h"
#include "vecferry/engine/snapshot.h"
#include "vecferry/pipeline/lane_pool.h"
#include "vecferry/routes/kept_shards.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

// The file, and what is in it, for a moment both.
constexpr uint64_t kSpoolTimes = 2;

SnapshotStore* store_of(Backend& backend) {
  return backend.snapshots();
}

Status no_snapshots() {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "this place has no snapshots of its shards",
               .next = "--route stream reads it point by point"});
}

Status read_only() {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "a collection that is read through snapshots cannot be written",
               .next = "write to the place itself"});
}

class SpooledBackend : public Backend {
 public:
  SpooledBackend(std::shared_ptr<Backend> live, std::string collection, CollectionConfig config,
                 TemporaryFolder spool, std::vector<snapshot::OpenShard> shards,
                 std::unique_ptr<KeptShards> kept)
      : live_(std::move(live)),
        collection_(std::move(collection)),
        config_(std::move(config)),
        spool_(std::move(spool)),
        shards_(std::move(shards)),
        kept_(std::move(kept)) {}

  Capabilities capabilities() const override {
    Capabilities can = live_->capabilities();
    can.writable = false;
    can.remove = false;
    can.duplicates = false;
    can.live = false;
    can.ordered = true;
    can.splittable = true;
    can.non_finite = true;
    can.read_lanes = 2;
    can.batch_bytes = Capabilities{}.batch_bytes;
    return can;
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const uint64_t points, count(collection_, nullptr, std::move(stop)));
    return std::vector<CollectionSummary>{{.name = collection_, .points_count = points}};
  }
  Result<CollectionConfig> describe(std::string_view name, StopToken /*stop*/) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    return config_;
  }
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    return snapshot::count_shards(shards_, filter, stop);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    return snapshot::plan_shards(shards_, filter, parts, stop);
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    return snapshot::merge_shards(shards_, config_, options, std::move(stop));
  }

  Status create(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only();
  }
  Status drop(std::string_view /*name*/, StopToken /*stop*/) override { return read_only(); }
  Status finish(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only();
  }
  Status change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) override {
    return read_only();
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view /*name*/,
                                                   StopToken /*stop*/) override {
    return read_only();
  }
  SnapshotStore* snapshots() override { return kept_.get(); }

 private:
  Status check_name(std::string_view name) const {
    return name == collection_ ? Status::OK()
                               : fail({.kind = ErrorKind::kNotFound,
                                       .what = fmt::format("the snapshots are of '{}', not of '{}'",
                                                           collection_, name)});
  }

  const std::shared_ptr<Backend> live_;
  const std::string collection_;
  const CollectionConfig config_;
  const TemporaryFolder spool_;  // outlives the shards in it
  const std::vector<snapshot::OpenShard> shards_;
  const std::unique_ptr<KeptShards> kept_;  // null: only what was in the files is kept
};

// One shard: fetched, unpacked, opened. The file is gone as soon as it is unpacked, unless it
// is to be kept.
Result<snapshot::OpenShard> take_shard(SnapshotStore& store, const std::string& collection,
                                       const ShardInfo& info, const fs::path& folder,
                                       const SpoolOptions& options, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto file,
                        spool_shard(store, collection, info.id, folder, options, stop));
  const fs::path unpacked_folder = folder / std::to_string(info.id);
  ARROW_ASSIGN_OR_RAISE(const auto unpacked,
                        engine::unpack_snapshot(file.path, unpacked_folder, {}, stop));
  if (!options.keep_files) {
    std::error_code ignored;
    fs::remove(file.path, ignored);
  }
  if (unpacked.shards.size() != 1) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("the snapshot of shard {} holds {} shards", info.id,
                                     unpacked.shards.size())});
  }
  const auto& entry = unpacked.shards.front();
  if (!entry.replica_state.empty() && entry.replica_state != "Active") {
    return fail({.kind = ErrorKind::kUnavailable,
                 .what = fmt::format("shard {} was taken from a replica that is {}; its points "
                                     "may be old",
                                     info.id, entry.replica_state),
                 .next = "wait until the cluster has recovered, or take --route stream",
                 .retryable = true});
  }
  // No log of our own: nothing is written.
  ARROW_ASSIGN_OR_RAISE(auto shard, engine::Shard::open(entry.folder, {}));
  return snapshot::OpenShard{.shard = std::shared_ptr<engine::Shard>(std::move(shard)),
                             .key = info.key};
}

bool same_shards(const std::vector<ShardInfo>& a, const std::vector<ShardInfo>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.id == y.id && x.key == y.key; });
}

}  // namespace

Status can_engine_read(Backend& source, std::string_view collection, StopToken stop) {
  SnapshotStore* store = store_of(source);
  // What nobody else writes to is a point in time already.
  if (store == nullptr || !source.capabilities().live) {
    return no_snapshots();
  }
  ARROW_RETURN_NOT_OK(store->may_read(collection, stop));
  return store->shards(collection, std::move(stop)).status();
}

Result<std::shared_ptr<Backend>> engine_read(std::shared_ptr<Backend> live,
                                             const std::string& collection,
                                             const SpoolOptions& options, StopToken stop) {
  SnapshotStore* store = store_of(*live);
  if (store == nullptr) {
    return no_snapshots();
  }
  ARROW_ASSIGN_OR_RAISE(auto config, live->describe(collection, stop));
  ARROW_ASSIGN_OR_RAISE(const auto infos, store->shards(collection, stop));
  ARROW_ASSIGN_OR_RAISE(const uint64_t points, live->count(collection, nullptr, stop));
  ARROW_ASSIGN_OR_RAISE(auto spool, make_spool(options, kSpoolTimes * least_bytes(config, points)));
  std::vector<snapshot::OpenShard> shards(infos.size());
  // All at once: a server that is not read on holds back its writers, and each shard is a moment of
  // its own.
  ARROW_RETURN_NOT_OK(run_side_by_side(infos.size(), static_cast<int>(infos.size()), stop,
                                       [&](size_t index, const StopToken& lane_stop) -> Status {
                                         return take_shard(*store, collection, infos[index],
                                                           spool.path(), options, lane_stop)
                                             .Value(&shards[index]);
                                       }));
  ARROW_ASSIGN_OR_RAISE(const auto after, store->shards(collection, stop));
  if (!same_shards(infos, after)) {
    return fail({.kind = ErrorKind::kUnavailable,
                 .what = "the collection's shards changed while they were read",
                 .next = "try again once the cluster is quiet",
                 .retryable = true});
  }
  auto kept = options.keep_files
                  ? std::make_unique<KeptShards>(store->kind(), collection, infos, spool.path())
                  : nullptr;
  return std::make_shared<SpooledBackend>(std::move(live), collection, std::move(config),
                                          std::move(spool), std::move(shards), std::move(kept));
}

}  // namespace vecferry
