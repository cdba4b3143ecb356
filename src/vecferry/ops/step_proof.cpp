#include <fmt/format.h>

#include "vecferry/ops/load_source.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/pipeline/compare.h"

namespace vecferry {

Status run(const ProofStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(auto whole,
                        open_load_source(step.whole, run.files(), run.places, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  ARROW_RETURN_NOT_OK(adapt_to(step.config, *target.backend, &whole));
  RangeDigest parts;
  for (const int part : step.parts) {
    parts.merge(run.all.at(static_cast<size_t>(part)).digest);
  }
  run.progress.begin(Phase::kVerifying, parts.count);
  ARROW_ASSIGN_OR_RAISE(run.facts.digest, digest_source(whole.points, run.progress, run.stop));
  if (run.facts.digest != parts) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("the parts are not the whole: they have {} points, the source "
                                     "has {}",
                                     parts.count, run.facts.digest.count),
                 .where = step.whole.label,
                 .next = "if the source is written to meanwhile, stop that and run the command "
                         "again; else this is a bug: please report it"});
  }
  if (step.dropped_next && !whole.points.transforms.empty()) {
    whole.points.transforms.clear();
    ARROW_ASSIGN_OR_RAISE(run.facts.digest, digest_source(whole.points, run.progress, run.stop));
  }
  run.facts.verified = true;
  return Status::OK();
}

Status undo(const ProofStep& /*step*/, StepRun& /*run*/) {
  return Status::OK();
}

}  // namespace vecferry
