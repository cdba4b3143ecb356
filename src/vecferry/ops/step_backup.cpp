#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/pipeline/copy.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

Status remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) {
    return system_failure(error.value(), fmt::format("cannot remove '{}'", path.string()),
                          path.string());
  }
  return Status::OK();
}

Status differs(const fs::path& path) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = "the backup that was read back is not what was written",
               .where = path.string(),
               .next = "check the disk; nothing else was touched"});
}

}  // namespace

Status StepRun::note() const {
  return journal.set_step_result(operation, number, to_json(facts).dump());
}

std::string backup_file(int step) {
  return fmt::format("backup-{}.parquet", step);
}

std::string backup_address(const StepRun& run, int step) {
  const std::string& in_archive = run.all.at(static_cast<size_t>(step)).backup;
  return in_archive.empty() ? (run.files() / backup_file(step)).string() : in_archive;
}

Result<std::optional<CollectionConfig>> find_collection(const OpenedEnd& end,
                                                        const StopToken& stop) {
  auto config = end.backend->describe(end.collection, stop);
  if (config.ok()) {
    return std::optional(*std::move(config));
  }
  if (kind_of(config.status()) == ErrorKind::kNotFound) {
    return std::optional<CollectionConfig>();
  }
  return config.status();
}

Status run(const BackupStep& step, StepRun& run) {
  const fs::path path = run.files() / step.file;
  ARROW_RETURN_NOT_OK(remove_file(path));  // of an earlier try
  ARROW_ASSIGN_OR_RAISE(const auto source,
                        open_load_source(step.source, run.files(), run.places, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto file, run.places.open_target(path.string(), false, run.stop));
  run.progress.begin(Phase::kBackingUp, 0);
  ARROW_RETURN_NOT_OK(file.backend->create(file.collection, source.config, run.stop));
  // A file takes its points from one lane; reading and compressing still overlap.
  SilentObserver observer;
  ARROW_ASSIGN_OR_RAISE(const auto outcome,
                        copy_points(source.points, {IdRange()}, *file.backend, file.collection, {},
                                    observer, run.progress, run.stop));
  ARROW_RETURN_NOT_OK(file.backend->finish(file.collection, source.config, run.stop));
  VECFERRY_KILL_POINT("backup.written");
  run.progress.begin(Phase::kVerifying, outcome.digest.count);
  ARROW_ASSIGN_OR_RAISE(
      const auto digest,
      digest_source({.backend = file.backend.get(), .collection = file.collection},
                    file.backend->capabilities().read_lanes, run.progress, run.stop));
  if (digest != outcome.digest) {
    return differs(path);
  }
  run.facts.made = true;
  run.facts.finished = true;
  run.facts.verified = true;
  run.facts.digest = digest;
  run.facts.bytes = outcome.bytes;
  return Status::OK();
}

Status undo(const BackupStep& step, StepRun& run) {
  return remove_file(run.files() / step.file);
}

}  // namespace vecferry
