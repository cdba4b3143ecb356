#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "vecferry/archive/repository.h"
#include "vecferry/model/points_schema.h"

/// Rows of segments: points, with the two columns that segments have besides.
namespace vecferry::archived {

inline constexpr const char* kDigestColumn = "digest";
inline constexpr const char* kDeletedColumn = "deleted";

/// The two columns, as segments declare them.
std::vector<std::shared_ptr<arrow::Field>> extra_fields();

struct SegmentRows {
  std::shared_ptr<arrow::RecordBatch> points{};  ///< in the points schema
  std::shared_ptr<arrow::FixedSizeBinaryArray> digests{};
  std::shared_ptr<arrow::BooleanArray> deleted{};

  int64_t size() const { return points->num_rows(); }
  SegmentRows slice(int64_t offset, int64_t length) const;
};

/// What a segment reader handed out, as rows whose points have `schema`.
/// Errors: kCorrupt for columns that are missing or of another type.
Result<SegmentRows> split_rows(const arrow::RecordBatch& batch,
                               const std::shared_ptr<arrow::Schema>& schema,
                               const std::string& where);

/// The same as one batch, with `schema`: that of the points, then the two columns.
std::shared_ptr<arrow::RecordBatch> join_rows(const SegmentRows& rows,
                                              const std::shared_ptr<arrow::Schema>& schema);

Result<SegmentRows> concatenate(const std::vector<SegmentRows>& pieces);

/// A point's digest, and the bytes that stand for it in a segment.
Digest128 digest_at(const arrow::FixedSizeBinaryArray& digests, int64_t row);
Result<std::shared_ptr<arrow::FixedSizeBinaryArray>> digest_array(
    std::span<const Digest128> digests);

/// Opens one segment for a range of ids; none when its rows are to be left out.
using OpenSegment = std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(
    const SegmentRef& segment, const IdRange& range)>;

/// The points of several layers in the order of id and shard key; the highest layer that has a key
/// decides, and what it says is deleted is left out.
/// Thread: one caller at a time.
class LayerMerge {
 public:
  /// `schema`: of the points. `batch_bytes`: of what `next` gives, about.
  LayerMerge(const std::vector<SegmentRef>& segments, const IdRange& range, OpenSegment open,
             std::shared_ptr<arrow::Schema> schema, int64_t batch_bytes);
  ~LayerMerge();

  /// None at the end.
  Result<std::optional<SegmentRows>> next(const StopToken& stop);

 private:
  class Layer;
  // Rows of one batch that lie together.
  struct Piece {
    SegmentRows rows{};
    int64_t begin = 0;
    int64_t end = 0;

    bool follows(const SegmentRows& others, int64_t row) const {
      return rows.points == others.points && end == row;
    }
  };
  void take_run();

  std::vector<std::unique_ptr<Layer>> layers_;  // highest first
  std::vector<Piece> pieces_;
  int64_t batch_bytes_;
  int64_t held_bytes_ = 0;
};

}  // namespace vecferry::archived
