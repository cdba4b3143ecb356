#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "arrow/util/bitmap_ops.h"
#include "vecferry/formats/parquet_rows_internal.h"

namespace vecferry::formats {
namespace {

std::string_view shard_key_of(const PointsView& points, int64_t row) {
  return points.shard_key(row).value_or(std::string_view());
}

// The first row with a vector in which an element is null, or -1. A row that is null as a whole may
// have null elements below it.
int64_t row_with_null_element(const arrow::Array& column) {
  switch (column.type_id()) {
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(column);
      const auto& items = *list.values();
      const int64_t length = list.value_length();
      for (int64_t row = 0; items.null_count() > 0 && row < list.length(); ++row) {
        const bool whole = list.IsNull(row) ||
                           arrow::internal::CountSetBits(items.null_bitmap_data(),
                                                         items.offset() + list.value_offset(row),
                                                         length) == length;
        if (!whole) {
          return row;
        }
      }
      return -1;
    }
    case arrow::Type::LIST: {
      const auto& items = *static_cast<const arrow::ListArray&>(column).values();
      return items.null_count() > 0 || row_with_null_element(items) >= 0 ? 0 : -1;
    }
    case arrow::Type::STRUCT:
      for (const auto& part : static_cast<const arrow::StructArray&>(column).fields()) {
        if (row_with_null_element(*part) >= 0) {
          return 0;
        }
      }
      return -1;
    default:
      return -1;
  }
}

}  // namespace

Status RowChecker::bad(int64_t row, std::string_view column, std::string what) const {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = fmt::format("{}, row {}, {}", file_, row, column)});
}

Status RowChecker::check_id(const PointId& id, std::string_view shard_key, int64_t row) {
  auto verdict = seen_.add(id, shard_key);
  if (verdict == SeenIds::Verdict::kForgotten) {
    ARROW_RETURN_NOT_OK(earlier_(row, [&](const PointId& earlier, std::string_view key, int64_t) {
      seen_.remember(earlier, key);
      return true;
    }));
    verdict = seen_.add(id, shard_key);
  }
  if (verdict == SeenIds::Verdict::kNew) {
    return Status::OK();
  }
  int64_t first = 0;
  ARROW_RETURN_NOT_OK(
      earlier_(row, [&](const PointId& earlier, std::string_view key, int64_t place) {
        first = earlier == id && key == shard_key ? place : 0;
        return first == 0;
      }));
  return first == 0
             ? Status::OK()  // two ids with one fingerprint
             : bad(row, "id",
                   fmt::format("the id {} is there twice, first in row {}", to_string(id), first));
}

Status RowChecker::check_ids(const arrow::RecordBatch& batch, const PointsView& points,
                             int64_t first_row) {
  const auto& ids = *batch.GetColumnByName("id");
  const auto& uuids = *batch.GetColumnByName("uuid");
  const bool numbers_only = ids.null_count() == 0 && uuids.null_count() == batch.num_rows();
  for (int64_t row = 0; row < points.rows(); ++row) {
    if (!numbers_only && ids.IsNull(row) == uuids.IsNull(row)) {
      return bad(
          first_row + row, "id",
          ids.IsNull(row) ? "a point without an id" : "a point with two ids, 'id' and 'uuid'");
    }
    ARROW_RETURN_NOT_OK(check_id(points.id(row), shard_key_of(points, row), first_row + row));
  }
  return Status::OK();
}

Status RowChecker::check_vectors(const arrow::RecordBatch& batch, const PointsView& points,
                                 int64_t first_row) const {
  for (const auto& column : points.vectors()) {
    const auto name = vector_column_name(column.spec().name);
    const auto& array = *batch.column(column.column());
    if (const int64_t row = row_with_null_element(array); row >= 0) {
      return bad(first_row + row, name, "a vector here or below has an element that is null");
    }
    if (column.spec().kind == VectorKind::kDense) {
      continue;
    }
    for (int64_t row = 0; row < points.rows(); ++row) {
      if (!column.present(row)) {
        continue;
      }
      if (column.spec().kind == VectorKind::kMulti) {
        if (column.vector_count(row) == 0) {
          return bad(first_row + row, name, "the multivector is empty");
        }
        continue;
      }
      const auto indices = column.indices(row);
      if (indices.size() != column.values(row).size() ||
          std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) !=
              indices.end()) {
        return bad(first_row + row, name,
                   "a sparse vector needs ascending indices and as many values");
      }
    }
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> RowChecker::with_canonical_payloads(
    std::shared_ptr<arrow::RecordBatch> batch, const PointsView& points, int64_t first_row) {
  // Ours are canonical already: nothing is copied until the first that is not.
  std::unique_ptr<arrow::LargeStringBuilder> builder;
  for (int64_t row = 0; row < points.rows(); ++row) {
    const auto payload = points.payload(row);
    text_.clear();
    if (!payload.empty()) {
      const Status read = canonicaliser_.append(payload, &text_);
      if (!read.ok()) {
        return bad(first_row + row, "payload", failure_of(read).what);
      }
    }
    if (builder == nullptr && text_ != payload) {
      builder = std::make_unique<arrow::LargeStringBuilder>();
      for (int64_t before = 0; before < row; ++before) {
        const auto earlier = points.payload(before);
        ARROW_RETURN_NOT_OK(earlier.empty() ? builder->AppendNull() : builder->Append(earlier));
      }
    }
    if (builder != nullptr) {
      ARROW_RETURN_NOT_OK(text_.empty() ? builder->AppendNull() : builder->Append(text_));
    }
  }
  if (builder == nullptr) {
    return batch;
  }
  ARROW_ASSIGN_OR_RAISE(const auto column, builder->Finish());
  const int index = batch->schema()->GetFieldIndex("payload");
  return batch->SetColumn(index, batch->schema()->field(index), column);
}

Result<std::shared_ptr<arrow::RecordBatch>> RowChecker::check(
    std::shared_ptr<arrow::RecordBatch> batch, int64_t first_row) {
  ARROW_RETURN_NOT_OK(classify(batch->ValidateFull(), ErrorKind::kCorrupt,
                               fmt::format("{}, row {} and after", file_, first_row)));
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
  ARROW_RETURN_NOT_OK(check_ids(*batch, points, first_row));
  ARROW_RETURN_NOT_OK(check_vectors(*batch, points, first_row));
  return with_canonical_payloads(std::move(batch), points, first_row);
}

Result<std::shared_ptr<arrow::RecordBatch>> rows_in_range(
    const std::shared_ptr<arrow::RecordBatch>& batch, const PointsView& points,
    const IdRange& range) {
  if (!range.from && !range.to) {
    return batch;
  }
  arrow::RecordBatchVector runs;
  int64_t begin = -1;
  for (int64_t row = 0; row <= points.rows(); ++row) {
    const bool inside = row < points.rows() && range.contains(points.id(row));
    if (inside && begin < 0) {
      begin = row;
    } else if (!inside && begin >= 0) {
      runs.push_back(batch->Slice(begin, row - begin));
      begin = -1;
    }
  }
  if (runs.size() == 1) {
    return runs.front();
  }
  return runs.empty() ? batch->Slice(0, 0) : arrow::ConcatenateRecordBatches(runs);
}

}  // namespace vecferry::formats
