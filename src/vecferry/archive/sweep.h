#pragma once

#include <set>
#include <string>
#include <vector>

#include "vecferry/archive/repository.h"

/// What of an archive's files is needed by its backups.
namespace vecferry {

/// Every manifest there is. Errors: kCorrupt for one that cannot be read: what it needs is unknown.
Result<std::vector<Manifest>> all_manifests(const Repository& repository, StopToken stop);

/// Paths of all segments and snapshots that these backups need.
std::set<std::string> files_needed(const std::vector<Manifest>& manifests);

/// "native/NAME/ID.snapshot"
Result<std::string> native_path(const std::string& collection, const std::string& id);

/// Segments and snapshots that no backup needs. Nothing while somebody else may be adding one:
/// hold a WriterMark that is alone.
Result<std::vector<StoredFile>> find_unreferenced(const Repository& repository, StopToken stop);

}  // namespace vecferry
