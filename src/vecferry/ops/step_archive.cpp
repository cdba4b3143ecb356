#include <fmt/format.h>
#include <xxhash.h>

#include "vecferry/backend/location.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/ops/archive.h"
#include "vecferry/ops/back_up.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/routes/spool.h"

namespace vecferry {
namespace {

// Where the newest backup of this name was read from; empty when there is none.
Result<std::string> owner_of(const Repository& repository, const std::string& name,
                             const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto ids, repository.backups(name, stop));
  if (ids.empty()) {
    return std::string();
  }
  ARROW_ASSIGN_OR_RAISE(const auto manifest, repository.manifest(name, ids.back()));
  return manifest.source;
}

// Collections of several places may have one name; their backups must not run into one another.
Result<std::string> name_for(const ArchiveStep& step, const Repository& repository,
                             const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto owner, owner_of(repository, step.name, stop));
  if (owner.empty() || owner == step.source.address) {
    return step.name;
  }
  if (step.strict) {
    return fail(
        {.kind = ErrorKind::kExists,
         .what = fmt::format("'{}' in this archive is of another collection: {}", step.name, owner),
         .where = step.archive,
         .next = "give this one a name of its own there: --name NAME"});
  }
  const auto hash = XXH3_64bits(step.source.address.data(), step.source.address.size());
  return fmt::format("{}-{:08x}", step.name, static_cast<uint32_t>(hash));
}

// The two halves of a backup's location.
struct Named {
  std::string collection{};
  std::string id{};
};

Result<Named> named_in(const std::string& location) {
  ARROW_ASSIGN_OR_RAISE(const auto parsed, parse_location(location));
  const size_t at = parsed.collection.rfind('@');
  if (at == std::string::npos) {
    return fail({.kind = ErrorKind::kInternal,
                 .what = fmt::format("'{}' is no location of a backup", location)});
  }
  return Named{parsed.collection.substr(0, at), parsed.collection.substr(at + 1)};
}

void note_changes(const Manifest& manifest, uint64_t written, StepFacts* facts) {
  facts->counts = {
      {"added", manifest.added}, {"changed", manifest.changed}, {"removed", manifest.removed}};
  facts->notes.push_back(fmt::format("backup {} of '{}' ({}), {} bytes written", manifest.id,
                                     manifest.collection, to_string(manifest.consistency),
                                     written));
  if (manifest.native) {
    facts->notes.push_back(fmt::format("{} shards of a {} beside it, as the server's own files",
                                       manifest.native->shards.size(), manifest.native->version));
  }
  if (manifest.consistency == Consistency::kMoving) {
    facts->notes.emplace_back(
        "the source went on changing while it was read: the backup is not of one moment");
  }
}

}  // namespace

Status run(const ArchiveStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        run.places.open_archive(step.archive, RepositoryMode::kCreate, run.stop));
  if (!run.facts.backup.empty()) {
    // It was begun before: what is there is whole, or not there; it is taken again, as of now.
    ARROW_ASSIGN_OR_RAISE(const auto earlier, named_in(run.facts.backup));
    ARROW_RETURN_NOT_OK(remove_backup(repository, earlier.collection, earlier.id, run.stop));
    run.facts = {};
  }
  LoadSource from = step.source;
  from.reading.keep_shards = step.native;
  ARROW_ASSIGN_OR_RAISE(const auto source,
                        open_load_source(from, run.files(), run.places, run.stop));
  // Where the snapshots could not be had after all, the notes say so.
  const bool spooled = from.reading.spooled && source.notes.empty();
  BackUpRequest request{
      .points = copy_of(source.points),
      .config = source.config,
      .source = step.source.address,
      .id = new_backup_id(std::chrono::system_clock::now()),
      .whole = step.whole,
      .native = step.native,
      .route = std::string(to_string(spooled ? Route::kEngineRead : Route::kStream)),
      .max_passes = step.passes,
      .memory_bytes = step.memory_bytes};
  ARROW_ASSIGN_OR_RAISE(request.collection, name_for(step, *repository, run.stop));
  run.facts.made = true;
  run.facts.backup = backup_location(step.archive, request.collection, request.id);
  ARROW_RETURN_NOT_OK(run.note());
  VECFERRY_KILL_POINT("archive.noted");
  ARROW_ASSIGN_OR_RAISE(const auto outcome, back_up(repository, request, run.progress, run.stop));
  if (step.dropped) {
    ARROW_RETURN_NOT_OK(prove_backup(*repository, outcome.manifest, run.progress, run.stop));
  }
  run.facts.finished = true;
  run.facts.verified = true;
  run.facts.digest = outcome.manifest.points;
  run.facts.bytes = outcome.bytes;
  if (from.reading.spooled && !spooled) {
    run.facts.route = outcome.manifest.route;
  }
  run.facts.notes.insert(run.facts.notes.end(), source.notes.begin(), source.notes.end());
  note_changes(outcome.manifest, outcome.written, &run.facts);
  return Status::OK();
}

Status undo(const ArchiveStep& step, StepRun& run) {
  if (step.source.reading.spooled) {
    sweep_spools(step.source.reading.spool);
  }
  if (run.facts.backup.empty()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        run.places.open_archive(step.archive, RepositoryMode::kCreate, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto named, named_in(run.facts.backup));
  return remove_backup(repository, named.collection, named.id, run.stop);
}

Status run(const MarkStep& step, StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        run.places.open_archive(step.archive, RepositoryMode::kOpen, run.stop));
  run.facts.made = true;
  ARROW_RETURN_NOT_OK(run.note());
  VECFERRY_KILL_POINT("mark.noted");
  if (!step.backup) {
    return repository->clear_mark(step.name);
  }
  ARROW_ASSIGN_OR_RAISE(const auto named,
                        named_in(run.all.at(static_cast<size_t>(*step.backup)).backup));
  return repository->set_mark({.collection = named.collection,
                               .time = time_of_backup(named.id),
                               .source = step.source,
                               .backup = named.id,
                               .operation = run.operation});
}

Status undo(const MarkStep& step, StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto repository,
                        run.places.open_archive(step.archive, RepositoryMode::kOpen, run.stop));
  if (step.before.empty()) {
    std::string name = step.name;
    if (step.backup) {
      ARROW_ASSIGN_OR_RAISE(const auto named,
                            named_in(run.all.at(static_cast<size_t>(*step.backup)).backup));
      name = named.collection;
    }
    return repository->clear_mark(name);
  }
  ARROW_ASSIGN_OR_RAISE(const auto before, parse_archived_mark(step.before, "the journal"));
  return repository->set_mark(before);
}

}  // namespace vecferry
