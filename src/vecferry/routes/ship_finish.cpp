#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "vecferry/base/kill_point.h"
#include "vecferry/routes/ship_load_internal.h"
#include "vecferry/routes/ship_spool_internal.h"

namespace vecferry::ship {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 3;

// A server checks nothing of a shard that it is given, so this is all that stands between it and
// one that does not fit (facts: names, sizes and distances that differ are taken with a 200).
Status differs(const ShipLoad::Place& place, std::string what) {
  return fail({.kind = ErrorKind::kConflict,
               .what = std::move(what),
               .where = fmt::format("collection '{}'", place.collection),
               .next =
                   "nothing was put in place; run the operation again while nobody else changes "
                   "that collection"});
}

bool same_shards(const std::vector<ShardInfo>& there, const std::vector<ShardRecord>& here) {
  const auto is_here = [&](const ShardInfo& shard) {
    return std::any_of(here.begin(), here.end(), [&](const ShardRecord& record) {
      return record.info.id == shard.id && record.info.key == shard.key;
    });
  };
  return there.size() == here.size() && std::all_of(there.begin(), there.end(), is_here);
}

}  // namespace

Status ShipLoad::put_in_place(const CollectionConfig& config, const StopToken& stop) {
  const std::unique_lock lock(mutex_);
  if (closed_) {
    return gone();
  }
  const bool complete = std::all_of(record_.shards.begin(), record_.shards.end(),
                                    [](const ShardRecord& shard) { return shard.in_place; });
  if (!complete) {  // after that the target may have begun to set what was held back
    ARROW_RETURN_NOT_OK(check_target(config, stop));
  }
  uint64_t total = 0;
  std::vector<uint64_t> vectors(shards_.size());
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (!record_.shards[i].in_place) {
      ARROW_RETURN_NOT_OK(open_shard(i));
      ARROW_RETURN_NOT_OK(check_shard(*shards_[i]));
      ARROW_ASSIGN_OR_RAISE(const uint64_t points, shards_[i]->count(nullptr));
      vectors[i] = points * record_.settings.vectors.size();
      total += vectors[i];
    }
  }
  uint64_t done = 0;
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (!record_.shards[i].in_place) {
      ARROW_RETURN_NOT_OK(build(i, config, done, total, stop));
      ARROW_RETURN_NOT_OK(send(i, stop));
      done += vectors[i];
    }
  }
  return prove(stop);
}

Status ShipLoad::check_target(const CollectionConfig& wanted, const StopToken& stop) const {
  ARROW_ASSIGN_OR_RAISE(const auto now, place_.target->describe(place_.collection, stop));
  if (now.vectors != record_.settings.vectors) {
    return differs(place_,
                   "the target's collection has other vectors than the shards that were "
                   "built for it");
  }
  ARROW_ASSIGN_OR_RAISE(const auto settings, shard_settings(now, wanted));
  const auto differences = segment_differences(record_.settings, settings);
  if (!differences.empty()) {
    return differs(place_, fmt::format("the target's settings are no longer those that the shards "
                                       "were built with: {}",
                                       differences.front()));
  }
  ARROW_ASSIGN_OR_RAISE(const auto shards, store().shards(place_.collection, stop));
  if (!same_shards(shards, record_.shards)) {
    return differs(place_, "the target's collection has other shards than it had");
  }
  return Status::OK();
}

Status ShipLoad::check_shard(const engine::Shard& shard) const {
  auto held = shard.config();
  ARROW_RETURN_NOT_OK(at(held.status()));
  if (held->vectors == record_.settings.vectors) {
    return Status::OK();
  }
  return differs(place_, "a shard in the spool has other vectors than the target's collection");
}

// Payload indexes first: the graphs take them into account.
Status ShipLoad::build(size_t index, const CollectionConfig& config, uint64_t done, uint64_t total,
                       const StopToken& stop) {
  const uint32_t id = record_.shards[index].info.id;
  auto& shard = *shards_[index];
  for (const auto& payload_index : config.payload_indexes) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_room(place_.folder, 0));
    ARROW_RETURN_NOT_OK(at(shard.create_index(payload_index)));
  }
  VECFERRY_KILL_POINT("ship.payload_indexed");
  // Indexing writes the points anew, beside what is there; packing copies the outcome.
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, bytes_on_disk(shard_folder(id)));
  ARROW_RETURN_NOT_OK(check_room(place_.folder, bytes));
  if (options_.build_index) {
    const auto progress = [&](uint64_t indexed, uint64_t /*of*/) {
      if (options_.index_progress) {
        options_.index_progress(std::min(done + indexed, total), total);
      }
    };
    ARROW_RETURN_NOT_OK(at(shard.optimise(progress, stop)));
    ARROW_RETURN_NOT_OK(at(shard.flush()));
  }
  VECFERRY_KILL_POINT("ship.indexed");
  return Status::OK();
}

Status ShipLoad::send(size_t index, const StopToken& stop) {
  auto& record = record_.shards[index];
  const uint32_t id = record.info.id;
  const fs::path file = pack_file(id);
  std::error_code error;
  fs::remove(file, error);  // of a run that was cut off
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, bytes_on_disk(shard_folder(id)));
  ARROW_RETURN_NOT_OK(check_room(place_.folder, bytes));
  // A number above all that the points carry: else the server would acknowledge updates of them
  // and drop them.
  auto next = shards_[index]->pack_snapshot(file, 0, {}, stop);
  ARROW_RETURN_NOT_OK(at(next.status()));
  auto sha256 = sha256_of(file, stop);
  ARROW_RETURN_NOT_OK(at(sha256.status()));
  VECFERRY_KILL_POINT("ship.packed");
  ARROW_RETURN_NOT_OK(upload(id, {.path = file, .sha256 = *std::move(sha256)}, stop));
  VECFERRY_KILL_POINT("ship.uploaded");
  record.in_place = true;
  record.next_operation = *next;
  const Status noted = write_record(place_.folder, record_);
  if (!noted.ok()) {
    record.in_place = false;
    return at(noted);
  }
  VECFERRY_KILL_POINT("ship.noted");
  ARROW_RETURN_NOT_OK(at(shards_[index]->close()));
  shards_[index].reset();
  remove_spool(shard_folder(id));
  fs::remove(file, error);
  VECFERRY_KILL_POINT("ship.shard_removed");
  return Status::OK();
}

// The same again replaces what came before.
Status ShipLoad::upload(uint32_t id, const ShardFile& file, const StopToken& stop) const {
  for (int tries = 1;; ++tries) {
    const Status sent = store().write_shard(place_.collection, id, file, stop);
    if (sent.ok() || tries == kTries || !failure_of(sent).retryable) {
      return sent;
    }
    ARROW_RETURN_NOT_OK(poll(stop));
  }
}

Status ShipLoad::prove(const StopToken& stop) const {
  if (record_.shards.empty()) {
    return Status::OK();
  }
  const auto least = std::min_element(
      record_.shards.begin(), record_.shards.end(),
      [](const auto& a, const auto& b) { return a.next_operation < b.next_operation; });
  ARROW_RETURN_NOT_OK(store().prove_writable(place_.collection, least->next_operation, stop));
  VECFERRY_KILL_POINT("ship.proved");
  return Status::OK();
}

}  // namespace vecferry::ship
