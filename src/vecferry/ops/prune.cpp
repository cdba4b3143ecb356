#include "vecferry/ops/prune.h"

#include <algorithm>
#include <mutex>

#include "arrow/record_batch.h"
#include "vecferry/archive/backup_reader.h"
#include "vecferry/archive/segment_writer.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/archive/writer_mark.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/ops/back_up.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {
namespace {

constexpr int kLanes = 2;

Status remove_file(const Repository& repository, const std::string& path) {
  const Status removed = repository.store().remove(path);
  return !removed.ok() && kind_of(removed) == ErrorKind::kNotFound ? Status::OK() : removed;
}

bool same(const PrunePlan& a, const PrunePlan& b) {
  const auto equal = [](const BackupRef& x, const BackupRef& y) {
    return x.collection == y.collection && x.id == y.id;
  };
  return std::equal(a.removed.begin(), a.removed.end(), b.removed.begin(), b.removed.end(), equal);
}

// One range of a backup into segments of layer 0.
Status rewrite(Repository& repository, const Manifest& manifest, const IdRange& range,
               Progress& progress, const StopToken& stop, std::vector<SegmentRef>* written) {
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        read_backup(repository, manifest, {.range = range}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        SegmentWriter::make(repository, manifest.config, manifest.collection, 0));
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    RangeDigest sum;
    std::vector<Digest128> digests;
    ARROW_RETURN_NOT_OK(digest_batch(*batch, &sum, &digests));
    ARROW_RETURN_NOT_OK(writer->add(*batch, digests));
    progress.points += static_cast<uint64_t>(batch->num_rows());
  }
  const Status flushed = writer->flush();
  *written = writer->written();
  return flushed;
}

}  // namespace

uint64_t PrunePlan::bytes() const {
  uint64_t total = 0;
  for (const auto& file : files) {
    total += file.bytes;
  }
  return total;
}

Result<PrunePlan> plan_prune(const Repository& repository, const PruneRequest& request,
                             StopToken stop) {
  if (request.rules.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "nothing says what is kept",
                 .where = repository.label(),
                 .next = "for example --keep-last 7 --weekly 4 --monthly 12"});
  }
  PrunePlan plan;
  std::vector<Manifest> left;
  ARROW_ASSIGN_OR_RAISE(const auto names, repository.collections(stop));
  if (!request.collection.empty() &&
      std::find(names.begin(), names.end(), request.collection) == names.end()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = "no backup of '" + request.collection + "' in this archive",
                 .where = repository.label()});
  }
  for (const auto& name : names) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, repository.backups(name, stop));
    auto kept = kept_by(request.rules, ids);
    if (!request.collection.empty() && name != request.collection) {
      kept.insert(ids.begin(), ids.end());
    }
    ARROW_ASSIGN_OR_RAISE(const auto mark, repository.mark(name));
    for (const auto& id : ids) {
      if (kept.count(id) == 0 && (!mark || mark->backup != id)) {
        plan.removed.push_back({name, id});
        continue;
      }
      plan.kept.push_back({name, id});
      ARROW_ASSIGN_OR_RAISE(auto manifest, repository.manifest(name, id));
      left.push_back(std::move(manifest));
    }
  }
  const auto needed = files_needed(left);
  for (const char* folder : {"segments/", "native/"}) {
    ARROW_ASSIGN_OR_RAISE(const auto files, repository.store().list(folder));
    std::copy_if(files.begin(), files.end(), std::back_inserter(plan.files),
                 [&](const StoredFile& file) { return needed.count(file.path) == 0; });
  }
  return plan;
}

Status run_prune(const std::shared_ptr<Repository>& repository, const PruneRequest& request,
                 const PrunePlan& plan, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto mark,
                        WriterMark::take(repository, Access::kAlone, "prune", stop));
  // Nobody else writes from here on; what was planned must still be so.
  ARROW_ASSIGN_OR_RAISE(const auto now, plan_prune(*repository, request, stop));
  if (!same(now, plan)) {
    return fail({.kind = ErrorKind::kConflict,
                 .what = "backups were added or removed since the plan was made",
                 .where = repository->label(),
                 .next = "run it again"});
  }
  for (const auto& backup : now.removed) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(repository->remove(backup.collection, backup.id));
    VECFERRY_KILL_POINT("prune.manifest_removed");
  }
  for (const auto& file : now.files) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(remove_file(*repository, file.path));
    VECFERRY_KILL_POINT("prune.file_removed");
  }
  return Status::OK();
}

Result<bool> compact(const std::shared_ptr<Repository>& repository, const std::string& collection,
                     Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto mark,
                        WriterMark::take(repository, Access::kAlone, "compact", stop));
  ARROW_ASSIGN_OR_RAISE(const auto manifest, repository->find(collection, "", stop));
  if (manifest.layers() <= 1) {
    return false;
  }
  progress.begin(Phase::kBackingUp, manifest.points.count);
  const auto ranges = plan_backup_ranges(manifest, kLanes);
  Manifest folded = manifest;
  folded.segments.clear();
  folded.parent.reset();
  std::mutex mutex;
  const Status written = run_side_by_side(
      ranges.size(), kLanes, stop, [&](size_t index, const StopToken& lane_stop) -> Status {
        std::vector<SegmentRef> segments;
        const Status status =
            rewrite(*repository, manifest, ranges[index], progress, lane_stop, &segments);
        const std::lock_guard lock(mutex);
        folded.segments.insert(folded.segments.end(), segments.begin(), segments.end());
        return status;
      });
  VECFERRY_KILL_POINT("compact.written");
  const Status proved = written.ok() ? prove_backup(*repository, folded, progress, stop) : written;
  if (!proved.ok()) {
    mark->tidy_up();
    return proved;
  }
  ARROW_RETURN_NOT_OK(repository->replace(folded));
  VECFERRY_KILL_POINT("compact.replaced");
  ARROW_ASSIGN_OR_RAISE(const auto unneeded, find_unreferenced(*repository, stop));
  for (const auto& file : unneeded) {
    ARROW_RETURN_NOT_OK(remove_file(*repository, file.path));
  }
  return true;
}

}  // namespace vecferry
