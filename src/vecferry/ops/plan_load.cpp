#include "vecferry/ops/plan_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "vecferry/backend/location.h"
#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/endpoint.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

std::string_view place_of(const OpenedEnd& end) {
  return std::string_view(end.address).substr(0, end.address.rfind('/'));
}

bool is_everything(const LoadSource& source) {
  return source.selection.changes_nothing() && !source.part && source.only.empty() &&
         source.leave_out.empty() && source.remap.empty() && source.merged_from.empty();
}

Status check_target(const std::vector<LoadSource>& sources, const OpenedEnd& target,
                    PlannedLoad* planned, const StopToken& stop) {
  const auto capabilities = target.backend->capabilities();
  if (!capabilities.writable || !capabilities.many_collections) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "the target is no place for collections",
                 .where = target.label,
                 .next = "name a local:DIR place or a server; `vecferry copy` writes files"});
  }
  ARROW_RETURN_NOT_OK(check_collection_name(target.collection));
  for (const auto& source : sources) {
    if (source.address == target.address) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = "source and target are the same",
                   .where = target.label,
                   .next = "give the new collection another name"});
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, stop));
  if (!config) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const bool abandoned, target.backend->abandoned(target.collection, stop));
  if (abandoned) {
    planned->notes.push_back("takes the place of an unfinished load whose process has died");
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kExists,
               .what = fmt::format("'{}' exists already", target.label),
               .where = target.label,
               .next = "choose another name, or drop it first"});
}

// Of several sources each may be read through its snapshots; only one alone goes natively.
Status choose_travel(const TravelWish& wish, const OpenedEnd& target,
                     const std::vector<OpenedSource>& all, PlannedLoad* planned,
                     const StopToken& stop) {
  LoadStep& step = planned->step;
  if (step.whole) {
    return Status::OK();
  }
  const OpenedSource& first = all.front();
  // What a target makes of single points (it rounds floats, it normalises) its own files have
  // behind them.
  const bool whole = all.size() == 1 && is_everything(step.sources.front()) &&
                     first.losses.empty() && planned->losses.empty();
  ARROW_ASSIGN_OR_RAISE(planned->route, choose_route({.source = first.end.backend.get(),
                                                      .from = first.end.collection,
                                                      .target = target.backend.get(),
                                                      .config = step.config,
                                                      .whole = whole,
                                                      .index = wish.index,
                                                      .points = planned->points,
                                                      .spool = wish.spool,
                                                      .waits = wish.waits},
                                                     wish.prefer, wish.route, stop));
  step.travel = {.route = planned->route.route,
                 .insisted = wish.route.has_value(),
                 .spool = wish.spool,
                 .index_threads = wish.index_threads,
                 .index = wish.index};
  return Status::OK();
}

template <typename T>
void append(const std::vector<T>& more, std::vector<T>* all) {
  for (const auto& each : more) {
    if (std::find(all->begin(), all->end(), each) == all->end()) {
      all->push_back(each);
    }
  }
}

}  // namespace

LoadSource whole_source(const OpenedEnd& end) {
  return {.address = end.address, .label = end.label};
}

bool same_place(const OpenedEnd& a, const OpenedEnd& b) {
  return place_of(a) == place_of(b) && a.backend->capabilities().many_collections &&
         b.backend->capabilities().many_collections;
}

Result<OpenedEnd> beside(const OpenedEnd& end, const std::string& name) {
  if (!end.backend->capabilities().many_collections) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "a file holds one collection",
                 .where = end.label,
                 .next = "name a collection of a local:DIR place or of a server"});
  }
  if (name.find('/') != std::string::npos) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is to be a bare name in the same place", name),
                 .where = end.label,
                 .next = "`vecferry copy` takes a collection to another place"});
  }
  ARROW_RETURN_NOT_OK(check_collection_name(name));
  OpenedEnd other = end;
  other.collection = name;
  const std::string encoded = percent_encode(name);
  other.address = end.address.substr(0, end.address.rfind('/') + 1) + encoded;
  other.label = end.label.substr(0, end.label.rfind('/') + 1) + encoded;
  return other;
}

Result<CollectionConfig> describe_collection(const OpenedEnd& end, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto config, end.backend->describe(end.collection, stop));
  ARROW_ASSIGN_OR_RAISE(const auto aliases, alias_map(*end.backend, stop));
  if (const auto alias = aliases.find(end.collection); alias != aliases.end()) {
    return fail(
        {.kind = ErrorKind::kUsage,
         .what = fmt::format("'{}' is an alias of '{}'", end.collection, alias->second),
         .where = end.label,
         .next = fmt::format("name '{}' itself; `vecferry alias` changes aliases", alias->second)});
  }
  return config;
}

std::optional<uint64_t> known_points(const OpenedEnd& end, StopToken stop) {
  return known_points(*end.backend, end.collection, stop);
}

Result<PlannedLoad> plan_load(const std::vector<LoadSource>& sources, const OpenedEnd& target,
                              PlaceOpener& places, StopToken stop, const TravelWish& wish) {
  std::vector<OpenedSource> opened;
  for (const auto& source : sources) {
    ARROW_ASSIGN_OR_RAISE(auto each, open_load_source(source, {}, places, stop));
    opened.push_back(std::move(each));
  }
  return plan_load(sources, target, &opened, std::move(stop), wish);
}

Result<PlannedLoad> plan_load(const std::vector<LoadSource>& sources, const OpenedEnd& target,
                              std::vector<OpenedSource>* all, StopToken stop,
                              const TravelWish& wish) {
  PlannedLoad planned;
  ARROW_RETURN_NOT_OK(check_target(sources, target, &planned, stop));
  planned.step.sources = sources;
  planned.step.target = target.address;
  planned.step.target_label = target.label;
  planned.points = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    OpenedSource& opened = (*all)[i];
    for (const auto& spec : opened.config.vectors) {
      ARROW_RETURN_NOT_OK(check_vector_name(spec.name));
    }
    if (i == 0) {
      planned.step.whole = sources.size() == 1 && is_everything(sources[0]) &&
                           same_place(opened.end, target) &&
                           target.backend->capabilities().duplicates;
      if (!planned.step.whole) {
        ARROW_RETURN_NOT_OK(adapt_to(opened.config, *target.backend, &opened));
      }
      planned.step.config = opened.config;
      planned.step.config.aliases.clear();
      ARROW_ASSIGN_OR_RAISE(planned.losses, target.backend->losses(opened.config, stop));
    } else {
      ARROW_RETURN_NOT_OK(adapt_to(planned.step.config, *target.backend, &opened));
    }
    append(opened.losses, &planned.losses);
    append(opened.transforms, &planned.transforms);
    const auto points = is_everything(sources[i]) ? known_points(opened.end, stop) : std::nullopt;
    planned.points =
        planned.points && points ? std::optional(*planned.points + *points) : std::nullopt;
  }
  ARROW_RETURN_NOT_OK(choose_travel(wish, target, *all, &planned, stop));
  return planned;
}

Result<std::string> choose_reading(const TravelWish& wish, const OpenedEnd& end,
                                   const CollectionConfig& config, LoadSource* source,
                                   StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(
      const auto choice,
      choose_route(
          {.source = end.backend.get(),
           .from = end.collection,
           .config = config,
           .whole = false,
           .creates = false,
           .points = end.backend->snapshots() == nullptr ? std::nullopt : known_points(end, stop),
           .spool = wish.spool},
          wish.prefer, wish.route, stop));
  source->reading.spooled = choice.route == Route::kEngineRead;
  source->reading.spooled_or_fail = wish.route == Route::kEngineRead;
  source->reading.spool = wish.spool;
  return choice.reason;
}

Status estimate(const OpenedEnd& end, OperationPlan* plan, StopToken stop) {
  if (!plan->points || *plan->points == 0) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(
      const auto look,
      look_at({.backend = end.backend.get(), .collection = end.collection}, std::move(stop)));
  if (look.rows == 0) {
    return Status::OK();
  }
  const double share = static_cast<double>(*plan->points) / static_cast<double>(look.rows);
  constexpr double kReadTwice = 2;  // once to copy, once to compare
  double passes = 0;
  for (const auto& step : plan->steps) {
    const bool moves =
        std::holds_alternative<BackupStep>(step) || std::holds_alternative<ArchiveStep>(step) ||
        std::holds_alternative<LoadStep>(step) || std::holds_alternative<SplitStep>(step) ||
        std::holds_alternative<ChangeStep>(step);
    passes += moves ? kReadTwice : 0;
  }
  plan->bytes = static_cast<uint64_t>(share * static_cast<double>(look.bytes));
  plan->seconds = share * look.seconds * passes;
  return Status::OK();
}

void say(const PlannedLoad& load, OperationPlan* plan) {
  append(load.losses, &plan->losses);
  append(load.transforms, &plan->transforms);
  append(load.notes, &plan->notes);
  plan->route = load.step.whole ? "duplicate" : std::string(to_string(load.route.route));
  if (!load.route.estimates.empty()) {
    plan->routes = to_json(load.route).dump();
    plan->route_lines = to_lines(load.route);
    plan->route_reason = load.route.reason;
  }
  plan->writes.push_back(load.step.target_label);
  plan->locks.push_back(load.step.target);
}

}  // namespace vecferry
