#include <fmt/format.h>

#include "vecferry/base/kill_point.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/restore.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

// Writes that came after the copy would be lost with it.
Status check_unchanged(const DropStep& step, const OpenedEnd& target, StepRun& run) {
  const RangeDigest& then = run.all.at(static_cast<size_t>(*step.unchanged_since)).digest;
  run.progress.begin(Phase::kVerifying, then.count);
  ARROW_ASSIGN_OR_RAISE(const auto now, digest_of(target, run.progress, run.stop));
  if (now == then) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused,
               .what = fmt::format("'{}' was written to after it was copied ({} points then, {} "
                                   "now): it is not dropped",
                                   step.target_label, then.count, now.count),
               .where = step.target_label,
               .next = "stop the writer, then undo this operation and run it again"});
}

}  // namespace

Status run(const DropStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, run.stop));
  if (!config && run.facts.made) {
    return Status::OK();  // it went, and nobody could note it
  }
  if (step.unchanged_since && config) {
    ARROW_RETURN_NOT_OK(check_unchanged(step, target, run));
  }
  run.facts.made = true;
  ARROW_RETURN_NOT_OK(run.note());
  VECFERRY_KILL_POINT("drop.noted");
  ARROW_RETURN_NOT_OK(target.backend->drop(target.collection, run.stop));
  VECFERRY_KILL_POINT("drop.dropped");
  return Status::OK();
}

Status undo(const DropStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  if (!step.backup) {
    ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
    ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, run.stop));
    if (config) {
      return Status::OK();  // it was never dropped
    }
    return fail({.kind = ErrorKind::kRefused,
                 .what = fmt::format("'{}' was dropped without a backup (--no-backup): there is "
                                     "nothing to restore it from",
                                     step.target_label),
                 .where = step.target_label});
  }
  return restore_backup(backup_address(run, *step.backup), step.target, step.aliases, run.places,
                        run.progress, run.stop);
}

}  // namespace vecferry
