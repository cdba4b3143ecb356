#include "vecferry/ops/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/ops/vector_fit.h"

namespace vecferry {
namespace {

// A file holds one collection: whatever its name is, the place is taken.
Result<bool> is_taken(const Endpoint& target, const StopToken& stop) {
  const auto capabilities = target.backend->capabilities();
  if (capabilities.many_collections || !capabilities.readable || !capabilities.writable) {
    return false;
  }
  ARROW_ASSIGN_OR_RAISE(const auto collections, target.backend->list(stop));
  return !collections.empty();
}

Result<std::optional<CollectionConfig>> existing(const Endpoint& target, const StopToken& stop) {
  auto config = target.backend->describe(target.collection, stop);
  if (config.ok()) {
    return std::optional(*std::move(config));
  }
  if (kind_of(config.status()) == ErrorKind::kNotFound) {
    return std::optional<CollectionConfig>();
  }
  return config.status();
}

// Only a place that knows without reading everything is asked.
std::optional<uint64_t> expected_points(const Endpoint& source, const Selection& selection,
                                        const StopToken& stop) {
  std::optional<uint64_t> points;
  if (selection.filter == nullptr) {
    points = known_points(*source.backend, source.collection, stop);
  } else if (source.backend->capabilities().splittable) {
    const auto count = source.backend->count(source.collection, selection.filter.get(), stop);
    if (count.ok()) {
      points = *count;
    }
  }
  if (selection.limit && points) {
    points = std::min(*points, *selection.limit);
  }
  return points;
}

// Aliases that are free at the target are set there; one that is taken stays where it points.
Status plan_aliases(CopyPlan& plan, const StopToken& stop) {
  const auto& target = plan.request.target;
  if (!target.backend->capabilities().aliases || plan.target_config.aliases.empty()) {
    return Status::OK();
  }
  for (const auto& alias : plan.target_config.aliases) {
    ARROW_ASSIGN_OR_RAISE(
        const auto taken,
        existing({.backend = target.backend, .collection = alias, .label = ""}, stop));
    if (taken || alias == target.collection) {
      plan.notes.push_back(
          fmt::format("alias '{}' is taken at the target and stays where it points", alias));
    } else {
      plan.aliases.push_back({.alias = alias, .collection = target.collection});
    }
  }
  plan.target_config.aliases.clear();
  return Status::OK();
}

Status check_ends(const CopyRequest& request, bool exists) {
  const auto& target = request.target;
  if (request.source.label == target.label && target.label != "-") {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "source and target are the same",
                 .where = target.label,
                 .next = "give the copy another name"});
  }
  const auto capabilities = target.backend->capabilities();
  if (!capabilities.writable) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "the target can only be read",
                 .where = target.label,
                 .next = "write to .json, .jsonl, .parquet or a local place"});
  }
  if (exists && !request.into_existing) {
    return fail({.kind = ErrorKind::kExists,
                 .what = fmt::format("'{}' exists already", target.label),
                 .where = target.label,
                 .next = capabilities.many_collections
                             ? "choose another name, or add --into-existing to write into it"
                             : "choose another name, or move the file away"});
  }
  if (exists && !capabilities.upsert_existing) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "a file cannot be written into; it is made whole",
                 .where = target.label,
                 .next = "choose another name"});
  }
  if (!exists && request.into_existing && capabilities.many_collections) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no collection '{}' to write into", target.collection),
                 .where = target.label,
                 .next = "leave out --into-existing to make it"});
  }
  return Status::OK();
}

// Everything as it is, so that the servers' own files will do. What a target makes of single points
// (it rounds floats, it normalises) those have behind them.
bool travels_unchanged(const CopyPlan& plan) {
  const Source& points = plan.points;
  return plan.request.selection.changes_nothing() && points.rows == nullptr && plan.losses.empty();
}

Status plan_route(CopyPlan* plan, const StopToken& stop) {
  const auto& request = plan->request;
  return choose_route({.source = request.source.backend,
                       .from = request.source.collection,
                       .target = request.target.backend,
                       .config = plan->target_config,
                       .whole = travels_unchanged(*plan),
                       .creates = plan->create,
                       .index = request.travel.index,
                       .points = plan->expected_points,
                       .spool = request.travel.spool,
                       .prove = request.verify,
                       .waits = request.travel.waits},
                      request.travel.prefer, request.travel.route, stop)
      .Value(&plan->route);
}

// Following removes what the source no longer has: that must all be what this copy wrote.
Status check_follow_up(const CopyRequest& request) {
  if (request.follow_up == 0) {
    return Status::OK();
  }
  const auto capabilities = request.target.backend->capabilities();
  if (!capabilities.remove || !capabilities.upsert_existing) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "a file is written once: it cannot follow what changes in the source",
                 .where = request.target.label,
                 .next = "copy into a local:DIR place or a server, or leave out --follow-up"});
  }
  const char* against = request.into_existing       ? "--into-existing"
                        : request.selection.limit   ? "--limit"
                        : request.selection.reembed ? "--reembed"
                        : !request.verify           ? "--no-verify"
                                                    : nullptr;
  if (against == nullptr) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("--follow-up and {} exclude each other", against),
               .where = request.target.label,
               .next = "leave one of them out; `vecferry sync` follows into a collection that "
                       "exists"});
}

}  // namespace

Result<CopyPlan> plan_copy(CopyRequest request, StopToken stop) {
  CopyPlan plan;
  ARROW_ASSIGN_OR_RAISE(const auto source_config,
                        request.source.backend->describe(request.source.collection, stop));
  if (request.target.backend->capabilities().many_collections) {
    ARROW_RETURN_NOT_OK(check_collection_name(request.target.collection));
  }
  ARROW_ASSIGN_OR_RAISE(auto target_config, existing(request.target, stop));
  if (target_config && !request.into_existing) {
    ARROW_ASSIGN_OR_RAISE(const bool abandoned,
                          request.target.backend->abandoned(request.target.collection, stop));
    if (abandoned) {
      target_config.reset();
      plan.notes.push_back("takes the place of an unfinished load whose process has died");
    }
  }
  bool exists = target_config.has_value();
  if (!exists) {
    ARROW_ASSIGN_OR_RAISE(exists, is_taken(request.target, stop));
  }
  ARROW_RETURN_NOT_OK(check_ends(request, exists));
  ARROW_RETURN_NOT_OK(check_follow_up(request));
  plan.create = !target_config.has_value();

  plan.points = {.backend = request.source.backend,
                 .collection = request.source.collection,
                 .filter = request.selection.filter,
                 .vectors = request.selection.vectors,
                 .limit = request.selection.limit};
  ARROW_ASSIGN_OR_RAISE(plan.points.transforms,
                        transforms_for(request.selection, source_config, request.source.label));
  CollectionConfig arriving = source_config;
  for (const auto& transform : plan.points.transforms) {
    ARROW_ASSIGN_OR_RAISE(arriving, transform->config(arriving));
  }
  for (const auto& spec : arriving.vectors) {
    ARROW_RETURN_NOT_OK(check_vector_name(spec.name));
  }
  if (target_config) {
    ARROW_RETURN_NOT_OK(check_same_vectors(arriving, *target_config));
  }
  ARROW_ASSIGN_OR_RAISE(
      auto adaptation,
      adapt(arriving, facts_of(request.source.backend->capabilities()),
            target_config.value_or(arriving), facts_of(request.target.backend->capabilities())));
  plan.losses = std::move(adaptation.losses);
  for (auto& transform : adaptation.transforms) {
    ARROW_ASSIGN_OR_RAISE(arriving, transform->config(arriving));
    plan.points.transforms.push_back(std::move(transform));
  }
  for (const auto& transform : plan.points.transforms) {
    plan.transforms.push_back(transform->describe());
  }
  plan.target_config = target_config.value_or(arriving);
  if (plan.create) {
    ARROW_ASSIGN_OR_RAISE(const auto lost, request.target.backend->losses(arriving, stop));
    plan.losses.insert(plan.losses.end(), lost.begin(), lost.end());
  }
  plan.expected_points = expected_points(request.source, request.selection, stop);
  if (request.verify && !request.target.backend->capabilities().readable) {
    request.verify = false;
    plan.notes.push_back("what goes into a pipe cannot be read back: not verified");
  }
  plan.request = std::move(request);
  if (plan.create) {
    ARROW_RETURN_NOT_OK(plan_aliases(plan, stop));
  }
  ARROW_RETURN_NOT_OK(plan_route(&plan, stop));
  if (plan.route.route == Route::kNative) {
    plan.transforms.clear();  // bits stay as they are
  }
  return plan;
}

nlohmann::ordered_json to_json(const CopyPlan& plan) {
  const auto& request = plan.request;
  nlohmann::ordered_json json = {{"type", "plan"},
                                 {"verb", request.verb},
                                 {"source", request.source.label},
                                 {"target", request.target.label},
                                 {"route", to_string(plan.route.route)},
                                 {"routes", to_json(plan.route)},
                                 {"points", nullptr},
                                 {"create", plan.create},
                                 {"verify", request.verify},
                                 {"losses", plan.losses},
                                 {"transforms", plan.transforms},
                                 {"notes", plan.notes},
                                 {"writes", {request.target.label}},
                                 {"drops", nlohmann::ordered_json::array()}};
  if (plan.expected_points) {
    json["points"] = *plan.expected_points;
  }
  return json;
}

}  // namespace vecferry
