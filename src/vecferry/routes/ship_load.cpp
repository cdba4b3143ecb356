#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/routes/ship_load_internal.h"
#include "vecferry/routes/ship_spool_internal.h"

namespace vecferry::ship {
namespace {

namespace fs = std::filesystem;

std::string label(const ShardInfo& shard) {
  return shard.key ? fmt::format("shard {} of key {}", shard.id, *shard.key)
                   : fmt::format("shard {}", shard.id);
}

}  // namespace

fs::path ShipLoad::shard_folder(uint32_t id) const {
  return place_.folder / fmt::format("shard-{}", id);
}

fs::path ShipLoad::pack_file(uint32_t id) const {
  return place_.folder / fmt::format("shard-{}.snapshot", id);
}

Status ShipLoad::at(const Status& status) const {
  return at_spool(place_.folder, status);
}

Status ShipLoad::gone() const {
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("the load of '{}' has ended", place_.collection),
               .where = place_.folder.string()});
}

Result<std::shared_ptr<ShipLoad>> ShipLoad::make(Place place, const ShipOptions& options,
                                                 const CollectionConfig& wanted,
                                                 const StopToken& stop) {
  std::shared_ptr<ShipLoad> load(new ShipLoad(std::move(place), options));
  ARROW_ASSIGN_OR_RAISE(const auto at_target,
                        load->place_.target->describe(load->place_.collection, stop));
  ARROW_ASSIGN_OR_RAISE(const auto shards, load->store().shards(load->place_.collection, stop));
  load->record_.collection = load->place_.collection;
  ARROW_ASSIGN_OR_RAISE(load->record_.settings, shard_settings(at_target, wanted));
  remove_spool(load->place_.folder);
  std::error_code error;
  fs::create_directories(load->place_.folder, error);
  if (error) {
    return load->at(
        system_failure(error.value(), "cannot make the spool", load->place_.folder.string()));
  }
  const std::unique_lock lock(load->mutex_);
  // Each shard is packed beside itself.
  const uint64_t packs = shards.empty() ? 0 : options.expected_bytes / shards.size();
  Status made = check_room(load->place_.folder, options.expected_bytes + packs);
  if (made.ok()) {
    made = load->add_shards(shards);
  }
  if (!made.ok()) {
    load->shards_.clear();
    remove_spool(load->place_.folder);
    return load->at(made);
  }
  VECFERRY_KILL_POINT("ship.recorded");
  return load;
}

Result<std::shared_ptr<ShipLoad>> ShipLoad::reopen(Place place, const ShipOptions& options) {
  std::shared_ptr<ShipLoad> load(new ShipLoad(std::move(place), options));
  ARROW_ASSIGN_OR_RAISE(load->record_, read_record(load->place_.folder, load->place_.collection));
  std::vector<ShardInfo> infos;
  for (const auto& shard : load->record_.shards) {
    load->index_of_[shard.info.id] = infos.size();
    infos.push_back(shard.info);
  }
  load->shards_.resize(infos.size());
  ARROW_ASSIGN_OR_RAISE(load->router_, ShardRouter::make(infos));
  return load;
}

Status ShipLoad::open_shards(const StopToken& stop) {
  const std::unique_lock lock(mutex_);
  if (closed_) {
    return gone();
  }
  for (size_t i = 0; i < shards_.size(); ++i) {
    ARROW_RETURN_NOT_OK(poll(stop));
    if (!record_.shards[i].in_place) {
      ARROW_RETURN_NOT_OK(open_shard(i));
    }
  }
  return Status::OK();
}

Status ShipLoad::open_shard(size_t index) {
  if (shards_[index] == nullptr) {
    auto shard = engine::Shard::open(shard_folder(record_.shards[index].info.id), record_.settings,
                                     {.wal = false, .index_threads = options_.index_threads});
    if (!shard.ok()) {
      // The record says that it is there.
      const bool missing = kind_of(shard.status()) == ErrorKind::kNotFound;
      return at(missing ? fail({.kind = ErrorKind::kCorrupt, .what = shard.status().message()})
                        : shard.status());
    }
    shards_[index] = *std::move(shard);
  }
  return Status::OK();
}

// Those that are not here yet. They are durable, and in the record, before a row is written.
Status ShipLoad::add_shards(const std::vector<ShardInfo>& shards) {
  std::vector<ShardInfo> all;
  for (const auto& shard : shards) {
    all.push_back(shard);
    if (index_of_.count(shard.id) > 0) {
      continue;
    }
    const fs::path folder = shard_folder(shard.id);
    remove_spool(folder);
    auto made = engine::Shard::create(folder, record_.settings,
                                      {.wal = false, .index_threads = options_.index_threads});
    ARROW_RETURN_NOT_OK(widen(made.status(), label(shard)));
    index_of_[shard.id] = shards_.size();
    shards_.push_back(*std::move(made));
    record_.shards.push_back({.info = shard});
  }
  ARROW_ASSIGN_OR_RAISE(router_, ShardRouter::make(all));
  VECFERRY_KILL_POINT("ship.shards_made");
  ARROW_RETURN_NOT_OK(write_record(place_.folder, record_));
  return sync_folder(place_.folder.parent_path());
}

// Only the target makes shards, and only when a point comes for them. The point's copy there is
// replaced with everything else when the shard is put in place.
Status ShipLoad::make_key(const arrow::RecordBatch& row, const StopToken& stop) {
  const std::unique_lock lock(mutex_);
  if (closed_) {
    return gone();
  }
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(row));
  const auto key = points.shard_key(0);
  if (router_->shard_of(points.id(0), key)) {
    return Status::OK();  // another lane has made it
  }
  ARROW_ASSIGN_OR_RAISE(auto writer, place_.target->open_writer(place_.collection, stop));
  ARROW_RETURN_NOT_OK(writer->upsert(row));
  ARROW_RETURN_NOT_OK(writer->checkpoint());
  VECFERRY_KILL_POINT("ship.key_made");
  ARROW_ASSIGN_OR_RAISE(const auto shards, store().shards(place_.collection, stop));
  ARROW_RETURN_NOT_OK(at(add_shards(shards)));
  if (router_->shard_of(points.id(0), key)) {
    return Status::OK();
  }
  return fail(
      {.kind = ErrorKind::kIncompatible,
       .what = fmt::format("the target made no shard for it (shard key {})", key.value_or("none")),
       .where = fmt::format("point {}", to_string(points.id(0))),
       .next = "--route stream leaves the placing to the server"});
}

void ShipLoad::remove_folder() {
  const std::unique_lock lock(mutex_);
  closed_ = true;
  shards_.clear();  // an error of closing is nothing to what is removed
  remove_spool(place_.folder);
}

}  // namespace vecferry::ship
