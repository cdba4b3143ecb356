#include "vecferry/ops/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/ops/vector_fit.h"
#include "vecferry/pipeline/compare.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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
    const auto collections = source.backend->list(stop);
    if (collections.ok()) {
      for (const auto& summary : *collections) {
        if (summary.name == source.collection) {
          points = summary.points_count;
        }
      }
    }
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

std::string some_ids(const std::vector<PointId>& ids, uint64_t count) {
  std::string text;
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < std::min(ids.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + to_string(ids[i]);
  }
  return count > kShown ? text + ", …" : text;
}

Status differs(const CopyPlan& plan, const Comparison& found) {
  std::vector<std::string> parts;
  const auto note = [&](const char* word, uint64_t count, const std::vector<PointId>& ids) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {} ({})", count, word, some_ids(ids, count)));
    }
  };
  note("missing", found.missing, found.missing_ids);
  note("different", found.different, found.different_ids);
  note("too many", found.extra, found.extra_ids);
  std::string what = "what was read back is not what was written: ";
  for (size_t i = 0; i < parts.size(); ++i) {
    what += (i == 0 ? "" : ", ") + parts[i];
  }
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = plan.request.target.label,
               .next = "if the source did not change meanwhile this is a bug: please report it"});
}

Source target_source(const CopyPlan& plan) {
  return {.backend = plan.request.target.backend, .collection = plan.request.target.collection};
}

Status verify_copy(const CopyPlan& plan, const CopyOutcome& outcome, Progress& progress,
                   const StopToken& stop) {
  const CompareOptions options{.ignore_extra = !plan.create,
                               .lanes = plan.request.target.backend->capabilities().read_lanes,
                               .memory_bytes = plan.request.limits.memory_bytes};
  const Source target = target_source(plan);
  if (plan.create) {
    progress.begin(Phase::kVerifying, outcome.digest.count);
    ARROW_ASSIGN_OR_RAISE(const auto digest, digest_source(target, options.lanes, progress, stop));
    if (digest == outcome.digest) {
      return Status::OK();
    }
  }
  progress.begin(Phase::kComparing, 2 * outcome.digest.count);
  ARROW_ASSIGN_OR_RAISE(const auto found,
                        compare_points(plan.points, target, options, progress, stop));
  if (!found.equal) {
    return differs(plan, found);
  }
  // Points that are the same one by one, but not in sum: an id came twice from the source.
  if (plan.create && found.a != found.b) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("{} points were written, {} read back: an id came twice",
                                     found.a.count, found.b.count),
                 .where = plan.request.source.label});
  }
  return Status::OK();
}

Status refuse_rounding(const CopyPlan& plan, const CopyOutcome& outcome) {
  const auto rounded = outcome.counts.find("floats_rounded");
  if (plan.request.strict_floats && rounded != outcome.counts.end() && rounded->second > 0) {
    return fail({.kind = ErrorKind::kRefused,
                 .what = fmt::format("payload floats of {} points would be rounded by a last bit",
                                     rounded->second),
                 .where = plan.request.target.label,
                 .next = "leave out --strict-floats to accept and count them"});
  }
  return Status::OK();
}

// The plan's sentences of those transforms that changed a point, or do not count.
std::vector<std::string> effective(const CopyPlan& plan,
                                   const std::map<std::string, uint64_t>& counts) {
  std::vector<std::string> sentences;
  for (const auto& transform : plan.points.transforms) {
    const auto counted = transform->counts();
    const bool changed =
        counted.empty() || std::any_of(counted.begin(), counted.end(), [&](const auto& entry) {
          const auto found = counts.find(entry.first);
          return found != counts.end() && found->second > 0;
        });
    if (changed) {
      sentences.push_back(transform->describe());
    }
  }
  return sentences;
}

// Everything between "the target is there" and "the copy is proved".
Status fill_target(const CopyPlan& plan, Receipt& receipt, Progress& progress,
                   const StopToken& stop) {
  const auto& request = plan.request;
  const auto copy_start = Clock::now();
  CopyLimits limits = request.limits;
  limits.lanes = std::max(1, request.target.backend->capabilities().write_lanes);
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(plan.points, limits.lanes, stop));
  SilentObserver observer;
  progress.begin(Phase::kCopying, plan.expected_points.value_or(0));
  ARROW_ASSIGN_OR_RAISE(const auto outcome,
                        copy_points(plan.points, ranges, *request.target.backend,
                                    request.target.collection, limits, observer, progress, stop));
  ARROW_RETURN_NOT_OK(refuse_rounding(plan, outcome));
  receipt.digest = outcome.digest;
  receipt.bytes = outcome.bytes;
  receipt.counts = outcome.counts;
  receipt.transforms = effective(plan, outcome.counts);
  if (plan.create) {
    progress.begin(Phase::kFinishing, 0);
    ARROW_RETURN_NOT_OK(
        request.target.backend->finish(request.target.collection, plan.target_config, stop));
  }
  receipt.copy_seconds = seconds_since(copy_start);
  if (request.verify) {
    const auto verify_start = Clock::now();
    ARROW_RETURN_NOT_OK(verify_copy(plan, outcome, progress, stop));
    receipt.verified = true;
    receipt.verify_seconds = seconds_since(verify_start);
  }
  if (!plan.aliases.empty()) {
    ARROW_RETURN_NOT_OK(request.target.backend->change_aliases(plan.aliases, stop));
  }
  return Status::OK();
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
  return plan;
}

nlohmann::ordered_json to_json(const CopyPlan& plan) {
  const auto& request = plan.request;
  nlohmann::ordered_json json = {{"type", "plan"},
                                 {"verb", request.verb},
                                 {"source", request.source.label},
                                 {"target", request.target.label},
                                 {"route", "stream"},
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

Result<Receipt> run_copy(const CopyPlan& plan, Progress& progress, StopToken stop) {
  const auto& request = plan.request;
  Receipt receipt{.verb = request.verb,
                  .source = request.source.label,
                  .target = request.target.label,
                  .losses = plan.losses,
                  .notes = plan.notes,
                  .started_at = std::chrono::system_clock::now()};
  Backend& target = *request.target.backend;
  if (plan.create) {
    ARROW_RETURN_NOT_OK(target.create(request.target.collection, plan.target_config, stop));
  }
  Status status = fill_target(plan, receipt, progress, stop);
  if (!status.ok() && plan.create && target.capabilities().readable) {
    // The stop that brought us here must not stop the cleaning up.
    const Status dropped = target.drop(request.target.collection, StopToken::Unstoppable());
    if (!dropped.ok()) {
      Failure failure = failure_of(status);
      failure.next = fmt::format(
          "when the target works again, run the same command; if it then says that '{}' exists, "
          "remove what is left there first (it could not be removed now: {})",
          request.target.label, failure_of(dropped).what);
      status = fail(std::move(failure));
    }
  }
  ARROW_RETURN_NOT_OK(status);
  receipt.finished_at = std::chrono::system_clock::now();
  return receipt;
}

}  // namespace vecferry
