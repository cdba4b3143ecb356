#include "vecferry/ops/rename.h"

#include <utility>

#include "vecferry/ops/archive.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {

Result<OperationPlan> plan_rename(const RenameRequest& request, PlaceOpener& places,
                                  StopToken stop) {
  const OpenedEnd& source = request.source;
  ARROW_ASSIGN_OR_RAISE(const auto target, beside(source, request.new_name));
  ARROW_ASSIGN_OR_RAISE(const auto config, describe_collection(source, stop));
  ARROW_ASSIGN_OR_RAISE(auto load,
                        plan_load({whole_source(source)}, target, places, stop, request.travel));
  load.step.build_index = request.build_index;
  load.step.memory_bytes = request.memory_bytes;
  OperationPlan plan{.verb = "rename",
                     .source = source.label,
                     .target = target.label,
                     .destructive = true,
                     .points = load.points,
                     .drops = {source.label}};
  say(load, &plan);
  plan.locks.push_back(source.address);
  auto* const shelf = source.backend->shelf();
  const bool aside = request.backup && !request.journal.empty() && shelf != nullptr &&
                     shelf->reaches(request.journal);
  const bool backs_up = request.backup && !aside;
  if (backs_up) {
    plan.steps.push_back(safety_backup(source, request.archive, 0));
  }
  const std::optional<int> backup = backs_up ? std::optional(0) : std::nullopt;
  const int copied = static_cast<int>(plan.steps.size());
  plan.steps.emplace_back(std::move(load.step));
  AliasStep move{.place = source.address};
  for (const auto& alias : config.aliases) {
    move.changes.push_back({.alias = alias, .collection = target.collection});
    move.before.push_back({.alias = alias, .collection = source.collection});
  }
  if (!move.changes.empty()) {
    plan.steps.emplace_back(std::move(move));
  }
  plan.steps.emplace_back(DropStep{.target = source.address,
                                   .target_label = source.label,
                                   .backup = backup,
                                   .aside = aside,
                                   .unchanged_since = backup.value_or(copied)});
  if (request.keep_alias) {
    plan.steps.emplace_back(
        AliasStep{.place = target.address,
                  .changes = {{.alias = source.collection, .collection = target.collection}},
                  .before = {{.alias = source.collection, .collection = std::nullopt}}});
  }
  plan.way_back = aside            ? "undo moves the old one's files back, index included, verified"
                  : request.backup ? "undo restores the old one from its backup, verified"
                                   : "none once the old one is dropped (--no-backup); the new one "
                                     "is renamed back";
  ARROW_RETURN_NOT_OK(estimate(source, &plan, stop));
  return plan;
}

}  // namespace vecferry
