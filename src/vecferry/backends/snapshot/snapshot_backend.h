#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "vecferry/backend/backend.h"

namespace vecferry {

/// A `.snapshot` file of a Qdrant server (a collection's or a shard's; also zstd-compressed), read
/// only, through the embedded engine; no server is needed.
///
/// The file is unpacked by the first call that needs what is in it, into a folder of its own below
/// the system's temporary folder, which goes with the backend; what a killed process left there is
/// swept away. Several shards are merged in id order.
/// Errors: those calls say kCorrupt for a file that is cut short or is no snapshot, kIncompatible
/// for an unknown version or a snapshot that lacks shards, kIo when there is no room.
/// Thread: safe for concurrent use.
std::shared_ptr<Backend> open_snapshot(std::filesystem::path file);

/// The collection's name as servers put it into file names:
/// `docs-1234-2026-11-22-10-15-00.snapshot` and `docs-shard-0-2026-….snapshot` are of `docs`; other
/// names lose their extension only.
std::string collection_of_snapshot(const std::filesystem::path& file);

}  // namespace vecferry
