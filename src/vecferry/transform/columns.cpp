#include <algorithm>
#include <string_view>
#include <utility>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/buffer_builder.h"
#include "arrow/memory_pool.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/bitmap_ops.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/columns_internal.h"

namespace vecferry {

std::shared_ptr<arrow::RecordBatch> with_column(const arrow::RecordBatch& batch, int column,
                                                std::shared_ptr<arrow::Array> array) {
  arrow::ArrayVector columns = batch.columns();
  columns[static_cast<size_t>(column)] = std::move(array);
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

Status SchemaAfter::learn(const Transform& transform, const std::shared_ptr<arrow::Schema>& before,
                          arrow::FieldVector fields) {
  ARROW_ASSIGN_OR_RAISE(const CollectionConfig config_before, config_of(*before));
  ARROW_ASSIGN_OR_RAISE(const CollectionConfig config_after, transform.config(config_before));
  after_ = with_config(arrow::schema(std::move(fields), before->metadata()), config_after);
  before_ = before;
  return Status::OK();
}

Result<std::shared_ptr<arrow::Array>> with_elements(const arrow::Array& array,
                                                    const VectorColumn& column,
                                                    const std::shared_ptr<arrow::DataType>& type,
                                                    const ElementEdit& edit) {
  const int64_t rows = array.length();
  const bool multi = column.spec().kind == VectorKind::kMulti;
  const auto& dense_type = multi ? type->field(0)->type() : type;
  const auto& element_type = dense_type->field(0)->type();
  const auto dim = static_cast<int64_t>(column.spec().dim);
  const int64_t row_bytes = dim * element_type->byte_width();

  int64_t inner = rows;
  std::shared_ptr<arrow::Buffer> offsets;
  if (multi) {
    inner = 0;
    arrow::TypedBufferBuilder<int32_t> builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(rows + 1));
    for (int64_t row = 0; row < rows; ++row) {
      builder.UnsafeAppend(static_cast<int32_t>(inner));
      inner += column.present(row) ? column.vector_count(row) : 0;
    }
    builder.UnsafeAppend(static_cast<int32_t>(inner));
    ARROW_RETURN_NOT_OK(builder.Finish(&offsets));
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> elements,
                        arrow::AllocateBuffer(inner * row_bytes));
  auto* out = reinterpret_cast<std::byte*>(elements->mutable_data());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t count = multi ? column.vector_count(row) : 1;
    const auto size = static_cast<size_t>(count * row_bytes);
    if (column.present(row)) {
      ARROW_RETURN_NOT_OK(edit(row, column.elements(row), {out, size}));
    } else if (multi) {
      continue;  // an absent multivector takes no elements
    } else {
      std::fill_n(out, size, std::byte{0});
    }
    out += size;
  }

  std::shared_ptr<arrow::Buffer> validity;
  if (array.null_count() > 0) {
    ARROW_ASSIGN_OR_RAISE(
        validity, arrow::internal::CopyBitmap(arrow::default_memory_pool(),
                                              array.null_bitmap_data(), array.offset(), rows));
  }
  auto items = arrow::ArrayData::Make(element_type, inner * dim, {nullptr, elements}, 0);
  auto data = arrow::ArrayData::Make(dense_type, inner, {multi ? nullptr : validity}, {items},
                                     multi ? 0 : array.null_count());
  if (multi) {
    data = arrow::ArrayData::Make(type, rows, {validity, offsets}, {data}, array.null_count());
  }
  return arrow::MakeArray(data);
}

std::vector<VectorField> vector_fields(const arrow::Schema& schema) {
  const std::string unnamed = vector_column_name("");
  std::vector<VectorField> vectors;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const std::string_view column = schema.field(i)->name();
    if (column == unnamed) {
      vectors.push_back({i, ""});
    } else if (column.size() > unnamed.size() && column.substr(0, unnamed.size()) == unnamed &&
               column[unnamed.size()] == '.') {
      vectors.push_back({i, std::string(column.substr(unnamed.size() + 1))});
    }
  }
  return vectors;
}

}  // namespace vecferry
