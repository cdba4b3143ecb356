#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/archive/repository.h"
#include "vecferry/archive/retention.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

struct PruneRequest {
  Retention rules{};
  std::string collection{};  ///< empty: all of them
};

/// A backup, by its name in the archive.
struct BackupRef {
  std::string collection{};
  std::string id{};
};

/// What a prune removes, made before the first removal.
struct PrunePlan {
  std::vector<BackupRef> removed{};
  std::vector<BackupRef> kept{};
  std::vector<StoredFile> files{};  ///< that no backup needs any more, or never did

  uint64_t bytes() const;
};

/// Backups that no rule keeps; a marker's backup and the newest of each collection are kept always.
/// Errors: kUsage without a rule; kCorrupt when a manifest cannot be read: what it needs is
/// unknown.
Result<PrunePlan> plan_prune(const Repository& repository, const PruneRequest& request,
                             StopToken stop);

/// Carry a plan out: manifests first, then files. Killed anywhere, the backups that are left are
/// whole, and the next prune goes on.
/// Errors: kConflict while somebody writes to the archive, or when it has changed since the plan.
Status run_prune(const std::shared_ptr<Repository>& repository, const PruneRequest& request,
                 const PrunePlan& plan, StopToken stop);

/// Write the newest backup of a collection anew, in one layer; its id, time and points stay.
/// Returns false when it has one layer already.
Result<bool> compact(const std::shared_ptr<Repository>& repository, const std::string& collection,
                     Progress& progress, StopToken stop);

}  // namespace vecferry
