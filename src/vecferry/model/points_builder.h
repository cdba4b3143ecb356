#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/point_id.h"

namespace vecferry {

/// Decoders write points into column buffers with this; one copy, no allocation a point.
/// A point is: `start_point`, then any of the vectors (each at most once), then the payload; what
/// is not appended is absent. Thread: one caller at a time.
class PointsBuilder {
 public:
  /// `schema` as `points_schema` makes it.
  static Result<std::unique_ptr<PointsBuilder>> make(std::shared_ptr<arrow::Schema> schema);
  ~PointsBuilder();
  PointsBuilder(const PointsBuilder&) = delete;
  PointsBuilder& operator=(const PointsBuilder&) = delete;

  const std::vector<VectorSpec>& vectors() const;

  Status start_point(const PointId& id, std::optional<std::string_view> shard_key = std::nullopt);

  /// `index` counts `vectors()`. A dense vector, or a multivector of `values.size() / dim` inner
  /// ones. Values are converted to the column's element type: float16 rounds to nearest even, uint8
  /// takes whole numbers 0..255. Errors: kIncompatible for a wrong length (says both) or a value
  /// that uint8 cannot hold.
  Status append_vector(size_t index, std::span<const float> values);
  /// The same from elements of the column's own type, little-endian bytes.
  Status append_elements(size_t index, std::span<const std::byte> elements);
  /// Errors: kIncompatible when lengths differ or indices are not strictly ascending.
  Status append_sparse(size_t index, std::span<const uint32_t> indices,
                       std::span<const float> values);
  /// Canonical JSON of a non-empty object; an empty view or "{}" is no payload.
  Status append_payload(std::string_view canonical_json);

  int64_t rows() const;
  /// About the bytes appended since the last `finish`, for sizing batches.
  int64_t bytes() const;

  /// The batch so far; the builder is empty afterwards and may go on.
  Result<std::shared_ptr<arrow::RecordBatch>> finish();

 private:
  class Columns;
  explicit PointsBuilder(std::unique_ptr<Columns> columns);
  std::unique_ptr<Columns> columns_;
};

}  // namespace vecferry
