#include "vecferry/model/points_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/byte_size.h"
#include "arrow/util/key_value_metadata.h"

namespace vecferry {
namespace {

constexpr std::string_view kUnnamed = "vector";
constexpr std::string_view kNamed = "vector.";

std::shared_ptr<arrow::DataType> element_type(ElementType element) {
  switch (element) {
    case ElementType::kFloat32:
      return arrow::float32();
    case ElementType::kFloat16:
      return arrow::float16();
    case ElementType::kUint8:
      break;
  }
  return arrow::uint8();
}

std::shared_ptr<arrow::DataType> type_of(const VectorSpec& spec) {
  if (spec.kind == VectorKind::kSparse) {
    return arrow::struct_({arrow::field("indices", arrow::list(arrow::uint32())),
                           arrow::field("values", arrow::list(arrow::float32()))});
  }
  auto dense = arrow::fixed_size_list(element_type(spec.element), static_cast<int32_t>(spec.dim));
  return spec.kind == VectorKind::kMulti ? arrow::list(dense) : dense;
}

std::shared_ptr<const arrow::KeyValueMetadata> extension(const char* name) {
  return arrow::key_value_metadata({"ARROW:extension:name"}, {name});
}

Status bad_column(std::string_view column, std::string_view expected,
                  const arrow::DataType& found) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("column '{}' is {}, the points schema has {}", column,
                                   found.ToString(), expected)});
}

std::optional<ElementType> element_of(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::FLOAT:
      return ElementType::kFloat32;
    case arrow::Type::HALF_FLOAT:
      return ElementType::kFloat16;
    case arrow::Type::UINT8:
      return ElementType::kUint8;
    default:
      return std::nullopt;
  }
}

// Element bytes of a fixed-size list whose own offset is not yet applied (rows are added by the
// caller), but that of its child is.
const std::byte* list_elements(const arrow::FixedSizeListArray& list, size_t element_size) {
  const auto& child = *list.values()->data();
  if (child.buffers[1] == nullptr) {
    return nullptr;
  }
  return reinterpret_cast<const std::byte*>(child.buffers[1]->data()) +
         child.offset * static_cast<int64_t>(element_size);
}

Status validate_vector(const VectorColumn& column, int64_t row) {
  const auto& spec = column.spec();
  if (spec.kind == VectorKind::kMulti && column.vector_count(row) == 0) {
    return fail(
        {.kind = ErrorKind::kCorrupt, .what = fmt::format("multivector '{}' is empty", spec.name)});
  }
  if (spec.kind != VectorKind::kSparse) {
    return Status::OK();
  }
  const auto indices = column.indices(row);
  if (indices.size() != column.values(row).size() ||
      std::adjacent_find(indices.begin(), indices.end(), std::greater_equal<>()) != indices.end()) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format(
                     "sparse vector '{}' needs ascending indices and as many values", spec.name)});
  }
  return Status::OK();
}

}  // namespace

std::string vector_column_name(std::string_view vector_name) {
  return vector_name.empty() ? std::string(kUnnamed)
                             : std::string(kNamed) + std::string(vector_name);
}

Result<std::shared_ptr<arrow::Schema>> points_schema(
    const CollectionConfig& config, const std::optional<std::vector<std::string>>& vectors) {
  if (vectors) {
    for (const auto& name : *vectors) {
      ARROW_RETURN_NOT_OK(config.vector(name).status());
    }
  }
  arrow::FieldVector fields = {
      arrow::field("id", arrow::uint64()),
      arrow::field("uuid", arrow::fixed_size_binary(16), true, extension("arrow.uuid")),
      arrow::field("shard_key", arrow::utf8())};
  for (const auto& spec : config.vectors) {
    if (!vectors || std::find(vectors->begin(), vectors->end(), spec.name) != vectors->end()) {
      fields.push_back(arrow::field(vector_column_name(spec.name), type_of(spec)));
    }
  }
  fields.push_back(arrow::field("payload", arrow::large_utf8(), true, extension("arrow.json")));
  return arrow::schema(
      std::move(fields),
      arrow::key_value_metadata({std::string(kConfigMetadataKey)}, {to_json(config)}));
}

Result<CollectionConfig> config_of(const arrow::Schema& schema) {
  const auto& metadata = schema.metadata();
  const int index = metadata == nullptr ? -1 : metadata->FindKey(std::string(kConfigMetadataKey));
  if (index < 0) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("no collection configuration ('{}' in the metadata)",
                                     kConfigMetadataKey)});
  }
  return parse_collection_config(metadata->value(index));
}

std::shared_ptr<arrow::Schema> with_config(const std::shared_ptr<arrow::Schema>& schema,
                                           const CollectionConfig& config) {
  auto metadata = schema->metadata() == nullptr ? arrow::key_value_metadata({}, {})
                                                : schema->metadata()->Copy();
  // Set fails only for a key that is there twice, which our schemas never have.
  discard(metadata->Set(std::string(kConfigMetadataKey), to_json(config)), "key is unique");
  return schema->WithMetadata(metadata);
}

bool VectorColumn::present(int64_t row) const {
  return validity_ == nullptr || arrow::bit_util::GetBit(validity_, offset_ + row);
}

int64_t VectorColumn::vector_count(int64_t row) const {
  if (spec_.kind == VectorKind::kDense) {
    return 1;
  }
  return list_offsets_[offset_ + row + 1] - list_offsets_[offset_ + row];
}

std::span<const std::byte> VectorColumn::elements(int64_t row) const {
  if (spec_.kind == VectorKind::kDense) {
    return {elements_ + (offset_ + row) * row_bytes_, static_cast<size_t>(row_bytes_)};
  }
  const int64_t first = list_offsets_[offset_ + row];
  const int64_t count = list_offsets_[offset_ + row + 1] - first;
  return {elements_ + first * row_bytes_, static_cast<size_t>(count * row_bytes_)};
}

std::span<const uint32_t> VectorColumn::indices(int64_t row) const {
  const int32_t first = index_offsets_[offset_ + row];
  return {indices_ + first, static_cast<size_t>(index_offsets_[offset_ + row + 1] - first)};
}

std::span<const float> VectorColumn::values(int64_t row) const {
  const int32_t first = value_offsets_[offset_ + row];
  return {values_ + first, static_cast<size_t>(value_offsets_[offset_ + row + 1] - first)};
}

Status VectorColumn::read_dense(const arrow::FixedSizeListArray& dense, std::string_view name,
                                const arrow::DataType& type) {
  const auto element = element_of(*dense.value_type());
  if (!element || dense.list_type()->list_size() <= 0) {
    return bad_column(name, "float, halffloat or uint8 elements", type);
  }
  spec_.element = *element;
  spec_.dim = static_cast<uint32_t>(dense.list_type()->list_size());
  row_bytes_ = static_cast<int64_t>(size_of(*element)) * static_cast<int64_t>(spec_.dim);
  elements_ = list_elements(dense, size_of(*element));
  return Status::OK();
}

Result<VectorColumn> VectorColumn::make(const arrow::Array& array, std::string_view name,
                                        int index) {
  const auto& type = *array.type();
  VectorColumn column;
  column.column_ = index;
  column.spec_.name = name == kUnnamed ? "" : name.substr(kNamed.size());
  column.validity_ = array.null_bitmap_data();
  column.offset_ = array.offset();
  if (type.id() == arrow::Type::FIXED_SIZE_LIST) {
    ARROW_RETURN_NOT_OK(
        column.read_dense(static_cast<const arrow::FixedSizeListArray&>(array), name, type));
    return column;
  }
  if (type.id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListArray&>(array);
    if (list.value_type()->id() != arrow::Type::FIXED_SIZE_LIST) {
      return bad_column(name, "a list of fixed-size lists", type);
    }
    column.spec_.kind = VectorKind::kMulti;
    column.list_offsets_ = list.data()->GetValues<int32_t>(1, 0);
    const auto& dense = static_cast<const arrow::FixedSizeListArray&>(*list.values());
    ARROW_RETURN_NOT_OK(column.read_dense(dense, name, type));
    if (column.elements_ != nullptr) {
      column.elements_ += dense.offset() * column.row_bytes_;
    }
    return column;
  }
  if (type.id() != arrow::Type::STRUCT || type.num_fields() != 2 ||
      !type.field(0)->type()->Equals(arrow::list(arrow::uint32())) ||
      !type.field(1)->type()->Equals(arrow::list(arrow::float32()))) {
    return bad_column(name, "a dense, multi or sparse vector", type);
  }
  column.spec_.kind = VectorKind::kSparse;
  column.spec_.distance = Distance::kDot;
  const auto& indices = *array.data()->child_data[0];
  const auto& values = *array.data()->child_data[1];
  column.index_offsets_ = indices.GetValues<int32_t>(1);
  column.value_offsets_ = values.GetValues<int32_t>(1);
  column.indices_ = indices.child_data[0]->GetValues<uint32_t>(1);
  column.values_ = values.child_data[0]->GetValues<float>(1);
  return column;
}

Status PointsView::read_column(const arrow::Array& array, std::string_view name, int index) {
  const auto& type = *array.type();
  if (name == "id") {
    if (type.id() != arrow::Type::UINT64) {
      return bad_column(name, "uint64", type);
    }
    ids_ = &static_cast<const arrow::UInt64Array&>(array);
  } else if (name == "uuid") {
    if (!type.Equals(*arrow::fixed_size_binary(16))) {
      return bad_column(name, "fixed_size_binary[16]", type);
    }
    uuids_ = &static_cast<const arrow::FixedSizeBinaryArray&>(array);
  } else if (name == "shard_key") {
    if (type.id() != arrow::Type::STRING) {
      return bad_column(name, "utf8", type);
    }
    shard_keys_ = &static_cast<const arrow::StringArray&>(array);
  } else if (name == "payload") {
    if (type.id() != arrow::Type::LARGE_STRING) {
      return bad_column(name, "large_utf8", type);
    }
    payloads_ = &static_cast<const arrow::LargeStringArray&>(array);
  } else if (name == kUnnamed || name.rfind(kNamed, 0) == 0) {
    ARROW_ASSIGN_OR_RAISE(auto column, VectorColumn::make(array, name, index));
    vectors_.push_back(std::move(column));
  } else {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("column '{}' is not in the points schema", name)});
  }
  return Status::OK();
}

Result<PointsView> PointsView::make(const arrow::RecordBatch& batch) {
  PointsView view;
  view.rows_ = batch.num_rows();
  for (int i = 0; i < batch.num_columns(); ++i) {
    ARROW_RETURN_NOT_OK(view.read_column(*batch.column(i), batch.column_name(i), i));
  }
  if (view.ids_ == nullptr || view.uuids_ == nullptr) {
    return fail({.kind = ErrorKind::kCorrupt, .what = "no 'id' and 'uuid' columns"});
  }
  std::sort(
      view.vectors_.begin(), view.vectors_.end(),
      [](const VectorColumn& a, const VectorColumn& b) { return a.spec().name < b.spec().name; });
  return view;
}

PointId PointsView::id(int64_t row) const {
  if (ids_->IsValid(row)) {
    return PointId::of(ids_->Value(row));
  }
  Uuid uuid{};
  std::copy_n(uuids_->GetValue(row), uuid.size(), uuid.begin());
  return PointId::of(uuid);
}

std::optional<std::string_view> PointsView::shard_key(int64_t row) const {
  if (shard_keys_ == nullptr || shard_keys_->IsNull(row)) {
    return std::nullopt;
  }
  return shard_keys_->GetView(row);
}

std::string_view PointsView::payload(int64_t row) const {
  if (payloads_ == nullptr || payloads_->IsNull(row)) {
    return {};
  }
  return payloads_->GetView(row);
}

Status validate_points(const arrow::RecordBatch& batch) {
  const Status valid = batch.ValidateFull();
  if (!valid.ok()) {
    return classify(valid, ErrorKind::kCorrupt, "a batch of points");
  }
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(batch));
  const auto& ids = *batch.GetColumnByName("id");
  const auto& uuids = *batch.GetColumnByName("uuid");
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (ids.IsNull(row) == uuids.IsNull(row)) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = ids.IsNull(row) ? "a point without an id" : "a point with two ids",
                   .where = fmt::format("row {} of the batch", row)});
    }
    for (const auto& column : view.vectors()) {
      if (column.present(row)) {
        ARROW_RETURN_NOT_OK(
            widen(validate_vector(column, row), fmt::format("point {}", to_string(view.id(row)))));
      }
    }
  }
  return Status::OK();
}

int64_t batch_bytes(const arrow::RecordBatch& batch) {
  const auto bytes = arrow::util::ReferencedBufferSize(batch);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(batch);
}

}  // namespace vecferry
