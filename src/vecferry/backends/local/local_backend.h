#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "vecferry/backend/backend.h"

/// `local:DIR`: collections in a folder, each one shard of the embedded engine
/// (docs/local-place.md).
namespace vecferry {

struct LocalOptions {
  bool build_index = false;  ///< `finish` merges and indexes the vectors before it returns
  /// Hears from `finish` of indexed vectors, about ten times a second.
  std::function<void(uint64_t done, uint64_t total)> index_progress{};
};

/// A folder that is missing is fine: it is made by the first `create`.
/// Errors: kIncompatible when the folder holds other things or a newer place, kIo.
/// Thread: the backend is safe for concurrent use. Any number of backends on one folder share its
/// lock and its shards within the process; to other processes the folder is locked from the first
/// shard opened until the last backend is gone (kConflict there).
Result<std::unique_ptr<Backend>> open_local(const std::filesystem::path& dir,
                                            LocalOptions options = {});

}  // namespace vecferry
