#include "vecferry/ops/clone.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/plan_load.h"

namespace vecferry {
namespace {

// An alias leads to one collection only: in the same place it moves, elsewhere a free one is set.
Status add_aliases(const CloneRequest& request, OperationPlan* plan, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto config,
                        request.source.backend->describe(request.source.collection, stop));
  ARROW_ASSIGN_OR_RAISE(const auto there, alias_map(*request.target.backend, stop));
  AliasStep step{.place = request.target.address};
  for (const auto& alias : config.aliases) {
    const auto found = there.find(alias);
    if (found != there.end() && !same_place(request.source, request.target)) {
      plan->notes.push_back(
          fmt::format("alias '{}' is taken at the target and stays where it points", alias));
      continue;
    }
    step.changes.push_back({.alias = alias, .collection = request.target.collection});
    step.before.push_back(
        {.alias = alias,
         .collection = found == there.end() ? std::nullopt : std::optional(found->second)});
  }
  if (!step.changes.empty()) {
    plan->steps.emplace_back(std::move(step));
  }
  return Status::OK();
}

}  // namespace

Result<OperationPlan> plan_clone(const CloneRequest& request, PlaceOpener& places, StopToken stop) {
  LoadSource source = whole_source(request.source);
  source.reading = request.reading;
  source.selection = request.selection;
  ARROW_ASSIGN_OR_RAISE(auto load,
                        plan_load({source}, request.target, places, stop, request.travel));
  load.step.build_index = request.build_index;
  load.step.follow_up = request.follow_up;
  load.step.memory_bytes = request.memory_bytes;
  OperationPlan plan{.verb = "clone",
                     .source = request.source.label,
                     .target = request.target.label,
                     .points = load.points,
                     .way_back = "the source is not touched; undo drops the clone"};
  say(load, &plan);
  plan.steps.emplace_back(std::move(load.step));
  if (request.aliases) {
    ARROW_RETURN_NOT_OK(add_aliases(request, &plan, stop));
  }
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, stop));
  return plan;
}

}  // namespace vecferry
