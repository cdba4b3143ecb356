#include "vecferry/pipeline/row_choices.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

template <typename Wanted>
Result<std::shared_ptr<arrow::RecordBatch>> keep_rows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Wanted& wanted) {
  ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
  std::vector<int64_t> rows;
  rows.reserve(static_cast<size_t>(points.rows()));
  for (int64_t row = 0; row < points.rows(); ++row) {
    if (wanted(points, row)) {
      rows.push_back(row);
    }
  }
  return take_rows(batch, rows);
}

class PartChoice : public RowChoice {
 public:
  PartChoice(uint32_t parts, uint32_t index) : parts_(parts), index_(index) {}

  Result<std::shared_ptr<arrow::RecordBatch>> keep(
      const std::shared_ptr<arrow::RecordBatch>& batch) const override {
    return keep_rows(batch, [this](const PointsView& points, int64_t row) {
      return part_of(points.id(row), points.shard_key(row), parts_) == index_;
    });
  }

 private:
  uint32_t parts_;
  uint32_t index_;
};

class IdChoice : public RowChoice {
 public:
  IdChoice(IdList ids, Listed listed) : ids_(std::move(ids)), listed_(listed) {}

  Result<std::shared_ptr<arrow::RecordBatch>> keep(
      const std::shared_ptr<arrow::RecordBatch>& batch) const override {
    return keep_rows(batch, [this](const PointsView& points, int64_t row) {
      const bool found = std::binary_search(ids_->begin(), ids_->end(), points.id(row));
      return found == (listed_ == Listed::kKept);
    });
  }

 private:
  IdList ids_;
  Listed listed_;
};

}  // namespace

uint32_t part_of(const PointId& id, std::optional<std::string_view> shard_key, uint32_t parts) {
  std::string bytes;  // short enough for the string itself, but for long shard keys
  if (id.is_uuid) {
    bytes.append(reinterpret_cast<const char*>(id.uuid.data()), id.uuid.size());
  } else {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      bytes.push_back(static_cast<char>(id.number >> shift & 0xFFU));
    }
  }
  if (shard_key) {
    bytes.append(*shard_key);
  }
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()) % std::max(parts, 1U));
}

std::shared_ptr<const RowChoice> choose_part(uint32_t parts, uint32_t index) {
  return std::make_shared<PartChoice>(parts, index);
}

std::shared_ptr<const RowChoice> choose_ids(IdList ids, Listed listed) {
  return std::make_shared<IdChoice>(std::move(ids), listed);
}

Result<std::shared_ptr<arrow::RecordBatch>> take_rows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::vector<int64_t>& rows) {
  const auto count = static_cast<int64_t>(rows.size());
  if (count == 0) {
    return batch->Slice(0, 0);
  }
  if (std::is_sorted(rows.begin(), rows.end()) && rows.back() - rows.front() + 1 == count) {
    return count == batch->num_rows() ? batch : batch->Slice(rows.front(), count);
  }
  ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(batch->schema()));
  for (const int64_t row : rows) {
    ARROW_RETURN_NOT_OK(append_row(points, row, *builder));
  }
  return builder->finish();
}

Status append_row(const PointsView& points, int64_t row, PointsBuilder& builder) {
  ARROW_RETURN_NOT_OK(builder.start_point(points.id(row), points.shard_key(row)));
  for (size_t i = 0; i < points.vectors().size(); ++i) {
    const VectorColumn& column = points.vectors()[i];
    if (!column.present(row)) {
      continue;
    }
    if (column.spec().kind == VectorKind::kSparse) {
      ARROW_RETURN_NOT_OK(builder.append_sparse(i, column.indices(row), column.values(row)));
    } else {
      ARROW_RETURN_NOT_OK(builder.append_elements(i, column.elements(row)));
    }
  }
  return builder.append_payload(points.payload(row));
}

}  // namespace vecferry
