#include "vecferry/ops/restore.h"

#include <fmt/format.h>

#include <utility>

#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/copy.h"
#include "vecferry/ops/verify.h"

namespace vecferry {
namespace {

Result<bool> is_there(const OpenedEnd& target, const StopToken& stop) {
  const auto config = target.backend->describe(target.collection, stop);
  if (!config.ok()) {
    return kind_of(config.status()) == ErrorKind::kNotFound ? Result<bool>(false)
                                                            : Result<bool>(config.status());
  }
  // What an earlier try has begun is begun anew.
  ARROW_ASSIGN_OR_RAISE(const bool unfinished, target.backend->take_over(target.collection, stop));
  if (unfinished) {
    ARROW_RETURN_NOT_OK(target.backend->drop(target.collection, stop));
  }
  return !unfinished;
}

Status check_equal(const OpenedEnd& backup, const OpenedEnd& target, Progress& progress,
                   const StopToken& stop) {
  progress.begin(Phase::kComparing, 0);
  ARROW_ASSIGN_OR_RAISE(const auto report,
                        verify({.a = backup.endpoint(), .b = target.endpoint()}, progress, stop));
  if (report.points.equal) {
    return Status::OK();
  }
  return fail(
      {.kind = ErrorKind::kExists,
       .what = fmt::format("'{}' is there with other points than the backup has", target.label),
       .where = target.label,
       .next = fmt::format("move it away, then run the same command again; the backup is "
                           "{}",
                           backup.label)});
}

Status set_aliases(const OpenedEnd& target, const std::vector<std::string>& aliases,
                   const StopToken& stop) {
  if (aliases.empty()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto now, alias_map(*target.backend, stop));
  std::vector<AliasChange> changes;
  for (const auto& alias : aliases) {
    if (now.count(alias) == 0) {
      changes.push_back({.alias = alias, .collection = target.collection});
    }
  }
  return changes.empty() ? Status::OK() : target.backend->change_aliases(changes, stop);
}

}  // namespace

Status restore_backup(const std::string& backup_address, const std::string& target_address,
                      const std::vector<std::string>& aliases, PlaceOpener& places,
                      Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto backup, places.open_source(backup_address, {}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto target, places.open_target(target_address, false, stop));
  ARROW_ASSIGN_OR_RAISE(const bool there, is_there(target, stop));
  if (there) {
    ARROW_RETURN_NOT_OK(check_equal(backup, target, progress, stop));
  } else {
    ARROW_ASSIGN_OR_RAISE(
        const auto plan,
        plan_copy({.verb = "restore", .source = backup.endpoint(), .target = target.endpoint()},
                  stop));
    ARROW_RETURN_NOT_OK(run_copy(plan, progress, stop).status());
  }
  return set_aliases(target, aliases, stop);
}

}  // namespace vecferry
