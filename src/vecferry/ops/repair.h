#pragma once

#include <string>
#include <vector>

#include "vecferry/pipeline/copy.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// Copy just these points (ids ascending) of a source into a collection that exists.
/// Reads the source between the first and the last of them.
Result<CopyOutcome> copy_ids(const Source& source, const std::vector<PointId>& ids, Backend& target,
                             const std::string& collection, const CopyLimits& limits,
                             Progress& progress, StopToken stop);

/// Remove these points, durably.
Status remove_ids(Backend& target, const std::string& collection, const std::vector<PointId>& ids,
                  Progress& progress, StopToken stop);

/// Passes after a snapshot of a source that goes on changing; each finds less.
inline constexpr int kCatchUpPasses = 5;

struct FollowUp {
  int passes = 0;
  uint64_t upserted = 0;
  uint64_t removed = 0;
  uint64_t moving = 0;  ///< points that still differed after the last pass
};

/// What a person should know of it; nothing when nothing moved.
std::vector<std::string> to_sentences(const FollowUp& done);

/// Compare, and make `target` follow what changed in the source, until a pass finds nothing or
/// there were `max_passes` of them. Memory: 32 bytes a point that differs.
Result<FollowUp> follow_up(const Source& source, Backend& target, const std::string& collection,
                           int max_passes, const CopyLimits& limits, Progress& progress,
                           StopToken stop);

}  // namespace vecferry
