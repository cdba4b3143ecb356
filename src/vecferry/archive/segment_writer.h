#pragma once

#include <memory>
#include <span>
#include <vector>

#include "vecferry/archive/repository.h"

namespace vecferry {

/// What a backup adds to an archive, in id order, cut into segments.
/// Thread: one caller at a time.
class SegmentWriter {
 public:
  /// Of raw points. Lanes hold one each, and its encoded form: it bounds memory, on both sides.
  static constexpr int64_t kSegmentBytes = int64_t{32} << 20;

  /// `repository` outlives it. `layer` is that of all that is written.
  static Result<std::unique_ptr<SegmentWriter>> make(Repository& repository,
                                                     const CollectionConfig& config,
                                                     std::string collection, int layer,
                                                     int64_t segment_bytes = kSegmentBytes);
  ~SegmentWriter();

  /// Points in the points schema, with a digest each.
  Status add(const arrow::RecordBatch& points, std::span<const Digest128> digests);
  /// Points that are gone: rows of which id and shard key alone count.
  Status add_deleted(const arrow::RecordBatch& points);
  /// End the segment, so that what comes next need not follow in id order.
  Status flush();

  /// What was written so far; complete after `flush`.
  const std::vector<SegmentRef>& written() const;

 private:
  class Impl;
  explicit SegmentWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry
