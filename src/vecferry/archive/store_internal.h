#pragma once

#include "vecferry/archive/store.h"

namespace vecferry::archived {

Result<std::shared_ptr<ArchiveStore>> open_folder(const std::string& folder, bool create);
/// `uri` as Arrow's file systems take it.
Result<std::shared_ptr<ArchiveStore>> open_bucket(const std::string& uri);

}  // namespace vecferry::archived
