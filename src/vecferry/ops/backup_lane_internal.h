#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "vecferry/archive/backup_reader.h"
#include "vecferry/archive/segment_writer.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// What one pass over a range found and wrote.
struct BackupShare {
  RangeDigest digest{};  ///< of the source's points
  uint64_t added = 0;
  uint64_t changed = 0;
  uint64_t removed = 0;
  uint64_t bytes = 0;  ///< of batches read
  std::vector<SegmentRef> segments{};

  uint64_t changes() const { return added + changed + removed; }
  void merge(BackupShare other);
};

/// One pass over one range: points that `before` (null: no backup) does not have as they are, and
/// those that are gone, into segments of `layer`. After an error `share` names the segments that
/// were written.
/// Thread: lanes run side by side, each with a range of its own.
Status back_up_range(Repository& repository, const Source& source, const CollectionConfig& config,
                     const std::string& collection, const Manifest* before, int layer,
                     const IdRange& range, Progress& progress, const StopToken& stop,
                     BackupShare* share);

}  // namespace vecferry
