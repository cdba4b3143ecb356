#include <algorithm>
#include <utility>

#include "vecferry/base/kill_point.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/id_file.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/repair.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

constexpr size_t kRemovedAtOnce = 10'000;

// The ids of a batch.
Result<std::vector<PointId>> ids_of(const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
  std::vector<PointId> ids;
  ids.reserve(static_cast<size_t>(batch.num_rows()));
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    ids.push_back(points.id(row));
  }
  return ids;
}

// The reader is gone before its points are: a place need not let both go on at once.
Result<std::vector<PointId>> some_ids(const OpenedEnd& target, const StopToken& stop) {
  const Source source{.backend = target.backend.get(),
                      .collection = target.collection,
                      .vectors = std::vector<std::string>(),
                      .payload = false};
  ARROW_ASSIGN_OR_RAISE(const auto reader, open_source(source, {}, stop));
  std::vector<PointId> ids;
  while (ids.size() < kRemovedAtOnce) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    ARROW_ASSIGN_OR_RAISE(const auto more, ids_of(*batch));
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

Status remove_all(const OpenedEnd& target, StepRun& run) {
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, some_ids(target, run.stop));
    if (ids.empty()) {
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(
        remove_ids(*target.backend, target.collection, ids, run.progress, run.stop));
    VECFERRY_KILL_POINT("change.some_removed");
    run.facts.removed += ids.size();
  }
}

Status upsert(const ChangeStep& step, const OpenedEnd& target, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto config, target.backend->describe(target.collection, run.stop));
  ARROW_ASSIGN_OR_RAISE(auto source,
                        open_load_source(*step.source, run.files(), run.places, run.stop));
  ARROW_RETURN_NOT_OK(adapt_to(config, *target.backend, &source));
  const CopyLimits limits{.lanes = std::max(1, target.backend->capabilities().write_lanes),
                          .memory_bytes = step.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(source.points, limits.lanes, run.stop));
  SilentObserver observer;  // begun again, it upserts the same points again
  run.progress.begin(Phase::kCopying, 0);
  ARROW_ASSIGN_OR_RAISE(const auto outcome,
                        copy_points(source.points, ranges, *target.backend, target.collection,
                                    limits, observer, run.progress, run.stop));
  run.facts.digest = outcome.digest;
  run.facts.bytes = outcome.bytes;
  run.facts.counts = outcome.counts;
  VECFERRY_KILL_POINT("change.upserted");
  // What was upserted is read back; what else is there is none of our business.
  Source there{.backend = target.backend.get(), .collection = target.collection};
  if (!step.source->only.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto ids, read_ids(run.files() / step.source->only));
    there.rows =
        choose_ids(std::make_shared<const std::vector<PointId>>(std::move(ids)), Listed::kKept);
  }
  run.progress.begin(Phase::kComparing, 0);
  ARROW_ASSIGN_OR_RAISE(const auto found,
                        compare_points(source.points, there,
                                       {.ignore_extra = true,
                                        .lanes = target.backend->capabilities().read_lanes,
                                        .memory_bytes = step.memory_bytes},
                                       run.progress, run.stop));
  if (!found.equal) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "what was read back is not what was written",
                 .where = step.target_label,
                 .next = "if nobody else writes to it this is a bug: please report it"});
  }
  run.facts.verified = true;
  return Status::OK();
}

}  // namespace

Status run(const ChangeStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  run.facts.made = true;
  run.facts.removed = 0;
  ARROW_RETURN_NOT_OK(run.note());
  VECFERRY_KILL_POINT("change.noted");
  if (step.source) {
    ARROW_RETURN_NOT_OK(upsert(step, target, run));
  }
  if (step.removes_all) {
    ARROW_RETURN_NOT_OK(remove_all(target, run));
    run.facts.verified = true;
  }
  if (!step.removed.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, read_ids(run.files() / step.removed));
    ARROW_RETURN_NOT_OK(
        remove_ids(*target.backend, target.collection, ids, run.progress, run.stop));
    VECFERRY_KILL_POINT("change.removed");
    run.facts.removed = ids.size();
  }
  return Status::OK();
}

Status undo(const ChangeStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  if (!step.added.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto ids, read_ids(run.files() / step.added));
    ARROW_RETURN_NOT_OK(
        remove_ids(*target.backend, target.collection, ids, run.progress, run.stop));
    VECFERRY_KILL_POINT("change.added_removed");
  }
  if (step.nothing_replaced) {
    return Status::OK();
  }
  if (!step.backup) {
    return fail({.kind = ErrorKind::kRefused,
                 .what = "what was replaced or removed was not backed up (--no-backup)",
                 .where = step.target_label,
                 .next = "restore it from a backup of your own, if there is one"});
  }
  const std::string backup = backup_address(run, *step.backup);
  const ChangeStep back{.source = LoadSource{.address = backup, .label = backup},
                        .target = step.target,
                        .target_label = step.target_label,
                        .memory_bytes = step.memory_bytes};
  return upsert(back, target, run);
}

}  // namespace vecferry
