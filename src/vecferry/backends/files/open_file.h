#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "vecferry/backend/backend.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

/// Files as places: one collection each. docs/file-formats.md says what they hold.
namespace vecferry {

struct FileOptions {
  /// An extension ("json", "jsonl.zst", "parquet"); empty: that of the path. For `-` empty means
  /// JSON Lines when writing, and to look at the first bytes when reading.
  std::string format{};
  /// What a file that is written calls its collection; empty: its own name without extension.
  std::string collection_name{};
  Distance distance = Distance::kCosine;  ///< for files that do not say theirs
  std::string original_id_key{};  ///< payload key for ids that are no ids; empty: original_id
  /// Number of points to be written when it is known: JSON Lines declares it then.
  std::optional<uint64_t> points_count{};
  bool write = false;                    ///< of `-`: standard output instead of standard input
  std::filesystem::path spool_folder{};  ///< for stdin; empty: the system's
};

/// The payload key that `FileOptions::original_id_key` stands for when it is empty.
inline constexpr const char* kDefaultOriginalIdKey = "original_id";

/// A place that is one file, which need not exist, or `-`. Nothing is read or written yet.
/// The collection's name is that in the file, else the file's own; `collection_name_of` tells it.
/// Errors: kUsage for an unknown extension, with those that there are, and for a snapshot, which is
/// backends/snapshot's.
Result<std::shared_ptr<Backend>> open_file(const std::string& path, const FileOptions& options);

/// The name of the one collection of a file: for calls that need one.
/// Errors: those of reading what stands before the points.
Result<std::string> collection_name_of(Backend& file, const std::string& path,
                                       const FileOptions& options, StopToken stop);

}  // namespace vecferry
