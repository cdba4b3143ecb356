#pragma once

#include <memory>
#include <string>

#include "vecferry/archive/repository.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// What goes into an archive, and how.
struct BackUpRequest {
  Source points{};               ///< in id order; as the place gives them
  CollectionConfig config{};     ///< of the collection, with aliases
  std::string collection{};      ///< its name in the archive
  std::string source{};          ///< address, for the manifest
  std::string id{};              ///< of the backup (`new_backup_id`)
  bool whole = false;            ///< do not go on from the backup before
  bool native = false;           ///< also keep the shards' files that the source has (`snapshots`)
  std::string route = "stream";  ///< how the points come here
  int max_passes = 3;            ///< over a live source, until nothing changes any more
  int64_t memory_bytes = int64_t{256} << 20;
};

struct BackUpOutcome {
  Manifest manifest{};
  uint64_t bytes = 0;    ///< of points read, in batches
  uint64_t written = 0;  ///< bytes of segments that are new
};

/// Add a backup: what changed against the newest one of that name, or everything. Segments are read
/// back, hashed and digested before the manifest makes the backup visible. Nothing is visible after
/// an error; what was written is removed, by the next writer where others are writing.
/// Errors: kConflict when the archive is being pruned; kIncompatible for points without order, and
/// for native files of a source that has none.
Result<BackUpOutcome> back_up(const std::shared_ptr<Repository>& repository,
                              const BackUpRequest& request, Progress& progress, StopToken stop);

/// Remove a backup, and what no other backup needs of it.
Status remove_backup(const std::shared_ptr<Repository>& repository, const std::string& collection,
                     const std::string& id, StopToken stop);

/// Read the segments of a manifest back, each by itself: hashes, digests of points.
/// Errors: kCorrupt with the segment.
Status prove_segments(const Repository& repository, const Manifest& manifest, Progress& progress,
                      StopToken stop);

/// Read a whole backup back: hashes, digests of points, sums. Errors: kCorrupt.
Status prove_backup(const Repository& repository, const Manifest& manifest, Progress& progress,
                    StopToken stop);

}  // namespace vecferry
