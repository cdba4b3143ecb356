#include <fmt/format.h>

#include <optional>

#include "vecferry/base/kill_point.h"
#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

using Aliases = std::map<std::string, std::string>;

std::optional<std::string> leads_to(const Aliases& aliases, const std::string& alias) {
  const auto found = aliases.find(alias);
  return found == aliases.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

Status run(const AliasStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto place, run.places.open_target(step.place, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto now, alias_map(*place.backend, run.stop));
  std::vector<AliasChange> wanted;
  for (const auto& change : step.changes) {
    if (leads_to(now, change.alias) != change.collection) {
      wanted.push_back(change);
    }
  }
  run.facts.made = true;
  ARROW_RETURN_NOT_OK(run.note());
  if (!wanted.empty()) {
    ARROW_RETURN_NOT_OK(place.backend->change_aliases(wanted, run.stop));
  }
  VECFERRY_KILL_POINT("aliases.changed");
  return Status::OK();
}

Status undo(const AliasStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto place, run.places.open_target(step.place, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto now, alias_map(*place.backend, run.stop));
  std::vector<AliasChange> back;
  for (size_t i = 0; i < step.changes.size() && i < step.before.size(); ++i) {
    const auto leads = leads_to(now, step.changes[i].alias);
    if (leads == step.before[i].collection) {
      continue;
    }
    if (leads && leads != step.changes[i].collection) {
      run.facts.notes.push_back(
          fmt::format("alias '{}' was moved to '{}' meanwhile, and stays there",
                      step.changes[i].alias, *leads));
      continue;
    }
    back.push_back(step.before[i]);
  }
  return back.empty() ? Status::OK() : place.backend->change_aliases(back, run.stop);
}

}  // namespace vecferry
