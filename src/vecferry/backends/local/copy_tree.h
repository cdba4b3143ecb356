#pragma once

#include <cstdint>
#include <filesystem>

#include "vecferry/base/error.h"

namespace vecferry::local {

/// Bytes that the files of a folder take on disk; holes do not count.
Result<int64_t> size_of_tree(const std::filesystem::path& folder);

/// Copy a folder with all that is in it, holes as holes (the engine's files are mostly that),
/// sharing blocks where the file system can. `to` is made; nothing is synced. A stop leaves what
/// was copied. Errors: kIo.
Status copy_tree(const std::filesystem::path& from, const std::filesystem::path& to,
                 const StopToken& stop);

}  // namespace vecferry::local
