#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vecferry/ops/place_opener.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

/// Bring a collection back from its backup, verified, with these aliases where they are free. One
/// that is there already and equal to the backup is fine, so it may be called again.
/// Errors: kExists when another collection has taken the name; those of copying.
Status restore_backup(const std::string& backup_address, const std::string& target_address,
                      const std::vector<std::string>& aliases, PlaceOpener& places,
                      Progress& progress, StopToken stop);

}  // namespace vecferry
