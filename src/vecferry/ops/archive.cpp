#include "vecferry/ops/archive.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/backend/location.h"
#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/step_run_internal.h"

namespace vecferry {
namespace {

ArchiveStep archive_step(const BackupRequest& request, bool dropped) {
  return {.source = whole_source(request.source),
          .archive = request.archive,
          .name = request.name.empty() ? request.source.collection : request.name,
          .strict = true,
          .whole = request.whole,
          .dropped = dropped,
          .native = request.native,
          .passes = request.passes,
          .memory_bytes = request.memory_bytes};
}

// What a person should know of the backup before this one.
Status say_parent(const ArchiveStep& step, OperationPlan* plan, Desk desk) {
  const auto repository = desk.places.open_archive(step.archive, RepositoryMode::kOpen, desk.stop);
  if (!repository.ok()) {
    if (kind_of(repository.status()) != ErrorKind::kNotFound) {
      return repository.status();
    }
    plan->notes.push_back(fmt::format("makes a new archive {}", step.archive));
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto ids, (*repository)->backups(step.name, desk.stop));
  if (ids.empty() || step.whole) {
    plan->notes.emplace_back("writes the whole collection");
    return Status::OK();
  }
  plan->notes.push_back(fmt::format("adds what has changed since {}", ids.back()));
  return Status::OK();
}

Result<OperationPlan> begin(const char* verb, const BackupRequest& request, bool dropped,
                            Desk desk) {
  OperationPlan plan{.verb = verb,
                     .source = request.source.label,
                     .target = request.archive,
                     .points = known_points(request.source, desk.stop)};
  ArchiveStep step = archive_step(request, dropped);
  plan.writes = {fmt::format("a backup of '{}' in {}", step.name, step.archive)};
  ARROW_RETURN_NOT_OK(say_parent(step, &plan, desk));
  ARROW_ASSIGN_OR_RAISE(const auto config,
                        request.source.backend->describe(request.source.collection, desk.stop));
  TravelWish wish = request.travel;
  if (request.native) {
    if (wish.route == Route::kStream) {
      return fail(
          {.kind = ErrorKind::kUsage,
           .what = "--native keeps the files that engine-read reads, and --route says stream",
           .next = "leave one of the two out"});
    }
    wish.route = Route::kEngineRead;
    plan.writes.emplace_back("the server's own files beside it");
  }
  ARROW_ASSIGN_OR_RAISE(plan.route_reason,
                        choose_reading(wish, request.source, config, &step.source, desk.stop));
  if (step.source.reading.spooled) {
    plan.route = to_string(Route::kEngineRead);
  }
  plan.steps.emplace_back(std::move(step));
  return plan;
}

// Aliases of the backup that nothing else has by now.
Status add_aliases(const Manifest& manifest, const OpenedEnd& target, OperationPlan* plan,
                   const StopToken& stop) {
  if (manifest.config.aliases.empty() || !target.backend->capabilities().aliases) {
    return Status::OK();
  }
  auto found_aliases = alias_map(*target.backend, stop);
  if (!found_aliases.ok() && kind_of(found_aliases.status()) != ErrorKind::kNotFound) {
    return found_aliases.status();
  }
  // A place that is not there yet is made by the restore, and has none.
  const auto taken = std::move(found_aliases).ValueOr({});
  AliasStep step{.place = target.address};
  for (const auto& alias : manifest.config.aliases) {
    if (const auto found = taken.find(alias); found != taken.end()) {
      plan->notes.push_back(
          fmt::format("alias '{}' stays with '{}', which has it now", alias, found->second));
      continue;
    }
    step.changes.push_back({.alias = alias, .collection = target.collection});
    step.before.push_back({.alias = alias, .collection = std::nullopt});
  }
  if (!step.changes.empty()) {
    plan->steps.emplace_back(std::move(step));
  }
  return Status::OK();
}

Result<OpenedEnd> target_of(const RestoreRequest& request, const Manifest& manifest, Desk desk) {
  if (request.target) {
    return *request.target;
  }
  const auto live = parse_location(manifest.source);
  if (!live.ok() || live->place.kind == PlaceKind::kFile) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("this backup was taken from a file, {}", manifest.source),
                 .where = request.collection,
                 .next = "say where to: vecferry restore NAME LOC"});
  }
  auto target = desk.places.open_target(manifest.source, false, desk.stop);
  return target.ok() ? std::move(target) : widen(target.status(), "where it was taken from");
}

// One that cannot be read keeps nobody from restoring what is sound.
Result<std::optional<ArchivedMark>> readable_mark(const Repository& repository,
                                                  const RestoreRequest& request,
                                                  OperationPlan* plan) {
  auto mark = repository.mark(request.collection);
  if (!repository.head().ok()) {  // into such an archive nothing is written
    mark = repository.head();
  }
  if (mark.ok() || !request.allow_partial) {
    return mark;
  }
  plan->notes.push_back(fmt::format("the mark that it is archived stays, for it cannot be read: {}",
                                    failure_of(mark.status()).what));
  return std::optional<ArchivedMark>();
}

// The server's own files are preferred; where they will not do, the notes say why.
Result<PlannedLoad> plan_way_back(const LoadSource& source, const OpenedEnd& target,
                                  const Manifest& manifest, const RestoreRequest& request,
                                  Desk desk) {
  if (!manifest.native || request.travel.route) {
    return plan_load({source}, target, desk.places, desk.stop, request.travel);
  }
  TravelWish natively = request.travel;
  natively.route = Route::kNative;
  auto load = plan_load({source}, target, desk.places, desk.stop, natively);
  if (load.ok()) {
    load->step.travel.insisted = false;
    return load;
  }
  const ErrorKind kind = kind_of(load.status());
  if (kind != ErrorKind::kIncompatible && kind != ErrorKind::kRefused) {
    return load;
  }
  ARROW_ASSIGN_OR_RAISE(auto other,
                        plan_load({source}, target, desk.places, desk.stop, request.travel));
  other.notes.push_back(fmt::format("the server's own files beside the backup do not go there: {}",
                                    failure_of(load.status()).what));
  return other;
}

}  // namespace

std::string backup_location(const std::string& archive, const std::string& collection,
                            const std::string& id) {
  return archive + "/" + percent_encode(collection + "@" + id);
}

Step safety_backup(const OpenedEnd& end, const std::string& archive, int number) {
  if (archive.empty()) {
    return BackupStep{.source = whole_source(end), .file = backup_file(number)};
  }
  return ArchiveStep{
      .source = whole_source(end), .archive = archive, .name = end.collection, .passes = 1};
}

Result<OperationPlan> plan_backup(const BackupRequest& request, Desk desk) {
  ARROW_RETURN_NOT_OK(describe_collection(request.source, desk.stop).status());
  ARROW_ASSIGN_OR_RAISE(auto plan, begin("backup", request, false, desk));
  plan.way_back = "undo removes the backup; the collection is not touched";
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, desk.stop));
  return plan;
}

Result<OperationPlan> plan_archive(const BackupRequest& request, Desk desk) {
  ARROW_ASSIGN_OR_RAISE(const auto config, describe_collection(request.source, desk.stop));
  if (!request.source.backend->capabilities().many_collections) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "archive works on collections of places, not on files",
                 .where = request.source.label,
                 .next = "import the file into a local:DIR place, and back that up"});
  }
  ARROW_ASSIGN_OR_RAISE(auto plan, begin("archive", request, true, desk));
  MarkStep mark{.archive = request.archive,
                .name = std::get<ArchiveStep>(plan.steps.front()).name,
                .source = request.source.address,
                .backup = 0};
  const auto repository =
      desk.places.open_archive(request.archive, RepositoryMode::kOpen, desk.stop);
  if (repository.ok()) {
    ARROW_ASSIGN_OR_RAISE(const auto before, (*repository)->mark(mark.name));
    mark.before = before ? to_json(*before) : std::string();
  }
  plan.steps.emplace_back(std::move(mark));
  plan.steps.emplace_back(DropStep{.target = request.source.address,
                                   .target_label = request.source.label,
                                   .backup = 0,
                                   .unchanged_since = 0,
                                   .aliases = config.aliases});
  plan.locks = {request.source.address};
  plan.destructive = true;
  plan.drops = {request.source.label};
  for (const auto& alias : config.aliases) {
    plan.drops.push_back(fmt::format("alias '{}'", alias));
  }
  plan.way_back = "undo, or restore at any later time, brings it back, verified";
  ARROW_RETURN_NOT_OK(estimate(request.source, &plan, desk.stop));
  return plan;
}

Result<OperationPlan> plan_restore(const RestoreRequest& request, Desk desk) {
  const auto mode = request.allow_partial ? RepositoryMode::kSalvage : RepositoryMode::kOpen;
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        desk.places.open_archive(request.archive, mode, desk.stop));
  ARROW_ASSIGN_OR_RAISE(const auto manifest,
                        repository->find(request.collection, request.when, desk.stop));
  const std::string address = backup_location(request.archive, manifest.collection, manifest.id);
  LoadSource source{
      .address = address,
      .label = fmt::format("{}/{}@{}", request.archive, manifest.collection, manifest.id),
      .reading = {.allow_partial = request.allow_partial},
      .selection = request.selection};
  ARROW_ASSIGN_OR_RAISE(const auto target, target_of(request, manifest, desk));
  ARROW_ASSIGN_OR_RAISE(auto load, plan_way_back(source, target, manifest, request, desk));
  load.step.build_index = request.build_index;
  load.step.memory_bytes = request.memory_bytes;
  OperationPlan plan{.verb = "restore",
                     .source = source.label,
                     .target = target.label,
                     .points = request.selection.filter == nullptr && !request.selection.limit
                                   ? std::optional(manifest.points.count)
                                   : std::nullopt};
  say(load, &plan);
  plan.steps.emplace_back(std::move(load.step));
  ARROW_RETURN_NOT_OK(add_aliases(manifest, target, &plan, desk.stop));
  ARROW_ASSIGN_OR_RAISE(const auto mark, readable_mark(*repository, request, &plan));
  if (mark) {
    plan.steps.emplace_back(MarkStep{.archive = request.archive,
                                     .name = request.collection,
                                     .source = mark->source,
                                     .backup = std::nullopt,
                                     .before = to_json(*mark)});
  }
  if (request.allow_partial) {
    ARROW_ASSIGN_OR_RAISE(const auto damage, find_damage(*repository, manifest, desk.stop));
    plan.losses.insert(plan.losses.end(), damage.begin(), damage.end());
  }
  plan.notes.push_back(
      fmt::format("backup of {} ({})", manifest.time, to_string(manifest.consistency)));
  plan.way_back = "undo drops what was restored; the archive keeps its backup";
  return plan;
}

Result<std::vector<std::string>> find_damage(const Repository& repository, const Manifest& manifest,
                                             StopToken stop) {
  std::vector<std::string> damage;
  for (const auto& segment : manifest.segments) {
    ARROW_RETURN_NOT_OK(poll(stop));
    const auto bytes = repository.get_segment(segment);
    if (bytes.ok()) {
      continue;
    }
    const auto kind = kind_of(bytes.status());
    if (kind != ErrorKind::kCorrupt && kind != ErrorKind::kNotFound) {
      return bytes.status();
    }
    damage.push_back(
        segment.layer == 0
            ? fmt::format("{} points with ids from {} to {}: {}", segment.points,
                          to_string(segment.first), to_string(segment.last),
                          failure_of(bytes.status()).what)
            : fmt::format("what changed in {} points with ids from {} to {}, which stay as an "
                          "earlier backup has them: {}",
                          segment.points + segment.deleted, to_string(segment.first),
                          to_string(segment.last), failure_of(bytes.status()).what));
  }
  return damage;
}

}  // namespace vecferry
