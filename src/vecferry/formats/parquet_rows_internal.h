#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/seen_ids_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/id_range.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::formats {

/// Calls back with id, shard key and row (from 1) of every row before the one given, until it
/// returns false.
using IdVisitor = std::function<bool(const PointId&, std::string_view shard_key, int64_t row)>;
using EarlierIds = std::function<Status(int64_t before_row, const IdVisitor&)>;

/// What is checked of rows that another program may have written, whatever path they came by.
/// Thread: one caller at a time.
class RowChecker {
 public:
  RowChecker(std::string file, EarlierIds earlier)
      : file_(std::move(file)), earlier_(std::move(earlier)) {}

  /// Check a batch in the points schema whose first row is row `first_row` (from 1) of the file,
  /// and make its payloads canonical.
  /// Errors: kCorrupt with row and column.
  Result<std::shared_ptr<arrow::RecordBatch>> check(std::shared_ptr<arrow::RecordBatch> batch,
                                                    int64_t first_row);

  /// Hold one id against those before it.
  Status check_id(const PointId& id, std::string_view shard_key, int64_t row);

  Status bad(int64_t row, std::string_view column, std::string what) const;

 private:
  Status check_ids(const arrow::RecordBatch& batch, const PointsView& points, int64_t first_row);
  Status check_vectors(const arrow::RecordBatch& batch, const PointsView& points,
                       int64_t first_row) const;
  Result<std::shared_ptr<arrow::RecordBatch>> with_canonical_payloads(
      std::shared_ptr<arrow::RecordBatch> batch, const PointsView& points, int64_t first_row);

  std::string file_;
  EarlierIds earlier_;
  SeenIds seen_{};
  PayloadCanonicaliser canonicaliser_{};
  std::string text_{};
};

/// The rows of a batch whose ids, in `points`, lie in a range: a slice when they lie together.
Result<std::shared_ptr<arrow::RecordBatch>> rows_in_range(
    const std::shared_ptr<arrow::RecordBatch>& batch, const PointsView& points,
    const IdRange& range);

}  // namespace vecferry::formats
