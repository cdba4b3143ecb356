#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/engine/shard.h"
#include "vecferry/model/config.h"

/// Snapshots of Qdrant servers as folders that `Shard::open` takes.
namespace vecferry::engine {

struct UnpackedShard {
  uint32_t id = 0;
  std::filesystem::path folder{};
  /// The replica's state in the snapshot ("Active"); empty when it does not say.
  std::string replica_state{};
};

struct UnpackedSnapshot {
  std::vector<UnpackedShard> shards{};  ///< by id; one without a number for a shard snapshot
  /// Of a collection snapshot; a shard snapshot has none: ask the opened shard.
  std::optional<CollectionConfig> config{};
};

/// Unpack a `.snapshot` (a collection's or a shard's; zstd-compressed ones are told by their first
/// bytes) into a folder that is missing or empty. Holes stay holes.
/// Errors: kCorrupt (cut short, not a snapshot, a member that would leave the folder),
/// kIncompatible (an unknown version), kExists, kIo; the folder is emptied then.
/// Thread: safe for different folders.
Result<UnpackedSnapshot> unpack_snapshot(const std::filesystem::path& file,
                                         const std::filesystem::path& folder,
                                         const Progress& progress, const StopToken& stop);

}  // namespace vecferry::engine
