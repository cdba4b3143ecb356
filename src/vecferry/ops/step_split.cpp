#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/base/kill_point.h"
#include "vecferry/ops/journalled_lanes_internal.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/split_router_internal.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/pipeline/copy.h"
#include "vecferry/routes/ship.h"

namespace vecferry {
namespace {

// As a load (step_load.cpp), but for several collections that are made, filled and finished
// together: none is visible before all are full.
class Split {
 public:
  Split(const SplitStep& step, StepRun& run) : step_(step), run_(run) {}

  Status carry_out() {
    ARROW_ASSIGN_OR_RAISE(source_,
                          open_load_source(step_.source, run_.files(), run_.places, run_.stop));
    for (const auto& part : step_.parts) {
      ARROW_ASSIGN_OR_RAISE(auto target,
                            run_.places.open_target(part.target, step_.build_index, run_.stop));
      if (step_.travel.route == Route::kShip) {
        ARROW_ASSIGN_OR_RAISE(
            target.backend,
            ship_to(target.backend,
                    ship_options(step_.travel, static_cast<int>(targets_.size()), run_)));
      }
      targets_.push_back(std::move(target));
    }
    ARROW_RETURN_NOT_OK(adapt_to(step_.config, *targets_.front().backend, &source_));
    std::vector<Found> found;
    for (size_t i = 0; i < targets_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const Found each, look_at(step_.parts[i].label, targets_[i], run_));
      found.push_back(each);
    }
    // One that is missing means that they are to be filled anew: the lanes' claims are for all.
    if (std::find(found.begin(), found.end(), Found::kNothing) != found.end()) {
      ARROW_RETURN_NOT_OK(make());
      found.assign(targets_.size(), Found::kOurLoad);
    }
    if (!run_.facts.finished) {
      ARROW_RETURN_NOT_OK(fill());
      // Said before it is done: what is visible under these names from now on is ours.
      run_.facts.finished = true;
      ARROW_RETURN_NOT_OK(run_.note());
    }
    VECFERRY_KILL_POINT("split.finishing");
    run_.progress.begin(Phase::kFinishing, 0);
    for (size_t i = 0; i < targets_.size(); ++i) {
      if (found[i] == Found::kOurLoad) {
        ARROW_RETURN_NOT_OK(
            targets_[i].backend->finish(targets_[i].collection, step_.config, run_.stop));
        VECFERRY_KILL_POINT("split.finished_one");
      }
    }
    return verify();
  }

 private:
  Status make() {
    run_.facts = {};
    ARROW_RETURN_NOT_OK(run_.journal.forget_ranges(run_.operation, run_.number));
    run_.facts.made = true;
    ARROW_RETURN_NOT_OK(run_.note());
    VECFERRY_KILL_POINT("split.noted");
    for (const auto& target : targets_) {
      // An earlier try that the place still shows is not to be filled twice.
      ARROW_ASSIGN_OR_RAISE(const auto left, find_collection(target, run_.stop));
      if (left) {
        ARROW_RETURN_NOT_OK(target.backend->drop(target.collection, run_.stop));
      }
      ARROW_RETURN_NOT_OK(target.backend->create(target.collection, step_.config, run_.stop));
      VECFERRY_KILL_POINT("split.created_one");
    }
    return Status::OK();
  }

  Status fill() {
    const auto target = parted_target(step_, targets_);
    const CopyLimits limits{.lanes = std::max(1, target->capabilities().write_lanes),
                            .memory_bytes = step_.memory_bytes / 2};
    run_.progress.begin(Phase::kCopying, 0);
    ARROW_ASSIGN_OR_RAISE(const auto lanes, JournalledLanes::read_or_freeze(
                                                run_.journal, run_.operation, run_.number, 0,
                                                source_.points, limits.lanes, run_.stop));
    const auto rest = lanes->rest();
    if (!rest.empty()) {
      ARROW_ASSIGN_OR_RAISE(
          const auto outcome,
          copy_points(source_.points, rest, *target, "", limits, *lanes, run_.progress, run_.stop));
      run_.facts.bytes += outcome.bytes;
      run_.facts.counts = outcome.counts;
    }
    VECFERRY_KILL_POINT("split.filled");
    return Status::OK();
  }

  // What was read back from all of them is what was read from the source: nothing is missing,
  // nothing is twice.
  Status verify() {
    ARROW_ASSIGN_OR_RAISE(const auto lanes,
                          JournalledLanes::read(run_.journal, run_.operation, run_.number, 0));
    const RangeDigest written = lanes->digest();
    run_.progress.begin(Phase::kVerifying, written.count);
    run_.facts.parts.clear();
    run_.facts.digest = {};
    for (const auto& target : targets_) {
      ARROW_ASSIGN_OR_RAISE(const auto digest, digest_of(target, run_.progress, run_.stop));
      run_.facts.parts.push_back(digest);
      run_.facts.digest.merge(digest);
    }
    if (run_.facts.digest == written) {
      run_.facts.verified = true;
      return Status::OK();
    }
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("the parts are not the whole: they have {} points, {} were "
                                     "read from the source",
                                     run_.facts.digest.count, written.count),
                 .where = step_.source.label,
                 .next = "if nobody else writes to the parts this is a bug: please report it"});
  }

  const SplitStep& step_;
  StepRun& run_;
  OpenedSource source_{};
  std::vector<OpenedEnd> targets_{};
};

}  // namespace

Status run(const SplitStep& step, StepRun& run) {
  ARROW_RETURN_NOT_OK(Split(step, run).carry_out());
  return remove_spools(step.travel, run);
}

Status undo(const SplitStep& step, StepRun& run) {
  for (const auto& part : step.parts) {
    ARROW_RETURN_NOT_OK(remove_made(part.target, run));
  }
  return remove_spools(step.travel, run);
}

}  // namespace vecferry
