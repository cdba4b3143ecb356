#pragma once

#include <cstdint>
#include <vector>

#include "vecferry/digest/digest.h"
#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

struct CompareOptions {
  bool ignore_extra = false;  ///< points that only the second side has are no difference
  size_t max_ids = 100;       ///< ids named of each kind; all are counted
  int lanes = 2;              ///< readers side by side
  int64_t memory_bytes = int64_t{256} << 20;  ///< bound on what is held; the rest is spooled
};

/// What a comparison found. "missing": only the first side has it; "extra": only the second.
struct Comparison {
  RangeDigest a{};
  RangeDigest b{};
  uint64_t missing = 0;
  uint64_t extra = 0;
  uint64_t different = 0;
  std::vector<PointId> missing_ids{};
  std::vector<PointId> extra_ids{};
  std::vector<PointId> different_ids{};
  bool equal = false;
};

/// Digest of a source, read in ranges side by side, as many as its place likes.
Result<RangeDigest> digest_source(const Source& source, Progress& progress, StopToken stop);
Result<RangeDigest> digest_source(const Source& source, int lanes, Progress& progress,
                                  StopToken stop);

/// Compare two sources point by point: the digests of ranges first, then only the points of ranges
/// that differ. Sides that do not come in id order are compared through spooled fingerprints
/// (48 bytes a point, in the system's temporary folder when they pass `memory_bytes`).
/// Errors: kCorrupt when a place that claims id order breaks it; else those of reading.
Result<Comparison> compare_points(const Source& a, const Source& b, const CompareOptions& options,
                                  Progress& progress, StopToken stop);

}  // namespace vecferry
