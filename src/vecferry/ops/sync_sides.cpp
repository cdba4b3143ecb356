#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "vecferry/ops/id_file.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/ops/sync.h"
#include "vecferry/ops/sync_sides_internal.h"
#include "vecferry/ops/vector_fit.h"

namespace vecferry {
namespace {

// A list of ids that a step reads; its name.
std::string add_file(std::string name, Ids ids, OperationPlan* plan) {
  const auto shared = std::make_shared<const Ids>(std::move(ids));
  plan->files.push_back({.name = name, .write = [shared](const std::filesystem::path& path) {
                           return write_ids(path, *shared);
                         }});
  return name;
}

}  // namespace

Ids merged(const Ids& a, const Ids& b) {
  Ids all;
  all.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

Status check_changeable(const OpenedEnd& end) {
  const auto can = end.backend->capabilities();
  if (can.writable && can.many_collections && can.remove && can.upsert_existing) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "points of a file or an archive are not changed in place",
               .where = end.label,
               .next = "name a collection of a local:DIR place or of a server; `vecferry copy` "
                       "writes files, `vecferry backup` archives"});
}

Result<Direction> open_direction(const LoadSource& from, const OpenedEnd& to, Desk desk) {
  ARROW_RETURN_NOT_OK(check_changeable(to));
  Direction direction{.from = from, .to = to};
  ARROW_ASSIGN_OR_RAISE(direction.opened, open_load_source(from, {}, desk.places, desk.stop));
  ARROW_ASSIGN_OR_RAISE(direction.target_config, to.backend->describe(to.collection, desk.stop));
  if (direction.target_config.custom_sharding() || direction.opened.config.custom_sharding()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "collections with custom shard keys cannot be synced",
                 .where = to.label,
                 .next = "`vecferry copy` takes them as a whole"});
  }
  ARROW_RETURN_NOT_OK(check_same_vectors(direction.opened.config, direction.target_config));
  ARROW_RETURN_NOT_OK(adapt_to(direction.target_config, *to.backend, &direction.opened));
  return direction;
}

Result<Comparison> compare_all(const Direction& direction, int64_t memory_bytes, Desk desk) {
  const CompareOptions options{
      .max_ids = std::numeric_limits<size_t>::max(),
      .lanes = std::max(direction.opened.points.backend->capabilities().read_lanes,
                        direction.to.backend->capabilities().read_lanes),
      .memory_bytes = memory_bytes};
  const uint64_t known = known_points(direction.to, desk.stop).value_or(0);
  desk.progress.begin(Phase::kComparing, 2 * known);
  return compare_points(
      direction.opened.points,
      {.backend = direction.to.backend.get(), .collection = direction.to.collection}, options,
      desk.progress, desk.stop);
}

void add_changes(const Direction& direction, Changes changes, bool backup, int64_t memory_bytes,
                 OperationPlan* plan) {
  const std::string prefix = fmt::format("{}-", plan->steps.size());
  ChangeStep change{.target = direction.to.address,
                    .target_label = direction.to.label,
                    .memory_bytes = memory_bytes};
  const Ids before = merged(changes.replaced, changes.removed);
  if (backup && !before.empty()) {
    BackupStep step{.source = whole_source(direction.to),
                    .file = backup_file(static_cast<int>(plan->steps.size()))};
    step.source.only = add_file(prefix + "before.ids", before, plan);
    change.backup = static_cast<int>(plan->steps.size());
    plan->steps.emplace_back(std::move(step));
  }
  const Ids upserted = merged(changes.added, changes.replaced);
  if (!upserted.empty()) {
    change.source = direction.from;
    change.source->only = add_file(prefix + "upserted.ids", upserted, plan);
  }
  // Kept even when empty: what was added is what undo removes.
  change.added = add_file(prefix + "added.ids", std::move(changes.added), plan);
  if (!changes.removed.empty()) {
    change.removed = add_file(prefix + "removed.ids", std::move(changes.removed), plan);
  }
  change.nothing_replaced = before.empty();
  plan->steps.emplace_back(std::move(change));
  plan->locks.push_back(direction.to.address);
  plan->writes.push_back(fmt::format("{}: {} points", direction.to.label, upserted.size()));
}

}  // namespace vecferry
