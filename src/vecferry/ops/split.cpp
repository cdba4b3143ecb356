#include "vecferry/ops/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "vecferry/ops/archive.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/split_values.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostParts = 500;
constexpr int kMostShares = 64;

// A collection to be made.
struct Part {
  std::string name{};
  std::string says{};   // which points, for the plan
  std::string value{};  // JSON
  std::shared_ptr<const Filter> filter{};
  bool rest = false;
  std::optional<uint64_t> points{};
};

struct Parts {
  std::vector<Part> all{};
  std::optional<uint64_t> total{};
  bool overlap = false;
  std::vector<std::string> notes{};
};

Json json_of(const SplitValue& value) {
  return std::visit([](const auto& each) { return Json(each); }, value);
}

Status too_many(size_t count) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("this would make {} collections; at most {} are made", count,
                                   kMostParts),
               .next = "put small values together with --min-size N --rest NAME, or use --parts"});
}

// Points that nobody takes, or that several take, are what a split must not be silent about.
Status check_rest(const SplitRequest& request, uint64_t uncovered, const std::string& why) {
  if (uncovered == 0 || !request.rest.empty()) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("{} {} go into no part: {}", uncovered,
                                   uncovered == 1 ? "point would" : "points would", why),
               .where = request.source.label,
               .next = "name a collection for them with --rest NAME"});
}

Status check_overlap(const SplitRequest& request, uint64_t several, const std::string& why) {
  if (several == 0 || request.allow_overlap) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("{} {} go into several parts: {}", several,
                                   several == 1 ? "point would" : "points would", why),
               .where = request.source.label,
               .next = "make the parts apart, or add --allow-overlap to have them in each"});
}

void add_rest(const SplitRequest& request, std::shared_ptr<const Filter> filter, uint64_t points,
              Parts* parts) {
  if (request.rest.empty()) {
    return;
  }
  if (points == 0) {
    parts->notes.push_back(
        fmt::format("nothing is left for '{}', so it is not made", request.rest));
    return;
  }
  parts->all.push_back(
      {.name = request.rest, .says = "the rest", .filter = std::move(filter), .points = points});
}

// Everything whose field has none of these values.
Result<std::shared_ptr<const Filter>> none_of(const std::string& field,
                                              const std::vector<SplitValue>& values) {
  Json texts = Json::array();
  Json numbers = Json::array();
  Json conditions = Json::array();
  for (const auto& value : values) {
    if (std::holds_alternative<bool>(value)) {
      conditions.push_back({{"key", field}, {"match", {{"value", json_of(value)}}}});
    } else {
      (std::holds_alternative<int64_t>(value) ? numbers : texts).push_back(json_of(value));
    }
  }
  for (auto* list : {&texts, &numbers}) {
    if (!list->empty()) {
      conditions.push_back({{"key", field}, {"match", {{"any", std::move(*list)}}}});
    }
  }
  return Filter::parse(Json({{"must_not", std::move(conditions)}}).dump());
}

Result<Parts> parts_by_value(const SplitRequest& request, const Source& source, Progress& progress,
                             const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto census,
                        count_values(source, request.by, request.lanes, progress, stop));
  Parts parts{.total = census.total, .overlap = census.several > 0};
  ARROW_RETURN_NOT_OK(check_overlap(request, census.several,
                                    fmt::format("'{}' has more than one value", request.by)));
  std::vector<SplitValue> own;
  uint64_t small = 0;
  uint64_t small_values = 0;
  std::map<std::string, SplitValue> names;
  for (const auto& [value, points] : census.points) {
    if (points < request.min_size) {
      small += points;
      ++small_values;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto name,
                          part_name(request.name, request.source.collection, value));
    const auto [taken, free] = names.emplace(name, value);
    if (!free) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("the values '{}' and '{}' would both become '{}'",
                                       to_string(taken->second), to_string(value), name),
                   .next = "--name must have {value} in it; name such parts by hand with "
                           "--where NAME=FILTER"});
    }
    const Json filter = {{"must", {{{"key", request.by}, {"match", {{"value", json_of(value)}}}}}}};
    ARROW_ASSIGN_OR_RAISE(auto parsed, Filter::parse(filter.dump()));
    parts.all.push_back({.name = name,
                         .says = fmt::format("{} = {}", request.by, json_of(value).dump()),
                         .value = json_of(value).dump(),
                         .filter = std::move(parsed),
                         .points = points});
    own.push_back(value);
    if (parts.all.size() > kMostParts) {
      return too_many(names.size() + census.points.size() - own.size());
    }
  }
  ARROW_RETURN_NOT_OK(check_rest(
      request, census.without + small,
      small > 0
          ? fmt::format("{} values of '{}' have fewer than {} points, and {} points have none",
                        small_values, request.by, request.min_size, census.without)
          : fmt::format("they have no '{}'", request.by)));
  ARROW_ASSIGN_OR_RAISE(auto filter, none_of(request.by, own));
  uint64_t left = census.without + small;
  if (parts.overlap && !request.rest.empty()) {
    // A point with a small and a large value is counted above, but does not go there.
    ARROW_ASSIGN_OR_RAISE(left, source.backend->count(source.collection, filter.get(), stop));
  }
  add_rest(request, std::move(filter), left, &parts);
  return parts;
}

Result<Parts> parts_by_filter(const SplitRequest& request, const Source& source,
                              const StopToken& stop) {
  Parts parts;
  Json others = Json::array();
  uint64_t covered = 0;
  for (const auto& [name, filter] : request.where) {
    ARROW_ASSIGN_OR_RAISE(const auto points,
                          source.backend->count(source.collection, filter.get(), stop));
    covered += points;
    others.push_back(Json::parse(filter->json()));
    parts.all.push_back({.name = name, .says = filter->json(), .filter = filter, .points = points});
    if (points == 0) {
      parts.notes.push_back(fmt::format("no point matches the filter of '{}'", name));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto rest, Filter::parse(Json({{"must_not", std::move(others)}}).dump()));
  ARROW_ASSIGN_OR_RAISE(const auto total, source.backend->count(source.collection, nullptr, stop));
  ARROW_ASSIGN_OR_RAISE(const auto left,
                        source.backend->count(source.collection, rest.get(), stop));
  parts.total = total;
  const uint64_t once_more = covered + left > total ? covered + left - total : 0;
  parts.overlap = once_more > 0;
  ARROW_RETURN_NOT_OK(check_overlap(request, once_more, "their filters both match"));
  ARROW_RETURN_NOT_OK(check_rest(request, left, "no filter matches them"));
  add_rest(request, std::move(rest), left, &parts);
  return parts;
}

Result<Parts> parts_by_share(const SplitRequest& request, const StopToken& stop) {
  Parts parts{.total = known_points(request.source, stop)};
  if (request.parts < 2 || static_cast<size_t>(request.parts) > kMostParts) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("--parts takes 2 to {}", kMostParts),
                 .next = "for example --parts 4"});
  }
  for (int i = 0; i < request.parts; ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto name, part_name(request.name, request.source.collection,
                                                     static_cast<int64_t>(i + 1)));
    parts.all.push_back(
        {.name = name, .says = fmt::format("share {} of {}", i + 1, request.parts)});
  }
  return parts;
}

Status check_request(const SplitRequest& request) {
  const int ways =
      (request.by.empty() ? 0 : 1) + (request.where.empty() ? 0 : 1) + (request.parts == 0 ? 0 : 1);
  if (ways != 1) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = ways == 0 ? "nothing says how to split" : "there is one way to split",
                 .next = "say one of --by FIELD, --where NAME=FILTER (as often as needed), "
                         "--parts N"});
  }
  if (request.by.empty() && request.min_size > 0) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "--min-size goes with --by",
                 .next = "say --by FIELD, or leave out --min-size"});
  }
  if (request.parts > 0 && !request.rest.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "--rest has nothing to take: shares take every point",
                 .next = "leave out --rest"});
  }
  return Status::OK();
}

Status check_names(const std::vector<Part>& parts) {
  std::map<std::string, const Part*> seen;
  for (const auto& part : parts) {
    const auto [other, free] = seen.emplace(part.name, &part);
    if (!free) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("two parts are named '{}': {}; {}", part.name,
                                       other->second->says, part.says),
                   .next = "give each its own name"});
    }
  }
  return parts.empty() ? fail({.kind = ErrorKind::kUsage,
                               .what = "there is nothing to split: no point has a part",
                               .next = "`vecferry peek` shows what fields there are"})
                       : Status::OK();
}

std::string share_words(const Part& part) {
  return part.points ? fmt::format("{}: {} points ({})", part.name, *part.points, part.says)
                     : fmt::format("{}: {}", part.name, part.says);
}

Json details_of(const Parts& parts) {
  Json list = Json::array();
  for (const auto& part : parts.all) {
    list.push_back({{"name", part.name},
                    {"says", part.says},
                    {"points", part.points ? Json(*part.points) : Json(nullptr)}});
  }
  return {{"parts", std::move(list)}, {"overlap", parts.overlap}};
}

LoadSource source_of(const SplitRequest& request) {
  LoadSource source = whole_source(request.source);
  source.reading = request.reading;
  return source;
}

// Planning, splitting and the proof all see the same moment.
Status choose_reading_of(SplitRequest* request, const StopToken& stop) {
  LoadSource source = source_of(*request);
  ARROW_ASSIGN_OR_RAISE(const auto config,
                        request->source.backend->describe(request->source.collection, stop));
  ARROW_RETURN_NOT_OK(
      choose_reading(reading_part(request->travel), request->source, config, &source, stop)
          .status());
  request->reading = source.reading;
  return Status::OK();
}

// Points that may go into several parts: a load a part, each with its filter.
Status add_loads(const SplitRequest& request, const Parts& parts, PlaceOpener& places,
                 const StopToken& stop, OperationPlan* plan) {
  for (const auto& part : parts.all) {
    LoadSource source = source_of(request);
    source.selection.filter = part.filter;
    ARROW_ASSIGN_OR_RAISE(const auto target, beside(request.place, part.name));
    ARROW_ASSIGN_OR_RAISE(auto load,
                          plan_load({source}, target, places, stop, making_part(request.travel)));
    load.step.build_index = request.build_index;
    load.step.memory_bytes = request.memory_bytes;
    say(load, plan);
    plan->notes.push_back(share_words(part));
    plan->steps.emplace_back(std::move(load.step));
  }
  plan->notes.emplace_back(
      "some points go into several parts, so the parts are more than the whole: each part is "
      "verified by itself");
  return Status::OK();
}

// Parts that share the points among them: the source is read once for all.
Status add_split(const SplitRequest& request, const Parts& parts, PlaceOpener& places,
                 const StopToken& stop, OperationPlan* plan) {
  SplitStep step{.source = source_of(request),
                 .by = request.by,
                 .shares = request.parts > 0,
                 .build_index = request.build_index,
                 .memory_bytes = request.memory_bytes};
  for (const auto& part : parts.all) {
    ARROW_ASSIGN_OR_RAISE(const auto target, beside(request.place, part.name));
    ARROW_ASSIGN_OR_RAISE(
        auto load, plan_load({step.source}, target, places, stop, making_part(request.travel)));
    if (load.step.travel.route != Route::kShip) {  // each part is not the whole
      load.step.travel.route = Route::kStream;
      load.route = {};
    }
    say(load, plan);
    plan->notes.push_back(share_words(part));
    SplitTarget made{.target = target.address, .label = target.label, .value = part.value};
    if (request.by.empty() && !part.rest) {
      made.filter = part.filter;
    }
    step.parts.push_back(std::move(made));
    step.config = load.step.config;
    step.travel = load.step.travel;
  }
  plan->steps.emplace_back(std::move(step));
  return Status::OK();
}

// The source is read again before it goes: the parts hold all of it.
Status add_drop(const SplitRequest& request, const StopToken& stop, OperationPlan* plan) {
  ARROW_ASSIGN_OR_RAISE(const auto config, describe_collection(request.source, stop));
  const int made = static_cast<int>(plan->steps.size()) - 1;
  const auto& split = std::get<SplitStep>(plan->steps.back());
  ProofStep proof{.whole = split.source,
                  .target = split.parts.front().target,
                  .config = split.config,
                  .parts = {made},
                  .dropped_next = !request.backup};
  plan->steps.emplace_back(std::move(proof));
  plan->steps.emplace_back(DropStep{.target = request.source.address,
                                    .target_label = request.source.label,
                                    .backup = request.backup ? std::optional(0) : std::nullopt,
                                    .unchanged_since = request.backup ? 0 : made + 1,
                                    .aliases = config.aliases});
  plan->drops.push_back(request.source.label);
  plan->locks.push_back(request.source.address);
  plan->way_back = request.backup ? "undo restores the source from its backup, and drops the parts"
                                  : "none once the source is dropped (--no-backup)";
  return Status::OK();
}

}  // namespace

Result<OperationPlan> plan_split(const SplitRequest& asked, PlaceOpener& places, Progress& progress,
                                 StopToken stop) {
  ARROW_RETURN_NOT_OK(check_request(asked));
  SplitRequest request = asked;
  ARROW_RETURN_NOT_OK(choose_reading_of(&request, stop));
  const LoadSource whole = source_of(request);
  ARROW_ASSIGN_OR_RAISE(const auto opened, open_load_source(whole, {}, places, stop));
  progress.begin(Phase::kComparing, known_points(request.source, stop).value_or(0));
  ARROW_ASSIGN_OR_RAISE(Parts parts,
                        !request.by.empty() ? parts_by_value(request, opened.points, progress, stop)
                        : !request.where.empty() ? parts_by_filter(request, opened.points, stop)
                                                 : parts_by_share(request, stop));
  ARROW_RETURN_NOT_OK(check_names(parts.all));

  OperationPlan plan{.verb = "split",
                     .source = request.source.label,
                     .target = fmt::format("{} {} beside {}", parts.all.size(),
                                           parts.all.size() == 1 ? "collection" : "collections",
                                           request.place.label),
                     .destructive = request.drop_source,
                     .points = parts.total,
                     .notes = parts.notes,
                     .way_back = "the source is not touched; undo drops the parts",
                     .details = details_of(parts).dump()};
  if (parts.overlap && request.drop_source) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "some points go into several parts, so nothing can prove that the parts "
                         "are the whole",
                 .where = request.source.label,
                 .next = "split without --drop-source, then `vecferry drop` the source"});
  }
  if (request.drop_source && request.backup) {
    plan.steps.push_back(safety_backup(request.source, request.archive, 0));
  }
  ARROW_RETURN_NOT_OK(parts.overlap ? add_loads(request, parts, places, stop, &plan)
                                    : add_split(request, parts, places, stop, &plan));
  if (request.drop_source) {
    ARROW_RETURN_NOT_OK(add_drop(request, stop, &plan));
  }
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, stop));
  return plan;
}

}  // namespace vecferry
