#include "vecferry/ops/drop.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/ops/archive.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

constexpr const char* kNoWayBack = "none: no backup is taken (--no-backup)";

Result<OperationPlan> begin(std::string verb, const DropRequest& request, StopToken stop) {
  const OpenedEnd& target = request.target;
  if (!target.backend->capabilities().many_collections) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("{} works on collections of places, not on files", verb),
                 .where = target.label,
                 .next = "remove a file with the system's own tools"});
  }
  if (!target.backend->capabilities().writable) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("{} works on live collections, not on backups", verb),
                 .where = target.label,
                 .next = "`vecferry prune` removes old backups from an archive"});
  }
  OperationPlan plan{.verb = std::move(verb),
                     .source = target.label,
                     .target = target.label,
                     .locks = {target.address},
                     .destructive = true,
                     .points = known_points(target, stop)};
  if (request.backup) {
    plan.steps.push_back(safety_backup(target, request.archive, 0));
  }
  return plan;
}

}  // namespace

Result<OperationPlan> plan_drop(const DropRequest& request, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto config, describe_collection(request.target, stop));
  ARROW_ASSIGN_OR_RAISE(auto plan, begin("drop", request, stop));
  const std::optional<int> backup = request.backup ? std::optional(0) : std::nullopt;
  plan.drops = {request.target.label};
  for (const auto& alias : config.aliases) {
    plan.drops.push_back(fmt::format("alias '{}'", alias));
  }
  plan.way_back = request.backup ? "undo restores it from its backup, verified" : kNoWayBack;
  plan.steps.emplace_back(DropStep{.target = request.target.address,
                                   .target_label = request.target.label,
                                   .backup = backup,
                                   .unchanged_since = backup,
                                   .aliases = config.aliases});
  ARROW_RETURN_NOT_OK(estimate(request.target, &plan, stop));
  return plan;
}

Result<OperationPlan> plan_empty(const DropRequest& request, StopToken stop) {
  ARROW_RETURN_NOT_OK(describe_collection(request.target, stop).status());
  ARROW_ASSIGN_OR_RAISE(auto plan, begin("empty", request, stop));
  plan.drops = {fmt::format("all points of {}", request.target.label)};
  plan.way_back = request.backup ? "undo upserts the points from their backup" : kNoWayBack;
  plan.steps.emplace_back(ChangeStep{.target = request.target.address,
                                     .target_label = request.target.label,
                                     .removes_all = true,
                                     .backup = request.backup ? std::optional(0) : std::nullopt});
  ARROW_RETURN_NOT_OK(estimate(request.target, &plan, stop));
  return plan;
}

}  // namespace vecferry
