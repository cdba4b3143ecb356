#include "vecferry/routes/ship.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "vecferry/base/kill_point.h"
#include "vecferry/base/temporary_folder.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/routes/ship_load_internal.h"
#include "vecferry/routes/ship_spool_internal.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

using ship::ShipLoad;
using SharedLoad = std::shared_ptr<ShipLoad>;

// Whose files the engine writes: it is the storage of 1.19, and 1.18 was tried.
constexpr std::array kGenerations = {"1.18", "1.19"};
// One row of batches is decoded and checked while the engine is busy with another.
constexpr int kLanes = 2;
constexpr int64_t kBatchBytes = int64_t{4} << 20;

class ShipWriter : public PointWriter {
 public:
  ShipWriter(SharedLoad load, size_t first, StopToken stop)
      : load_(std::move(load)), first_(first), stop_(std::move(stop)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    return load_->upsert(batch, first_, stop_);
  }
  Status remove(std::span<const PointId> ids) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    return load_->remove(ids);
  }
  Status checkpoint() override { return load_->flush(); }

 private:
  SharedLoad load_;
  size_t first_;
  StopToken stop_;
};

class ShipBackend : public Backend {
 public:
  ShipBackend(std::shared_ptr<Backend> target, ShipOptions options)
      : target_(std::move(target)), options_(std::move(options)) {}

  Capabilities capabilities() const override {
    Capabilities can = target_->capabilities();
    can.remove = true;
    can.upsert_existing = true;
    can.normalises_cosine = true;
    can.rounds_payload_floats = true;
    can.max_payload_depth = std::min(can.max_payload_depth, kMaxPayloadDepth);
    can.write_lanes = kLanes;
    can.batch_bytes = std::max(can.batch_bytes, kBatchBytes);
    return can;
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const fs::path parent, spool());
    ARROW_RETURN_NOT_OK(ship::check_room(parent, options_.expected_bytes));
    ARROW_RETURN_NOT_OK(target_->create(name, config, stop));
    VECFERRY_KILL_POINT("ship.created");
    auto load = ShipLoad::make(place_of(name, parent), options_, config, stop);
    if (!load.ok()) {
      discard(target_->drop(name, StopToken::Unstoppable()), "the first error says more");
      return load.status();
    }
    const std::lock_guard lock(mutex_);
    loads_[std::string(name)] = *std::move(load);
    return Status::OK();
  }

  Result<bool> take_over(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const bool ours, target_->take_over(name, std::move(stop)));
    if (find(name) != nullptr) {
      return ours;
    }
    if (!ours) {
      forget(name);  // what a process left that died when the target had finished
      return false;
    }
    if (options_.kept.empty()) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("the spool of the load of '{}' went with its process", name),
                   .next = "the load has to begin again"});
    }
    ARROW_ASSIGN_OR_RAISE(auto load, ShipLoad::reopen(place_of(name, options_.kept), options_));
    const std::lock_guard lock(mutex_);
    loads_[std::string(name)] = std::move(load);
    return true;
  }

  Status drop(std::string_view name, StopToken stop) override {
    const Status dropped = target_->drop(name, std::move(stop));
    if (dropped.ok() || kind_of(dropped) == ErrorKind::kNotFound) {
      VECFERRY_KILL_POINT("ship.dropped");
      forget(name);
    }
    return dropped;
  }

  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    const auto load = find(name);
    if (load != nullptr) {
      ARROW_RETURN_NOT_OK(load->put_in_place(config, stop));
    }
    ARROW_RETURN_NOT_OK(target_->finish(name, config, std::move(stop)));
    if (load != nullptr) {
      VECFERRY_KILL_POINT("ship.finished");
      forget(name);
    }
    return Status::OK();
  }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    if (auto load = find(name)) {
      ARROW_RETURN_NOT_OK(load->open_shards(stop));
      return std::make_unique<ShipWriter>(std::move(load), writers_++, std::move(stop));
    }
    return target_->open_writer(name, std::move(stop));
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    return target_->list(std::move(stop));
  }
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    return target_->describe(name, std::move(stop));
  }
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    return target_->count(name, filter, std::move(stop));
  }
  Result<bool> abandoned(std::string_view name, StopToken stop) override {
    return target_->abandoned(name, std::move(stop));
  }
  Status duplicate(std::string_view from, std::string_view to, StopToken stop) override {
    return target_->duplicate(from, to, std::move(stop));
  }
  Result<std::vector<std::string>> losses(const CollectionConfig& config, StopToken stop) override {
    return target_->losses(config, std::move(stop));
  }
  Result<std::string> unready(std::string_view name, StopToken stop) override {
    return target_->unready(name, std::move(stop));
  }
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    return target_->change_aliases(changes, std::move(stop));
  }
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    return target_->plan_scan(name, filter, parts, std::move(stop));
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    return target_->open_reader(name, options, std::move(stop));
  }
  SnapshotStore* snapshots() override { return target_->snapshots(); }

 private:
  // The folder in which each load has its own.
  Result<fs::path> spool() {
    if (!options_.kept.empty()) {
      std::error_code error;
      fs::create_directories(options_.kept, error);
      return error
                 ? Result<fs::path>(ship::at_spool(
                       options_.kept, fail({.kind = ErrorKind::kIo,
                                            .what = "cannot make the spool: " + error.message()})))
                 : options_.kept;
    }
    const std::lock_guard lock(mutex_);
    if (!folder_) {
      ARROW_ASSIGN_OR_RAISE(folder_, options_.spool.empty()
                                         ? TemporaryFolder::make("ship")
                                         : TemporaryFolder::make("ship", options_.spool));
    }
    return folder_->path();
  }

  ShipLoad::Place place_of(std::string_view name, const fs::path& parent) const {
    return {
        .target = target_, .collection = std::string(name), .folder = ship::spool_of(parent, name)};
  }

  SharedLoad find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = loads_.find(name);
    return found == loads_.end() ? nullptr : found->second;
  }

  void forget(std::string_view name) {
    SharedLoad load;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = loads_.find(name); found != loads_.end()) {
        load = std::move(found->second);
        loads_.erase(found);
      }
    }
    if (load != nullptr) {
      load->remove_folder();
    } else if (!options_.kept.empty()) {
      ship::remove_spool(ship::spool_of(options_.kept, name));
    }
    std::error_code not_empty;
    if (!options_.kept.empty()) {
      fs::remove(options_.kept, not_empty);
    }
  }

  const std::shared_ptr<Backend> target_;
  const ShipOptions options_;
  std::atomic<size_t> writers_{0};
  std::mutex mutex_;
  std::optional<TemporaryFolder> folder_{};  // guarded by mutex_; dropped after the loads
  std::map<std::string, SharedLoad, std::less<>> loads_{};  // guarded by mutex_
};

}  // namespace

Status can_ship(Backend& target, StopToken stop) {
  SnapshotStore* store = target.snapshots();
  if (store == nullptr) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "the target takes no snapshots of shards",
                 .next = "--route stream goes to any place"});
  }
  const auto kind = store->kind();
  if (std::find(kGenerations.begin(), kGenerations.end(), kind.generation) == kGenerations.end()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("a server of version {} is not known to take the files that "
                                     "are built here; versions {} are",
                                     kind.generation, fmt::join(kGenerations, " and ")),
                 .where = kind.place,
                 .next = "--route stream goes to any version"});
  }
  return store->may_write(std::move(stop));
}

void discard_kept(const fs::path& kept) {
  ship::remove_spool(kept);
}

Result<std::shared_ptr<Backend>> ship_to(std::shared_ptr<Backend> target, ShipOptions options) {
  if (target->snapshots() == nullptr) {
    return can_ship(*target, StopToken::Unstoppable());
  }
  return std::make_shared<ShipBackend>(std::move(target), std::move(options));
}

}  // namespace vecferry
