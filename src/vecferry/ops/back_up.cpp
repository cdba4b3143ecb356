#include "vecferry/ops/back_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "arrow/record_batch.h"
#include "vecferry/archive/backup_reader.h"
#include "vecferry/archive/native_file.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/archive/writer_mark.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/ops/backup_lane_internal.h"
#include "vecferry/ops/receipt.h"
#include "vecferry/pipeline/copy.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {
namespace {

// Each holds a segment and its encoded form, besides batches on their way.
constexpr int kMostLanes = 3;
// A reader merges this many at most; the backup after that is written whole.
constexpr int kMostLayers = 16;

bool same_vectors(const CollectionConfig& a, const CollectionConfig& b) {
  return a.vectors == b.vectors && a.custom_sharding() == b.custom_sharding();
}

class BackUp {
 public:
  BackUp(const std::shared_ptr<Repository>& repository, const BackUpRequest& request,
         Progress& progress, StopToken stop)
      : repository_(repository), request_(request), progress_(progress), stop_(std::move(stop)) {}

  Result<BackUpOutcome> carry_out() {
    if (!is_ordered(request_.points)) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "a backup needs points in the order of their ids, and this source has "
                           "none",
                   .where = request_.source,
                   .next = "`vecferry import` it into a local:DIR place, and back that up"});
    }
    ARROW_ASSIGN_OR_RAISE(const auto mark,
                          WriterMark::take(repository_, Access::kShared, "backup", stop_));
    const Status written = write();
    if (!written.ok()) {
      mark->tidy_up();
      return written;
    }
    return std::move(outcome_);
  }

 private:
  Status write() {
    ARROW_RETURN_NOT_OK(find_parent());
    Manifest& manifest = outcome_.manifest;
    manifest.collection = request_.collection;
    manifest.id = request_.id;
    manifest.time = time_of_backup(request_.id);
    manifest.source = request_.source;
    manifest.program = std::string(program_version());
    manifest.config = request_.config;
    const auto can = request_.points.backend->capabilities();
    manifest.settled = can.normalises_cosine && can.rounds_payload_floats;
    manifest.route = request_.route;
    ARROW_RETURN_NOT_OK(read_all());
    if (request_.native) {
      ARROW_RETURN_NOT_OK(keep_native());
    }
    ARROW_RETURN_NOT_OK(read_back());
    VECFERRY_KILL_POINT("backup.proved");
    return repository_->add(manifest);
  }

  // The backup to go on from.
  Status find_parent() {
    if (request_.whole) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto ids, repository_->backups(request_.collection, stop_));
    if (ids.empty()) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto newest, repository_->manifest(request_.collection, ids.back()));
    if (same_vectors(newest.config, request_.config) && newest.layers() < kMostLayers) {
      outcome_.manifest.parent = newest.id;
      parent_ = std::move(newest);
    }
    return Status::OK();
  }

  Status read_all() {
    Manifest& manifest = outcome_.manifest;
    const bool live = request_.points.backend->capabilities().live;
    const Manifest* before = parent_ ? &*parent_ : nullptr;
    if (before != nullptr) {
      manifest.segments = before->segments;
    }
    manifest.consistency = live ? Consistency::kMoving : Consistency::kPointInTime;
    for (int pass = 0; pass < std::max(1, request_.max_passes); ++pass) {
      BackupShare share;
      const Status read = read_once(before, manifest.layers(), &share);
      const bool quiet = share.changes() == 0;
      take(std::move(share));
      ARROW_RETURN_NOT_OK(read);
      VECFERRY_KILL_POINT("backup.read");
      if (!live) {
        break;
      }
      if (pass > 0 && quiet) {
        manifest.consistency = Consistency::kQuiet;
        break;
      }
      before = &manifest;
    }
    return Status::OK();
  }

  void take(BackupShare share) {
    Manifest& manifest = outcome_.manifest;
    outcome_.bytes += share.bytes;
    manifest.points = share.digest;
    manifest.added += share.added;
    manifest.changed += share.changed;
    manifest.removed += share.removed;
    for (auto& segment : share.segments) {
      outcome_.written += segment.bytes;
      written_.push_back(segment);
      manifest.segments.push_back(std::move(segment));
    }
  }

  // What `before` points to may be the manifest itself: it changes only afterwards.
  Status read_once(const Manifest* before, int layer, BackupShare* total) {
    const int lanes = std::clamp(request_.points.backend->capabilities().read_lanes, 1, kMostLanes);
    Source source = copy_of(request_.points);
    source.batch_bytes = batch_bytes_for(
        request_.memory_bytes, lanes,
        source.batch_bytes > 0 ? source.batch_bytes : source.backend->capabilities().batch_bytes);
    ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(source, lanes, stop_));
    progress_.begin(Phase::kBackingUp, before != nullptr ? before->points.count : 0);
    std::mutex mutex;
    return run_side_by_side(
        ranges.size(), lanes, stop_, [&](size_t index, const StopToken& stop) -> Status {
          BackupShare share;
          const Status status =
              back_up_range(*repository_, source, request_.config, request_.collection, before,
                            layer, ranges[index], progress_, stop, &share);
          const std::lock_guard lock(mutex);
          total->merge(std::move(share));
          return status;
        });
  }

  // What is new, from the archive itself: the rest was proved when it was new.
  Status read_back() {
    Manifest fresh = outcome_.manifest;
    fresh.segments = written_;
    progress_.begin(Phase::kVerifying, 0);
    return prove_segments(*repository_, fresh, progress_, stop_);
  }

  // The shards as their server keeps them, of the same moment as the points.
  Status keep_native() {
    SnapshotStore* store = request_.points.backend->snapshots();
    if (store == nullptr) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "this place has no files of its own to keep (--native)",
                   .where = request_.source,
                   .next = "leave --native out"});
    }
    const std::string& from = request_.points.collection;
    ARROW_ASSIGN_OR_RAISE(const auto shards, store->shards(from, stop_));
    ARROW_ASSIGN_OR_RAISE(const auto file,
                          NativeWriter::begin(*repository_, request_.collection, request_.id));
    for (const auto& shard : shards) {
      // A tar has the size before the content; the files lie on this machine, so once more is
      // cheap.
      uint64_t bytes = 0;
      const auto count = [&bytes](std::string_view piece) {
        bytes += piece.size();
        return Status::OK();
      };
      ARROW_RETURN_NOT_OK(store->read_shard(from, shard.id, count, stop_));
      ARROW_RETURN_NOT_OK(file->begin_shard(shard.id, shard.key, bytes));
      const auto keep = [&file](std::string_view piece) { return file->write(piece); };
      ARROW_RETURN_NOT_OK(store->read_shard(from, shard.id, keep, stop_));
    }
    ARROW_ASSIGN_OR_RAISE(outcome_.manifest.native, file->close(store->kind().generation));
    outcome_.written += outcome_.manifest.native->bytes;
    return repository_->check_native(outcome_.manifest);
  }

  const std::shared_ptr<Repository>& repository_;
  const BackUpRequest& request_;
  Progress& progress_;
  StopToken stop_;
  std::optional<Manifest> parent_{};
  std::vector<SegmentRef> written_{};
  BackUpOutcome outcome_{};
};

Status differs(const Repository& repository, const std::string& where) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "what was read back from the archive is not what was written",
               .where = repository.label() + "/" + where,
               .next = "check the disk, and `vecferry check` the archive"});
}

Result<RangeDigest> digest_of(arrow::RecordBatchReader& reader, Progress& progress,
                              const StopToken& stop) {
  RangeDigest digest;
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
    if (batch == nullptr) {
      return digest;
    }
    ARROW_RETURN_NOT_OK(digest_batch(*batch, &digest, nullptr));
    progress.points += static_cast<uint64_t>(batch->num_rows());
  }
}

}  // namespace

Result<BackUpOutcome> back_up(const std::shared_ptr<Repository>& repository,
                              const BackUpRequest& request, Progress& progress, StopToken stop) {
  return BackUp(repository, request, progress, std::move(stop)).carry_out();
}

Status remove_backup(const std::shared_ptr<Repository>& repository, const std::string& collection,
                     const std::string& id, StopToken stop) {
  // Before it waits for others: without a manifest there is nothing, and nobody else will make it.
  const auto manifest = repository->manifest(collection, id);
  if (!manifest.ok()) {
    return kind_of(manifest.status()) == ErrorKind::kNotFound ? Status::OK() : manifest.status();
  }
  ARROW_ASSIGN_OR_RAISE(const auto mark,
                        WriterMark::take(repository, Access::kAlone, "removal of a backup", stop));
  ARROW_RETURN_NOT_OK(repository->remove(collection, id));
  VECFERRY_KILL_POINT("archive.removed");
  ARROW_ASSIGN_OR_RAISE(const auto others, all_manifests(*repository, stop));
  const auto needed = files_needed(others);
  for (const auto& path : files_needed({*manifest})) {
    if (needed.count(path) == 0) {
      ARROW_RETURN_NOT_OK(repository->store().remove(path));
    }
  }
  return Status::OK();
}

// Each segment alone: its points, and nothing of other layers.
Status prove_segments(const Repository& repository, const Manifest& manifest, Progress& progress,
                      StopToken stop) {
  return run_side_by_side(
      manifest.segments.size(), kMostLanes - 1, stop,
      [&](size_t index, const StopToken& lane_stop) -> Status {
        const SegmentRef& segment = manifest.segments[index];
        Manifest alone = manifest;
        alone.segments = {segment};
        ARROW_ASSIGN_OR_RAISE(const auto reader, read_backup(repository, alone, {}, lane_stop));
        ARROW_ASSIGN_OR_RAISE(const auto digest, digest_of(*reader, progress, lane_stop));
        return digest == RangeDigest{.count = segment.points, .sum = segment.digest}
                   ? Status::OK()
                   : differs(repository, segment.path());
      });
}

Status prove_backup(const Repository& repository, const Manifest& manifest, Progress& progress,
                    StopToken stop) {
  progress.begin(Phase::kVerifying, manifest.points.count);
  const auto ranges = plan_backup_ranges(manifest, kMostLanes - 1);
  RangeDigest total;
  std::mutex mutex;
  ARROW_RETURN_NOT_OK(run_side_by_side(
      ranges.size(), kMostLanes - 1, stop, [&](size_t index, const StopToken& lane_stop) -> Status {
        ARROW_ASSIGN_OR_RAISE(const auto reader, read_backup(repository, manifest,
                                                             {.range = ranges[index]}, lane_stop));
        ARROW_ASSIGN_OR_RAISE(const auto digest, digest_of(*reader, progress, lane_stop));
        const std::lock_guard lock(mutex);
        total.merge(digest);
        return Status::OK();
      }));
  return total == manifest.points ? Status::OK()
                                  : differs(repository, manifest.collection + "@" + manifest.id);
}

}  // namespace vecferry
