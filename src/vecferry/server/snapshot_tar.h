#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/base/error.h"

namespace vecferry::server {

/// Write a collection snapshot: the members of a shard snapshot below `0/`, and `members` (name and
/// content) after them. Sparse entries of the old GNU kind, which our tar library cannot write, are
/// copied as they are. `file` is new.
/// Errors: kCorrupt for a shard snapshot that is no such tar, kIo.
Status write_collection_snapshot(const std::filesystem::path& shard_snapshot,
                                 const std::vector<std::pair<std::string, std::string>>& members,
                                 const std::filesystem::path& file);

}  // namespace vecferry::server
