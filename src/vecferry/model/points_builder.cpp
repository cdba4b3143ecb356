#include "vecferry/model/points_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "arrow/array.h"
#include "arrow/buffer_builder.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/float16.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"

namespace vecferry {
namespace {

// One vector column under construction. Dense rows that are absent still take their bytes, as Arrow
// lays fixed-size lists out.
struct VectorBuffers {
  VectorSpec spec;
  arrow::TypedBufferBuilder<bool> validity;
  arrow::BufferBuilder elements;
  arrow::TypedBufferBuilder<int32_t> list_offsets;  // multi: inner vectors; sparse: entries
  arrow::TypedBufferBuilder<uint32_t> indices;
  arrow::TypedBufferBuilder<float> values;
  int64_t rows = 0;
  int64_t inner = 0;          // inner vectors or sparse entries so far
  int64_t element_bytes = 0;  // of the batch before: the next one is about as large

  int64_t row_bytes() const {
    return static_cast<int64_t>(spec.dim) * static_cast<int64_t>(size_of(spec.element));
  }

  Status append_null() {
    ARROW_RETURN_NOT_OK(validity.Append(false));
    if (spec.kind == VectorKind::kDense) {
      ARROW_RETURN_NOT_OK(elements.Append(row_bytes(), uint8_t{0}));
    } else {
      ARROW_RETURN_NOT_OK(list_offsets.Append(static_cast<int32_t>(inner)));
    }
    ++rows;
    return Status::OK();
  }
};

int64_t with_margin(int64_t bytes) {
  return bytes + bytes / 16;
}

Status wrong_length(const VectorSpec& spec, size_t length) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = spec.kind == VectorKind::kMulti
                           ? fmt::format("expected inner vectors of dim {}, got {} values",
                                         spec.dim, length)
                           : fmt::format("expected dim {}, got {}", spec.dim, length),
               .where = vector_label(spec.name)});
}

}  // namespace

class PointsBuilder::Columns {
 public:
  std::shared_ptr<arrow::Schema> schema;
  std::vector<VectorSpec> specs;
  std::vector<VectorBuffers> vectors;
  arrow::UInt64Builder ids;
  arrow::FixedSizeBinaryBuilder uuids{arrow::fixed_size_binary(16)};
  arrow::StringBuilder shard_keys;
  arrow::LargeStringBuilder payloads;
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t payload_bytes = 0;  // of the batch before

  // Growing step by step would copy a batch twice.
  Status make_room() {
    for (auto& vector : vectors) {
      ARROW_RETURN_NOT_OK(vector.elements.Reserve(with_margin(vector.element_bytes)));
    }
    return payloads.ReserveData(with_margin(payload_bytes));
  }

  // Close the row before: what was not appended is absent.
  Status complete_row() {
    for (auto& vector : vectors) {
      if (vector.rows < rows) {
        ARROW_RETURN_NOT_OK(vector.append_null());
      }
    }
    if (payloads.length() < rows) {
      ARROW_RETURN_NOT_OK(payloads.AppendNull());
    }
    return Status::OK();
  }

  Result<VectorBuffers*> begin_vector(size_t index) {
    auto& vector = vectors.at(index);
    if (vector.rows >= rows) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = "the same vector is there twice",
                   .where = vector_label(vector.spec.name)});
    }
    return &vector;
  }

  Status end_dense(VectorBuffers& vector, int64_t inner_count, int64_t appended) {
    ARROW_RETURN_NOT_OK(vector.validity.Append(true));
    if (vector.spec.kind == VectorKind::kMulti) {
      ARROW_RETURN_NOT_OK(vector.list_offsets.Append(static_cast<int32_t>(vector.inner)));
      vector.inner += inner_count;
    }
    ++vector.rows;
    bytes += appended;
    return Status::OK();
  }
};

PointsBuilder::PointsBuilder(std::unique_ptr<Columns> columns) : columns_(std::move(columns)) {}
PointsBuilder::~PointsBuilder() = default;

Result<std::unique_ptr<PointsBuilder>> PointsBuilder::make(std::shared_ptr<arrow::Schema> schema) {
  auto columns = std::make_unique<Columns>();
  // An empty batch of the schema tells the vectors, by the same rules that readers use.
  ARROW_ASSIGN_OR_RAISE(const auto empty, arrow::RecordBatch::MakeEmpty(schema));
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*empty));
  for (const auto& column : view.vectors()) {
    columns->specs.push_back(column.spec());
  }
  columns->vectors.resize(columns->specs.size());
  for (size_t i = 0; i < columns->specs.size(); ++i) {
    columns->vectors[i].spec = columns->specs[i];
  }
  columns->schema = std::move(schema);
  return std::unique_ptr<PointsBuilder>(new PointsBuilder(std::move(columns)));
}

const std::vector<VectorSpec>& PointsBuilder::vectors() const {
  return columns_->specs;
}
int64_t PointsBuilder::rows() const {
  return columns_->rows;
}
int64_t PointsBuilder::bytes() const {
  return columns_->bytes;
}

Status PointsBuilder::start_point(const PointId& id, std::optional<std::string_view> shard_key) {
  ARROW_RETURN_NOT_OK(columns_->complete_row());
  if (columns_->rows == 0) {
    ARROW_RETURN_NOT_OK(columns_->make_room());
  }
  if (id.is_uuid) {
    ARROW_RETURN_NOT_OK(columns_->ids.AppendNull());
    ARROW_RETURN_NOT_OK(columns_->uuids.Append(id.uuid.data()));
  } else {
    ARROW_RETURN_NOT_OK(columns_->ids.Append(id.number));
    ARROW_RETURN_NOT_OK(columns_->uuids.AppendNull());
  }
  ARROW_RETURN_NOT_OK(shard_key ? columns_->shard_keys.Append(*shard_key)
                                : columns_->shard_keys.AppendNull());
  ++columns_->rows;
  columns_->bytes += 32;
  return Status::OK();
}

Status PointsBuilder::append_vector(size_t index, std::span<const float> values) {
  ARROW_ASSIGN_OR_RAISE(auto* vector, columns_->begin_vector(index));
  const auto& spec = vector->spec;
  const bool multi = spec.kind == VectorKind::kMulti;
  if (values.empty() || (multi ? values.size() % spec.dim != 0 : values.size() != spec.dim)) {
    return wrong_length(spec, values.size());
  }
  const auto appended = static_cast<int64_t>(values.size() * size_of(spec.element));
  ARROW_RETURN_NOT_OK(vector->elements.Reserve(appended));
  switch (spec.element) {
    case ElementType::kFloat32:
      vector->elements.UnsafeAppend(values.data(), appended);
      break;
    case ElementType::kFloat16:
      for (const float value : values) {
        if (std::isfinite(value) && arrow::util::Float16(value).is_infinity()) {
          return fail({.kind = ErrorKind::kIncompatible,
                       .what = fmt::format("{} is beyond the range of a float16", value),
                       .where = vector_label(spec.name) + " of float16"});
        }
      }
      for (const float value : values) {
        const uint16_t half = arrow::util::Float16(value).bits();
        vector->elements.UnsafeAppend(&half, sizeof half);
      }
      break;
    case ElementType::kUint8:
      for (const float value : values) {
        if (!(value >= 0.0F && value <= 255.0F) || value != std::floor(value)) {
          return fail({.kind = ErrorKind::kIncompatible,
                       .what = fmt::format("{} is not a whole number from 0 to 255", value),
                       .where = vector_label(spec.name) + " of uint8"});
        }
      }
      for (const float value : values) {
        const auto byte = static_cast<uint8_t>(value);
        vector->elements.UnsafeAppend(&byte, sizeof byte);
      }
      break;
  }
  return columns_->end_dense(*vector, static_cast<int64_t>(values.size() / spec.dim), appended);
}

Status PointsBuilder::append_elements(size_t index, std::span<const std::byte> elements) {
  ARROW_ASSIGN_OR_RAISE(auto* vector, columns_->begin_vector(index));
  const auto row_bytes = static_cast<size_t>(vector->row_bytes());
  const bool multi = vector->spec.kind == VectorKind::kMulti;
  if (elements.empty() ||
      (multi ? elements.size() % row_bytes != 0 : elements.size() != row_bytes)) {
    return wrong_length(vector->spec, elements.size() / size_of(vector->spec.element));
  }
  const auto appended = static_cast<int64_t>(elements.size());
  ARROW_RETURN_NOT_OK(vector->elements.Append(elements.data(), appended));
  return columns_->end_dense(*vector, static_cast<int64_t>(elements.size() / row_bytes), appended);
}

Status PointsBuilder::append_sparse(size_t index, std::span<const uint32_t> indices,
                                    std::span<const float> values) {
  ARROW_ASSIGN_OR_RAISE(auto* vector, columns_->begin_vector(index));
  if (indices.size() != values.size()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("{} indices but {} values", indices.size(), values.size()),
                 .where = fmt::format("sparse vector '{}'", vector->spec.name)});
  }
  if (std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) != indices.end()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "indices are not ascending, or one is there twice",
                 .where = fmt::format("sparse vector '{}'", vector->spec.name)});
  }
  ARROW_RETURN_NOT_OK(vector->validity.Append(true));
  ARROW_RETURN_NOT_OK(vector->list_offsets.Append(static_cast<int32_t>(vector->inner)));
  if (!indices.empty()) {  // the data of an empty span may be null, which Append must not be given
    ARROW_RETURN_NOT_OK(
        vector->indices.Append(indices.data(), static_cast<int64_t>(indices.size())));
    ARROW_RETURN_NOT_OK(vector->values.Append(values.data(), static_cast<int64_t>(values.size())));
  }
  vector->inner += static_cast<int64_t>(indices.size());
  ++vector->rows;
  columns_->bytes += static_cast<int64_t>(indices.size() * 8);
  return Status::OK();
}

Status PointsBuilder::append_payload(std::string_view canonical_json) {
  if (canonical_json.empty() || canonical_json == "{}") {
    return columns_->payloads.AppendNull();
  }
  columns_->bytes += static_cast<int64_t>(canonical_json.size());
  return columns_->payloads.Append(canonical_json);
}

Result<std::shared_ptr<arrow::RecordBatch>> PointsBuilder::finish() {
  ARROW_RETURN_NOT_OK(columns_->complete_row());
  const int64_t rows = columns_->rows;
  arrow::ArrayVector arrays;
  ARROW_ASSIGN_OR_RAISE(auto ids, columns_->ids.Finish());
  ARROW_ASSIGN_OR_RAISE(auto uuids, columns_->uuids.Finish());
  ARROW_ASSIGN_OR_RAISE(auto shard_keys, columns_->shard_keys.Finish());
  arrays.insert(arrays.end(), {ids, uuids, shard_keys});
  for (auto& vector : columns_->vectors) {
    const auto& type =
        columns_->schema->GetFieldByName(vector_column_name(vector.spec.name))->type();
    const int64_t nulls = vector.validity.false_count();
    std::shared_ptr<arrow::Buffer> validity;
    ARROW_RETURN_NOT_OK(vector.validity.Finish(&validity));
    if (nulls == 0) {
      validity = nullptr;
    }
    std::shared_ptr<arrow::Buffer> offsets;
    if (vector.spec.kind != VectorKind::kDense) {
      ARROW_RETURN_NOT_OK(vector.list_offsets.Append(static_cast<int32_t>(vector.inner)));
      ARROW_RETURN_NOT_OK(vector.list_offsets.Finish(&offsets));
    }
    std::shared_ptr<arrow::ArrayData> data;
    if (vector.spec.kind == VectorKind::kSparse) {
      std::shared_ptr<arrow::Buffer> indices;
      std::shared_ptr<arrow::Buffer> values;
      ARROW_RETURN_NOT_OK(vector.indices.Finish(&indices));
      ARROW_RETURN_NOT_OK(vector.values.Finish(&values));
      auto index_items =
          arrow::ArrayData::Make(arrow::uint32(), vector.inner, {nullptr, indices}, 0);
      auto value_items =
          arrow::ArrayData::Make(arrow::float32(), vector.inner, {nullptr, values}, 0);
      auto index_lists = arrow::ArrayData::Make(type->field(0)->type(), rows, {nullptr, offsets},
                                                {index_items}, 0);
      auto value_lists = arrow::ArrayData::Make(type->field(1)->type(), rows, {nullptr, offsets},
                                                {value_items}, 0);
      data = arrow::ArrayData::Make(type, rows, {validity}, {index_lists, value_lists}, nulls);
    } else {
      std::shared_ptr<arrow::Buffer> elements;
      vector.element_bytes = vector.elements.length();
      const bool roomy =
          vector.elements.capacity() > with_margin(with_margin(vector.element_bytes));
      ARROW_RETURN_NOT_OK(vector.elements.Finish(&elements, roomy));
      const bool multi = vector.spec.kind == VectorKind::kMulti;
      const auto& dense_type = multi ? type->field(0)->type() : type;
      const int64_t inner_rows = multi ? vector.inner : rows;
      auto items = arrow::ArrayData::Make(dense_type->field(0)->type(),
                                          inner_rows * static_cast<int64_t>(vector.spec.dim),
                                          {nullptr, elements}, 0);
      data = multi ? arrow::ArrayData::Make(dense_type, inner_rows, {nullptr}, {items}, 0)
                   : arrow::ArrayData::Make(dense_type, inner_rows, {validity}, {items}, nulls);
      if (multi) {
        data = arrow::ArrayData::Make(type, rows, {validity, offsets}, {data}, nulls);
      }
    }
    arrays.push_back(arrow::MakeArray(data));
    vector.rows = 0;
    vector.inner = 0;
  }
  columns_->payload_bytes = columns_->payloads.value_data_length();
  ARROW_ASSIGN_OR_RAISE(auto payloads, columns_->payloads.Finish());
  arrays.push_back(std::move(payloads));
  columns_->rows = 0;
  columns_->bytes = 0;
  return arrow::RecordBatch::Make(columns_->schema, rows, std::move(arrays));
}

}  // namespace vecferry
