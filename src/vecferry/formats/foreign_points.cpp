#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "arrow/array.h"
#include "arrow/extension_type.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/type_traits.h"
#include "arrow/util/float16.h"
#include "vecferry/formats/document_parser_internal.h"
#include "vecferry/formats/foreign_points_internal.h"
#include "vecferry/formats/parquet_rows_internal.h"
#include "vecferry/formats/payload_members_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_builder.h"

namespace vecferry::formats {
namespace {

constexpr std::string_view kVectorPrefix = "vector.";

const arrow::DataType& storage_of(const arrow::DataType& type) {
  return type.id() == arrow::Type::EXTENSION
             ? *static_cast<const arrow::ExtensionType&>(type).storage_type()
             : type;
}

const arrow::Array& storage_of(const arrow::Array& array) {
  return array.type_id() == arrow::Type::EXTENSION
             ? *static_cast<const arrow::ExtensionArray&>(array).storage()
             : array;
}

bool is_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}

bool is_list(const arrow::DataType& type) {
  return type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST ||
         type.id() == arrow::Type::FIXED_SIZE_LIST;
}

bool is_number(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_floating(type.id());
}

// A type that JSON has a form for.
bool fits_payload(const arrow::DataType& type) {
  if (is_list(type)) {
    return fits_payload(storage_of(*type.field(0)->type()));
  }
  return is_number(type) || is_text(type) || type.id() == arrow::Type::BOOL ||
         type.id() == arrow::Type::NA;
}

std::string_view text_at(const arrow::Array& array, int64_t row) {
  return array.type_id() == arrow::Type::STRING
             ? static_cast<const arrow::StringArray&>(array).GetView(row)
             : static_cast<const arrow::LargeStringArray&>(array).GetView(row);
}

struct Integer {
  bool negative = false;
  uint64_t magnitude = 0;
};

template <typename Array>
Integer integer_of(const arrow::Array& array, int64_t row) {
  const auto value = static_cast<const Array&>(array).Value(row);
  if constexpr (std::is_signed_v<decltype(value)>) {
    return {value < 0,
            value < 0 ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value)};
  } else {
    return {false, value};
  }
}

Integer integer_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::INT8:
      return integer_of<arrow::Int8Array>(array, row);
    case arrow::Type::INT16:
      return integer_of<arrow::Int16Array>(array, row);
    case arrow::Type::INT32:
      return integer_of<arrow::Int32Array>(array, row);
    case arrow::Type::INT64:
      return integer_of<arrow::Int64Array>(array, row);
    case arrow::Type::UINT8:
      return integer_of<arrow::UInt8Array>(array, row);
    case arrow::Type::UINT16:
      return integer_of<arrow::UInt16Array>(array, row);
    case arrow::Type::UINT32:
      return integer_of<arrow::UInt32Array>(array, row);
    default:
      return integer_of<arrow::UInt64Array>(array, row);
  }
}

double float_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::FLOAT:
      return static_cast<double>(static_cast<const arrow::FloatArray&>(array).Value(row));
    case arrow::Type::DOUBLE:
      return static_cast<const arrow::DoubleArray&>(array).Value(row);
    case arrow::Type::HALF_FLOAT:
      return arrow::util::Float16::FromBits(
                 static_cast<const arrow::HalfFloatArray&>(array).Value(row))
          .ToDouble();
    default: {
      const auto integer = integer_at(array, row);
      const auto magnitude = static_cast<double>(integer.magnitude);
      return integer.negative ? -magnitude : magnitude;
    }
  }
}

struct Slice {
  const arrow::Array* values = nullptr;
  int64_t begin = 0;
  int64_t length = 0;
};

Slice list_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      return {&storage_of(*list.values()), list.value_offset(row), list.value_length(row)};
    }
    case arrow::Type::LARGE_LIST: {
      const auto& list = static_cast<const arrow::LargeListArray&>(array);
      return {&storage_of(*list.values()), list.value_offset(row), list.value_length(row)};
    }
    default: {
      const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
      return {&storage_of(*list.values()), list.value_offset(row), list.value_length(row)};
    }
  }
}

void append_json_string(std::string_view text, std::string* out) {
  out->append(nlohmann::json(std::string(text))
                  .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// What pandas means by a NaN.
bool is_absent(const arrow::Array& array, int64_t row) {
  return array.IsNull(row) ||
         (arrow::is_floating(array.type_id()) && !std::isfinite(float_at(array, row)));
}

// JSON of one cell; inside a list a float that is not finite is null.
void append_json(const arrow::Array& array, int64_t row, std::string* out) {
  if (is_absent(array, row)) {
    out->append("null");
  } else if (is_list(*array.type())) {
    const auto list = list_at(array, row);
    out->push_back('[');
    for (int64_t i = 0; i < list.length; ++i) {
      out->append(i == 0 ? "" : ",");
      append_json(*list.values, list.begin + i, out);
    }
    out->push_back(']');
  } else if (is_text(*array.type())) {
    append_json_string(text_at(array, row), out);
  } else if (array.type_id() == arrow::Type::BOOL) {
    out->append(static_cast<const arrow::BooleanArray&>(array).Value(row) ? "true" : "false");
  } else if (arrow::is_integer(array.type_id())) {
    const auto integer = integer_at(array, row);
    out->append(fmt::format("{}{}", integer.negative ? "-" : "", integer.magnitude));
  } else {
    append_float(float_at(array, row), out);
  }
}

std::optional<VectorKind> kind_of_column(const arrow::DataType& type) {
  if (type.id() == arrow::Type::STRUCT) {
    const auto& fields = static_cast<const arrow::StructType&>(type);
    const auto indices = fields.GetFieldByName("indices");
    const auto values = fields.GetFieldByName("values");
    const bool fits = type.num_fields() == 2 && indices != nullptr && values != nullptr &&
                      is_list(*indices->type()) && is_list(*values->type()) &&
                      arrow::is_integer(indices->type()->field(0)->type()->id()) &&
                      is_number(*values->type()->field(0)->type());
    return fits ? std::optional(VectorKind::kSparse) : std::nullopt;
  }
  if (!is_list(type)) {
    return std::nullopt;
  }
  const auto& inner = storage_of(*type.field(0)->type());
  if (is_number(inner)) {
    return VectorKind::kDense;
  }
  return is_list(inner) && is_number(*inner.field(0)->type()) ? std::optional(VectorKind::kMulti)
                                                              : std::nullopt;
}

// Numbers of one list cell, appended.
Status append_numbers(const Slice& list, bool finite, std::vector<float>* out) {
  for (int64_t i = 0; i < list.length; ++i) {
    if (list.values->IsNull(list.begin + i)) {
      return fail({.kind = ErrorKind::kCorrupt, .what = fmt::format("element {} is null", i + 1)});
    }
    const double wide = float_at(*list.values, list.begin + i);
    const auto value = static_cast<float>(wide);
    if (!std::isfinite(value) && (finite || std::isfinite(wide))) {
      return fail(
          {.kind = ErrorKind::kCorrupt,
           .what = fmt::format("element {} is {}, which is no finite float32", i + 1, wide)});
    }
    out->push_back(value);
  }
  return Status::OK();
}

class RowReader {
 public:
  RowReader(const arrow::RecordBatch& batch, const ForeignColumns& columns, const ForeignRows& rows,
            RowChecker& checker, PointsBuilder& builder)
      : batch_(batch), columns_(columns), rows_(rows), checker_(checker), builder_(builder) {}

  Status append(int64_t row, int64_t file_row) {
    original_.clear();
    PointId id;
    ARROW_RETURN_NOT_OK(read_id(row, file_row, &id));
    std::optional<std::string_view> shard_key;
    if (columns_.shard_key >= 0 && !column(columns_.shard_key).IsNull(row)) {
      shard_key = text_at(column(columns_.shard_key), row);
    }
    ARROW_RETURN_NOT_OK(checker_.check_id(id, shard_key.value_or(std::string_view()), file_row));
    ARROW_RETURN_NOT_OK(builder_.start_point(id, shard_key));
    for (const auto& vector : columns_.vectors) {
      const Status read = read_vector(vector, row);
      if (!read.ok()) {
        return checker_.bad(file_row, batch_.schema()->field(vector.column)->name(),
                            failure_of(read).what);
      }
    }
    return read_payload(row, file_row);
  }

 private:
  const arrow::Array& column(int index) const { return storage_of(*batch_.column(index)); }

  Status read_id(int64_t row, int64_t file_row, PointId* id) {
    if (columns_.id >= 0 && !column(columns_.id).IsNull(row)) {
      const auto& ids = column(columns_.id);
      if (is_text(*ids.type())) {
        bool renamed = false;
        const auto text = text_at(ids, row);
        *id = id_of_text(text, &renamed);
        if (renamed) {
          std::string member = "{";
          append_json_string(rows_.original_id_key, &member);
          member.push_back(':');
          append_json_string(text, &member);
          ARROW_RETURN_NOT_OK(canonicaliser_.append(member + "}", &original_));
        }
        return Status::OK();
      }
      if (ids.type_id() == arrow::Type::FIXED_SIZE_BINARY) {
        *id = uuid_at(ids, row);
        return Status::OK();
      }
      const auto number = integer_at(ids, row);
      if (number.negative) {
        return checker_.bad(file_row, "id",
                            fmt::format("the id -{} is negative", number.magnitude));
      }
      *id = PointId::of(number.magnitude);
      return Status::OK();
    }
    if (columns_.uuid >= 0 && !column(columns_.uuid).IsNull(row)) {
      *id = uuid_at(column(columns_.uuid), row);
      return Status::OK();
    }
    return checker_.bad(file_row, "id", "a point without an id");
  }

  static PointId uuid_at(const arrow::Array& array, int64_t row) {
    Uuid uuid{};
    std::copy_n(static_cast<const arrow::FixedSizeBinaryArray&>(array).GetValue(row), uuid.size(),
                uuid.begin());
    return PointId::of(uuid);
  }

  Status read_vector(const ForeignColumns::Vector& vector, int64_t row) {
    const auto& array = column(vector.column);
    if (array.IsNull(row)) {
      return Status::OK();
    }
    const auto& specs = builder_.vectors();
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const VectorSpec& candidate) {
      return candidate.name == vector.name;
    });
    if (spec == specs.end()) {
      const bool known =
          std::find(rows_.known.begin(), rows_.known.end(), vector.name) != rows_.known.end();
      return known ? Status::OK()
                   : fail({.kind = ErrorKind::kCorrupt,
                           .what = "the collection does not have this vector"});
    }
    const auto index = static_cast<size_t>(spec - specs.begin());
    values_.clear();
    if (array.type_id() == arrow::Type::STRUCT) {
      return read_sparse(static_cast<const arrow::StructArray&>(array), row, index);
    }
    const auto list = list_at(array, row);
    if (!is_list(*list.values->type())) {
      ARROW_RETURN_NOT_OK(append_numbers(list, rows_.finite, &values_));
      return values_.empty() ? Status::OK() : builder_.append_vector(index, values_);
    }
    for (int64_t i = 0; i < list.length; ++i) {
      const auto inner = list_at(*list.values, list.begin + i);
      if (inner.length != spec->dim) {
        return fail({.kind = ErrorKind::kCorrupt,
                     .what = fmt::format("inner vector {} has {} values, expected dim {}", i + 1,
                                         inner.length, spec->dim)});
      }
      ARROW_RETURN_NOT_OK(append_numbers(inner, rows_.finite, &values_));
    }
    return values_.empty() ? Status::OK() : builder_.append_vector(index, values_);
  }

  Status read_sparse(const arrow::StructArray& array, int64_t row, size_t index) {
    // `field()` applies the slice of the struct to its parts.
    const auto indices_part = array.GetFieldByName("indices");
    const auto values_part = array.GetFieldByName("values");
    if (indices_part->IsNull(row) || values_part->IsNull(row)) {
      return fail({.kind = ErrorKind::kCorrupt, .what = "indices or values are null"});
    }
    indices_.clear();
    const auto list = list_at(*indices_part, row);
    for (int64_t i = 0; i < list.length; ++i) {
      const auto value = integer_at(*list.values, list.begin + i);
      if (list.values->IsNull(list.begin + i) || value.negative || value.magnitude > UINT32_MAX) {
        return fail({.kind = ErrorKind::kCorrupt,
                     .what = fmt::format("index {} is not a whole number below 2^32", i + 1)});
      }
      indices_.push_back(static_cast<uint32_t>(value.magnitude));
    }
    ARROW_RETURN_NOT_OK(append_numbers(list_at(*values_part, row), rows_.finite, &values_));
    return builder_.append_sparse(index, indices_, values_);
  }

  Status read_payload(int64_t row, int64_t file_row) {
    payload_.clear();
    if (columns_.payload >= 0 && !column(columns_.payload).IsNull(row)) {
      const Status read = canonicaliser_.append(text_at(column(columns_.payload), row), &payload_);
      if (!read.ok()) {
        return checker_.bad(file_row, "payload", failure_of(read).what);
      }
    }
    members_ = "{";
    for (const int index : columns_.others) {
      const auto& cells = column(index);
      if (!is_absent(cells, row)) {
        members_.append(members_.size() > 1 ? "," : "");
        append_json_string(batch_.schema()->field(index)->name(), &members_);
        members_.push_back(':');
        append_json(cells, row, &members_);
      }
    }
    members_.push_back('}');
    others_.clear();
    ARROW_RETURN_NOT_OK(canonicaliser_.append(members_, &others_));
    for (const auto* piece : {&others_, &original_}) {
      merged_.clear();
      const Status merged = merge_objects(payload_, *piece, &merged_);
      if (!merged.ok()) {
        return checker_.bad(file_row, "payload", failure_of(merged).what);
      }
      payload_.swap(merged_);
    }
    return builder_.append_payload(payload_);
  }

  const arrow::RecordBatch& batch_;
  const ForeignColumns& columns_;
  const ForeignRows& rows_;
  RowChecker& checker_;
  PointsBuilder& builder_;
  PayloadCanonicaliser canonicaliser_;
  std::vector<float> values_;
  std::vector<uint32_t> indices_;
  std::string payload_;
  std::string members_;
  std::string others_;
  std::string original_;
  std::string merged_;
};

}  // namespace

Result<ForeignColumns> foreign_columns(const arrow::Schema& schema, const std::string& file) {
  ForeignColumns columns;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& name = schema.field(i)->name();
    const auto& type = storage_of(*schema.field(i)->type());
    const bool is_uuid = type.id() == arrow::Type::FIXED_SIZE_BINARY &&
                         static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width() == 16;
    const bool names_vector =
        name == "vector" || name == "embedding" || name.rfind(kVectorPrefix, 0) == 0;
    if (name == "id" && (arrow::is_integer(type.id()) || is_text(type) || is_uuid)) {
      columns.id = i;
    } else if (name == "uuid" && is_uuid) {
      columns.uuid = i;
    } else if (name == "shard_key" && is_text(type)) {
      columns.shard_key = i;
    } else if (name == "payload" && is_text(type)) {
      columns.payload = i;
    } else if (names_vector && kind_of_column(type)) {
      const bool unnamed = name == "vector" || name == "embedding";
      columns.vectors.push_back({i, unnamed ? "" : name.substr(kVectorPrefix.size())});
    } else if (fits_payload(type) && name != "id" && !names_vector) {
      columns.others.push_back(i);
    } else {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("column '{}' is {}, which has no place in a point", name,
                                       type.ToString()),
                   .where = file,
                   .next = "cast the column or leave it out; docs/file-formats.md, \"Parquet\""});
    }
  }
  if (columns.id < 0 && columns.uuid < 0) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "there is no column 'id'",
                 .where = file,
                 .next = "docs/file-formats.md, \"Parquet\", says what a file needs"});
  }
  for (const auto& vector : columns.vectors) {
    ARROW_RETURN_NOT_OK(widen(check_vector_name(vector.name), file));
  }
  return columns;
}

Result<std::vector<VectorSpec>> vectors_of(const arrow::RecordBatch& batch,
                                           const ForeignColumns& columns, Distance distance) {
  std::vector<VectorSpec> specs;
  for (const auto& vector : columns.vectors) {
    const auto& array = storage_of(*batch.column(vector.column));
    const auto kind = kind_of_column(*array.type());
    if (kind == VectorKind::kSparse) {
      specs.push_back({.name = vector.name, .kind = *kind, .distance = Distance::kDot});
      continue;
    }
    for (int64_t row = 0; row < array.length(); ++row) {
      if (array.IsNull(row)) {
        continue;
      }
      auto list = list_at(array, row);
      if (kind == VectorKind::kMulti && list.length > 0) {
        list = list_at(*list.values, list.begin);
      }
      if (list.length > 0) {
        specs.push_back({.name = vector.name,
                         .kind = *kind,
                         .dim = static_cast<uint32_t>(list.length),
                         .distance = distance});
        break;
      }
    }
  }
  return specs;
}

Status append_foreign(const arrow::RecordBatch& batch, const ForeignColumns& columns,
                      const ForeignRows& rows, int64_t first_row, RowChecker& checker,
                      PointsBuilder& builder) {
  RowReader reader(batch, columns, rows, checker, builder);
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    ARROW_RETURN_NOT_OK(reader.append(row, first_row + row));
  }
  return Status::OK();
}

}  // namespace vecferry::formats
