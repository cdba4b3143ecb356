#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "vecferry/backend/backend.h"

/// The route `ship`: a new collection's shards and their index are built here by the embedded
/// engine, and put in place at the server as shard snapshots.
namespace vecferry {

struct ShipOptions {
  /// Shards are built in a folder of their own below this one, gone with the backend; empty: the
  /// system's temporary folder. What a killed process left there is swept by the next.
  std::filesystem::path spool{};
  /// A folder of one operation that outlives its process: `take_over` goes on with what lies there.
  /// Used instead of `spool` when it is named; made when it is missing, gone when nothing is in it.
  std::filesystem::path kept{};
  int index_threads = 0;    ///< at most; 0: the engine's choice
  bool build_index = true;  ///< false: the server builds its index, from what arrives
  /// Of the points that are to come, for the question whether there is room; 0: not known.
  uint64_t expected_bytes = 0;
  /// Hears from `finish` of indexed vectors, about ten times a second.
  std::function<void(uint64_t done, uint64_t total)> index_progress{};
};

/// Can new collections be shipped there? Changes nothing.
/// Errors: kIncompatible for a place without shard snapshots or of another generation than the
/// engine's files, kRefused without the right.
Status can_ship(Backend& target, StopToken stop);

/// `target`, but for collections that are created through it: until `finish` their points are put
/// aside here. `checkpoint` means that they are durable in the spool. `finish` builds payload
/// indexes and the vector index, puts each shard in place, proves that writes to it take effect,
/// and lets the target finish. An unfinished collection is empty at the target.
///
/// `take_over` is the target's, for loads that have a spool here; a load of ours whose spool is
/// gone is kNotFound: drop it, and begin again.
/// Errors: kIo with the spool in `where` when there is no room; kConflict from `finish` when the
/// target is not what it was at `create`.
/// Thread: as any backend. The objects that it makes must not outlive it.
Result<std::shared_ptr<Backend>> ship_to(std::shared_ptr<Backend> target, ShipOptions options);

/// Remove what lies in a folder that was `kept`, and the folder, also while a cancelled `finish` of
/// this process works on there in the background. None there is fine; what cannot be removed is
/// logged.
void discard_kept(const std::filesystem::path& kept);

}  // namespace vecferry
