#pragma once

#include <map>
#include <string>
#include <vector>

#include "vecferry/digest/digest.h"
#include "vecferry/pipeline/lane.h"

namespace vecferry {

struct CopyLimits {
  int lanes = 1;
  int64_t memory_bytes = int64_t{256} << 20;  ///< bound on batches in flight
  CheckpointPolicy checkpoint{};
};

struct CopyOutcome {
  RangeDigest digest{};                      ///< of what was written
  uint64_t bytes = 0;                        ///< of batches
  std::map<std::string, uint64_t> counts{};  ///< of the transforms
};

/// Move the ranges of a source into a collection that exists, in lanes, each with one batch read
/// ahead. Bounded by `memory_bytes`: batches shrink when lanes are many.
/// Errors: the first lane's; the caller removes what was written.
Result<CopyOutcome> copy_points(const Source& source, const std::vector<IdRange>& ranges,
                                Backend& target, std::string_view collection,
                                const CopyLimits& limits, LaneObserver& observer,
                                Progress& progress, StopToken stop);

/// Batch size for so many lanes, each holding about three batches.
int64_t batch_bytes_for(int64_t memory_bytes, int lanes, int64_t wanted);

}  // namespace vecferry
