#pragma once

#include <filesystem>

#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

namespace vecferry {

struct RenameRequest {
  OpenedEnd source{};
  std::string new_name{};
  bool keep_alias = false;  ///< the old name leads to the new collection
  bool backup = true;
  std::string archive{};  ///< where the backup goes; empty: a file beside the journal
  TravelWish travel{};
  /// Folder of the journal: a place on the same file system keeps the old files there in place of a
  /// backup. Empty: it takes a backup.
  std::filesystem::path journal{};
  bool build_index = false;
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Backup, copy under the new name, proof, aliases over in one request, the old one dropped last.
/// Errors: as plan_load; kUsage for an alias.
Result<OperationPlan> plan_rename(const RenameRequest& request, PlaceOpener& places,
                                  StopToken stop);

}  // namespace vecferry
