#include "vecferry/base/kill_point.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {

Status run(const SettingsStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  run.facts.made = true;
  ARROW_RETURN_NOT_OK(run.note());
  VECFERRY_KILL_POINT("settings.noted");
  run.progress.begin(Phase::kFinishing, 0);
  ARROW_RETURN_NOT_OK(target.backend->change_settings(target.collection, step.config, run.stop));
  VECFERRY_KILL_POINT("settings.changed");
  run.facts.verified = true;
  return Status::OK();
}

Status undo(const SettingsStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(step.target, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto there, find_collection(target, run.stop));
  if (!there) {
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(target.backend->change_settings(target.collection, step.before, run.stop));
  VECFERRY_KILL_POINT("settings.changed_back");
  ARROW_ASSIGN_OR_RAISE(const auto now, target.backend->describe(target.collection, run.stop));
  for (const auto& difference : config_differences(now, step.before)) {
    run.facts.notes.push_back("a server cannot forget this setting, so it stays: " + difference);
  }
  return Status::OK();
}

}  // namespace vecferry
