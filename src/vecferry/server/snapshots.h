#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/server/collections.h"
#include "vecferry/wire/rest_replies.h"

/// Snapshots of collections and of their shards, in the files that Qdrant 1.18 writes and takes.
/// They lie in the place, in `snapshots/COLLECTION/` and there in `shards/0/`.
/// Errors as in server/collection.h. Thread: safe for concurrent use.
namespace vecferry::server {

/// Whose snapshots: a collection's (by name or alias), or those of one of its shards. There is only
/// shard 0: kNotFound for another.
struct SnapshotScope {
  std::string collection{};
  std::optional<uint64_t> shard{};
};

Result<wire::SnapshotInfo> create_snapshot(Collections& collections, const SnapshotScope& scope);
/// By name.
Result<std::vector<wire::SnapshotInfo>> list_snapshots(Collections& collections,
                                                       const SnapshotScope& scope);
/// Errors: kNotFound.
Result<std::filesystem::path> find_snapshot(Collections& collections, const SnapshotScope& scope,
                                            std::string_view name);
Status delete_snapshot(Collections& collections, const SnapshotScope& scope, std::string_view name);

/// A fresh shard snapshot that is not kept: who has sent it removes `file.parent_path()`.
struct StreamedSnapshot {
  std::filesystem::path file{};
  std::string name{};
};
Result<StreamedSnapshot> stream_snapshot(Collections& collections, const SnapshotScope& scope);

/// Put what a snapshot file holds in the place of the collection or the shard. A collection that is
/// not there is made, with the snapshot's settings; one that is there keeps its own.
/// Errors: kUsage for one that does not fit.
Status recover_file(Collections& collections, const SnapshotScope& scope,
                    const std::filesystem::path& file);

struct RecoverArgs {
  std::string location{};  ///< file://, http://, https://; of a shard also a snapshot's name
  std::string checksum{};  ///< SHA-256 in hex; empty: not checked
  std::string api_key{};   ///< for a download
};
Status recover(Collections& collections, const SnapshotScope& scope, const RecoverArgs& args);

/// SHA-256 of a file, in hex.
Result<std::string> file_checksum(const std::filesystem::path& file);
/// Errors: kUsage ("Validation error …") for what is no SHA-256 in hex.
Status check_checksum(std::string_view checksum);

}  // namespace vecferry::server
