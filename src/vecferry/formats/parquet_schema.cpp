#include <utility>

#include "arrow/array.h"
#include "arrow/extension/json.h"
#include "arrow/extension/uuid.h"
#include "arrow/extension_type.h"
#include "arrow/type.h"
#include "vecferry/formats/parquet_schema_internal.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::formats {
namespace {

std::shared_ptr<arrow::DataType> without_null_elements(
    const std::shared_ptr<arrow::DataType>& type) {
  const auto element = [](const arrow::DataType& list, const char* name) {
    return arrow::field(name, without_null_elements(list.field(0)->type()), false);
  };
  switch (type->id()) {
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          element(*type, "element"),
          static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::LIST:
      return arrow::list(element(*type, "element"));
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) {
        fields.push_back(arrow::field(field->name(), without_null_elements(field->type()), false));
      }
      return arrow::struct_(std::move(fields));
    }
    default:
      return type;
  }
}

const std::shared_ptr<arrow::DataType>& storage_of(const std::shared_ptr<arrow::DataType>& type) {
  return type->id() == arrow::Type::EXTENSION
             ? static_cast<const arrow::ExtensionType&>(*type).storage_type()
             : type;
}

bool same_layout(const std::shared_ptr<arrow::DataType>& a,
                 const std::shared_ptr<arrow::DataType>& b) {
  const auto& x = storage_of(a);
  const auto& y = storage_of(b);
  if (x->id() != y->id() || x->num_fields() != y->num_fields()) {
    return false;
  }
  if (x->num_fields() == 0) {
    return x->Equals(*y);
  }
  if (x->id() == arrow::Type::FIXED_SIZE_LIST &&
      static_cast<const arrow::FixedSizeListType&>(*x).list_size() !=
          static_cast<const arrow::FixedSizeListType&>(*y).list_size()) {
    return false;
  }
  if (x->id() != arrow::Type::FIXED_SIZE_LIST && x->id() != arrow::Type::LIST &&
      x->id() != arrow::Type::STRUCT) {
    return false;
  }
  for (int i = 0; i < x->num_fields(); ++i) {
    const bool names_differ =
        x->id() == arrow::Type::STRUCT && x->field(i)->name() != y->field(i)->name();
    if (names_differ || !same_layout(x->field(i)->type(), y->field(i)->type())) {
      return false;
    }
  }
  return true;
}

std::shared_ptr<arrow::ArrayData> with_type(const arrow::ArrayData& data,
                                            const std::shared_ptr<arrow::DataType>& type) {
  auto copy = data.Copy();
  copy->type = type;
  const auto& storage = storage_of(type);
  for (size_t i = 0; i < copy->child_data.size(); ++i) {
    copy->child_data[i] =
        with_type(*data.child_data[i], storage->field(static_cast<int>(i))->type());
  }
  return copy;
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> parquet_schema(const CollectionConfig& config) {
  ARROW_ASSIGN_OR_RAISE(const auto schema, points_schema(config));
  arrow::FieldVector fields;
  for (const auto& field : schema->fields()) {
    if (field->name() == "uuid") {
      fields.push_back(arrow::field(field->name(), arrow::extension::uuid()));
    } else if (field->name() == "payload") {
      fields.push_back(arrow::field(field->name(), arrow::extension::json(arrow::large_utf8())));
    } else {
      fields.push_back(arrow::field(field->name(), without_null_elements(field->type())));
    }
  }
  return arrow::schema(std::move(fields), schema->metadata());
}

std::shared_ptr<arrow::Array> retyped(const std::shared_ptr<arrow::Array>& array,
                                      const std::shared_ptr<arrow::DataType>& type) {
  if (!same_layout(array->type(), type)) {
    return nullptr;
  }
  return arrow::MakeArray(with_type(*array->data(), type));
}

}  // namespace vecferry::formats
