#include "vecferry/ops/sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/settings_change.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/ops/sync_sides_internal.h"

namespace vecferry {
namespace {

Result<OperationPlan> plan_first(const SyncRequest& request, LoadSource source, Desk desk) {
  ARROW_ASSIGN_OR_RAISE(auto load, plan_load({std::move(source)}, request.target, desk.places,
                                             desk.stop, request.travel));
  load.step.memory_bytes = request.memory_bytes;
  OperationPlan plan{.verb = request.verb,
                     .source = request.source.label,
                     .target = request.target.label,
                     .points = load.points,
                     .notes = {"the target is not there yet: it is made"},
                     .way_back = "undo drops the target"};
  say(load, &plan);
  plan.steps.emplace_back(std::move(load.step));
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, desk.stop));
  return plan;
}

Status check_limit(const SyncRequest& request, const Comparison& found) {
  const auto most = request.limit.points.value_or(
      static_cast<uint64_t>(request.limit.share * static_cast<double>(found.b.count)));
  if (!request.remove || found.extra <= most) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused,
               .what = fmt::format("{} of {} points would be removed, more than the {} allowed",
                                   found.extra, found.b.count, most),
               .where = request.target.label,
               .next = "if that is meant, raise --max-delete (a share like 50%, or a number)"});
}

// Payload indexes that go are something taken away: it asks first.
void say_lost_indexes(const CollectionConfig& before, const CollectionConfig& after,
                      const OpenedEnd& target, OperationPlan* plan) {
  for (const auto& index : before.payload_indexes) {
    if (std::find(after.payload_indexes.begin(), after.payload_indexes.end(), index) ==
        after.payload_indexes.end()) {
      plan->drops.push_back(fmt::format("payload index {} of {}", index.path, target.label));
      plan->destructive = true;
    }
  }
}

Status add_settings(const SyncRequest& request, const Direction& direction, OperationPlan* plan) {
  const CollectionConfig& source = direction.opened.config;
  const CollectionConfig& target = direction.target_config;
  const auto differences = config_differences(source, target);
  for (const auto& difference : differences) {
    plan->notes.push_back("setting differs: " + difference);
  }
  if (differences.empty()) {
    return Status::OK();
  }
  if (!request.settings) {
    plan->notes.push_back("settings stay as they are; --settings makes them those of the source");
    return Status::OK();
  }
  if (!request.target.backend->capabilities().changes_settings) {
    plan->notes.push_back("this place does not change the settings of what is there");
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(auto wanted, with_settings_of(target, source));
  for (const auto& left : config_differences(source, wanted)) {
    plan->notes.push_back(
        "cannot be changed in place, `vecferry copy` into a new collection does: " + left);
  }
  wanted.aliases.clear();
  CollectionConfig before = target;
  before.aliases.clear();
  if (config_differences(wanted, before).empty()) {
    return Status::OK();
  }
  say_lost_indexes(before, wanted, request.target, plan);
  plan->steps.emplace_back(SettingsStep{.target = request.target.address,
                                        .target_label = request.target.label,
                                        .config = std::move(wanted),
                                        .before = std::move(before)});
  plan->locks.push_back(request.target.address);
  plan->writes.push_back(fmt::format("{}: settings", request.target.label));
  return Status::OK();
}

}  // namespace

Result<DeleteLimit> parse_delete_limit(const std::string& text) {
  const bool percent = text.ends_with('%');
  const char* end = text.data() + text.size() - (percent ? 1 : 0);
  DeleteLimit limit;
  std::from_chars_result parsed{};
  if (percent) {
    double share = 0;
    parsed = std::from_chars(text.data(), end, share);
    limit.share = share / 100;
  } else {
    uint64_t points = 0;
    parsed = std::from_chars(text.data(), end, points);
    limit.points = points;
  }
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || !(limit.share >= 0) ||
      limit.share > 1) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is neither a share nor a number of points", text),
                 .next = "write it like 10% or 500"});
  }
  return limit;
}

Result<OperationPlan> plan_sync(const SyncRequest& request, Desk desk) {
  LoadSource source = whole_source(request.source);
  source.reading = request.reading;
  if (request.source.address == request.target.address) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "source and target are the same",
                 .where = request.target.label,
                 .next = "name another collection to change"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto there, find_collection(request.target, desk.stop));
  const bool abandoned =
      there &&
      request.target.backend->abandoned(request.target.collection, desk.stop).ValueOr(false);
  if (!there || abandoned) {
    return plan_first(request, std::move(source), desk);
  }
  source.reading.spooled = request.travel.route == Route::kEngineRead;
  source.reading.spooled_or_fail = source.reading.spooled;
  source.reading.spool = request.travel.spool;
  ARROW_ASSIGN_OR_RAISE(const auto direction, open_direction(source, request.target, desk));
  ARROW_ASSIGN_OR_RAISE(auto found, compare_all(direction, request.memory_bytes, desk));
  ARROW_RETURN_NOT_OK(check_limit(request, found));
  OperationPlan plan{.verb = request.verb,
                     .source = request.source.label,
                     .target = request.target.label,
                     .points = found.missing + found.different,
                     .losses = direction.opened.losses,
                     .transforms = direction.opened.transforms,
                     .way_back = request.backup
                                     ? "undo brings back what was replaced or removed"
                                     : "none for what is replaced or removed (--no-backup)"};
  plan.details =
      nlohmann::json{
          {"points_source", found.a.count}, {"points_target", found.b.count},
          {"missing", found.missing},       {"different", found.different},
          {"extra", found.extra},           {"removes", request.remove ? found.extra : 0}}
          .dump();
  if (found.extra > 0 && !request.remove) {
    plan.notes.push_back(fmt::format(
        "{} points that only the target has stay there; --delete removes them", found.extra));
  }
  if (found.extra > 0 && request.remove) {
    plan.destructive = true;
    plan.drops = {fmt::format("{} points of {}", found.extra, request.target.label)};
  }
  Changes changes{.added = std::move(found.missing_ids),
                  .replaced = std::move(found.different_ids),
                  .removed = request.remove ? std::move(found.extra_ids) : Ids()};
  if (!changes.empty()) {
    add_changes(direction, std::move(changes), request.backup, request.memory_bytes, &plan);
  }
  ARROW_RETURN_NOT_OK(add_settings(request, direction, &plan));
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, desk.stop));
  return plan;
}

}  // namespace vecferry
