#pragma once

#include <memory>

#include "vecferry/digest/digest.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// Hears what has become durable; operations write their journal from it.
/// Thread: safe for concurrent use, lanes call it side by side.
class LaneObserver {
 public:
  virtual ~LaneObserver() = default;
  /// All of `range` but `rest` is durable at the target; `digest` is that of what this lane wrote.
  virtual Status durable(const IdRange& range, const IdRange& rest, const RangeDigest& digest) = 0;
  virtual Status finished(const IdRange& range, const RangeDigest& digest) = 0;
};

/// Claims nothing: for operations without a journal.
class SilentObserver : public LaneObserver {
 public:
  Status durable(const IdRange& /*range*/, const IdRange& /*rest*/,
                 const RangeDigest& /*digest*/) override {
    return Status::OK();
  }
  Status finished(const IdRange& /*range*/, const RangeDigest& /*digest*/) override {
    return Status::OK();
  }
};

/// When a lane makes its work durable and says so.
struct CheckpointPolicy {
  int64_t bytes = int64_t{256} << 20;
  int64_t interval_ms = 30'000;
};

/// One range, one reader, one writer: owned by one thread.
struct Lane {
  IdRange range{};
  std::unique_ptr<SourceReader> reader{};
  PointWriter* writer = nullptr;  ///< outlives the lane
  CheckpointPolicy policy{};
  RangeDigest digest{};  ///< of what was handed to the writer
};

/// Move a range: read, write, make durable, claim. The digest is taken on the way, so the source
/// is read once.
/// Errors: the first one, with the range in `where`; batches before it may have been written.
Status run_lane(Lane& lane, LaneObserver& observer, Progress& progress, const StopToken& stop);

}  // namespace vecferry
