#include <fmt/format.h>

#include <filesystem>

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

std::filesystem::path shelf_folder(const StepRun& run) {
  return run.files() / "aside";
}

Result<Shelf*> shelf_of(const OpenedEnd& target) {
  auto* shelf = target.backend->shelf();
  if (shelf != nullptr) {
    return shelf;
  }
  return fail({.kind = ErrorKind::kInternal,
               .what = "this place does not put collections aside",
               .where = target.label});
}

// The files are back in their place, and hold what they held.
Status move_back(const DropStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(auto* const shelf, shelf_of(target));
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, run.stop));
  const auto folder = shelf_folder(run);
  if (config && !shelf->holds(target.collection, folder)) {
    return Status::OK();  // it never left, or is back already
  }
  ARROW_RETURN_NOT_OK(shelf->take_back(target.collection, folder));
  VECFERRY_KILL_POINT("drop.moved_back");
  const RangeDigest& then = run.all.at(static_cast<size_t>(*step.unchanged_since)).digest;
  run.progress.begin(Phase::kVerifying, then.count);
  ARROW_ASSIGN_OR_RAISE(const auto now, digest_of(target, run.progress, run.stop));
  if (now == then) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("'{}' is back, but with other points than it left with ({} "
                                   "then, {} now)",
                                   step.target_label, then.count, now.count),
               .where = step.target_label,
               .next = "check the disk; somebody may have written to the files while they lay "
                       "beside the journal"});
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
  if (step.aside) {
    ARROW_ASSIGN_OR_RAISE(auto* const shelf, shelf_of(target));
    ARROW_RETURN_NOT_OK(shelf->put(target.collection, shelf_folder(run)));
    run.facts.notes.push_back(
        fmt::format("the files of {} lie in {}: remove that folder to give the space back; there "
                    "is no undo then",
                    step.target_label, shelf_folder(run).string()));
  } else {
    ARROW_RETURN_NOT_OK(target.backend->drop(target.collection, run.stop));
  }
  VECFERRY_KILL_POINT("drop.dropped");
  return Status::OK();
}

Status undo(const DropStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  if (step.aside) {
    return move_back(step, run);
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
                 .where = step.target_label,
                 .next = "restore it from a backup of your own, if there is one"});
  }
  return restore_backup(backup_address(run, *step.backup), step.target, step.aliases, run.places,
                        run.progress, run.stop);
}

}  // namespace vecferry
