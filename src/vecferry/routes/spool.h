#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "vecferry/backend/snapshot_store.h"
#include "vecferry/base/temporary_folder.h"
#include "vecferry/model/config.h"

/// Shard snapshots on this machine, on their way from a server: into a folder that is gone
/// afterwards, whatever happened.
namespace vecferry {

/// Where shards are kept meanwhile, and how far they have come.
struct SpoolOptions {
  std::filesystem::path parent{};          ///< empty: the system's temporary folder
  std::atomic<uint64_t>* bytes = nullptr;  ///< counts what has come; may be null
  bool keep_files = false;  ///< they stay after they were opened, as the backend's `snapshots`
};

/// A folder for about so many bytes.
/// Errors: kIo, also when fewer are free there.
Result<TemporaryFolder> make_spool(const SpoolOptions& options, uint64_t expected_bytes);

/// Remove what killed processes left there.
void sweep_spools(const std::filesystem::path& parent);

/// Where in its folder a shard is spooled.
std::filesystem::path spooled_file(const std::filesystem::path& folder, uint32_t shard);

/// Bytes that so many points take at least, as a server keeps them: their dense vectors.
uint64_t least_bytes(const CollectionConfig& config, uint64_t points);

/// Read a shard into `folder`, at full speed, and hash it on the way; a passing failure is tried
/// again. Errors: those of `read_shard`; kIo with advice when the disk is full.
Result<ShardFile> spool_shard(SnapshotStore& from, std::string_view collection, uint32_t shard,
                              const std::filesystem::path& folder, const SpoolOptions& options,
                              StopToken stop);

}  // namespace vecferry
