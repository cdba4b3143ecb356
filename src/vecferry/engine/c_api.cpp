#include <algorithm>
#include <cstring>
#include <utility>

#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/c/bridge.h"
#include "arrow/extension_type.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "vecferry/engine/c_api_internal.h"

namespace vecferry::engine {
namespace {

// Arrow knows `arrow.uuid` and `arrow.json` and makes extension arrays of them; the points schema
// has their storage with the name beside it.
std::shared_ptr<arrow::Schema> with_storage_types(const arrow::Schema& schema) {
  arrow::FieldVector fields = schema.fields();
  for (auto& field : fields) {
    if (field->type()->id() != arrow::Type::EXTENSION) {
      continue;
    }
    const auto& extension = static_cast<const arrow::ExtensionType&>(*field->type());
    field = arrow::field(
        field->name(), extension.storage_type(), field->nullable(),
        arrow::key_value_metadata({"ARROW:extension:name"}, {extension.extension_name()}));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace

std::string text_of(const CString& text) {
  return text == nullptr ? std::string() : text.get();
}

Status status_of(int32_t code, char* message, std::string where) {
  const CString owned(message);
  if (code == VECFERRY_OK) {
    return Status::OK();
  }
  const bool known = code >= VECFERRY_USAGE && code <= VECFERRY_INTERNAL;
  return fail({.kind = known ? static_cast<ErrorKind>(code - 1) : ErrorKind::kInternal,
               .what = known ? text_of(owned) : "the engine answered an unknown code",
               .where = std::move(where),
               .retryable = code == VECFERRY_CONFLICT || code == VECFERRY_UNAVAILABLE});
}

CBatch::~CBatch() {
  if (array_.release != nullptr) {
    array_.release(&array_);
  }
  if (schema_.release != nullptr) {
    schema_.release(&schema_);
  }
}

Status CBatch::fill(const arrow::RecordBatch& batch) {
  return arrow::ExportRecordBatch(batch, &array_, &schema_);
}

Status CBatch::fill(std::span<const PointId> ids) {
  arrow::UInt64Builder numbers;
  arrow::FixedSizeBinaryBuilder uuids(arrow::fixed_size_binary(16));
  const auto count = static_cast<int64_t>(ids.size());
  ARROW_RETURN_NOT_OK(numbers.Reserve(count));
  ARROW_RETURN_NOT_OK(uuids.Reserve(count));
  for (const auto& id : ids) {
    if (id.is_uuid) {
      numbers.UnsafeAppendNull();
      uuids.UnsafeAppend(id.uuid.data());
    } else {
      numbers.UnsafeAppend(id.number);
      uuids.UnsafeAppendNull();
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto number_column, numbers.Finish());
  ARROW_ASSIGN_OR_RAISE(auto uuid_column, uuids.Finish());
  const auto schema = arrow::schema(
      {arrow::field("id", arrow::uint64()), arrow::field("uuid", arrow::fixed_size_binary(16))});
  return fill(*arrow::RecordBatch::Make(schema, count, {number_column, uuid_column}));
}

Result<std::shared_ptr<arrow::RecordBatch>> CBatch::take() {
  ARROW_ASSIGN_OR_RAISE(const auto schema, arrow::ImportSchema(&schema_));
  return arrow::ImportRecordBatch(&array_, with_storage_types(*schema));
}

vecferry_point_id to_c(const std::optional<PointId>& id) {
  vecferry_point_id out{};
  if (id) {
    out.kind = id->is_uuid ? VECFERRY_ID_UUID : VECFERRY_ID_NUMBER;
    out.number = id->number;
    std::copy(id->uuid.begin(), id->uuid.end(), out.uuid);
  }
  return out;
}

std::optional<PointId> from_c(const vecferry_point_id& id) {
  switch (id.kind) {
    case VECFERRY_ID_NUMBER:
      return PointId::of(id.number);
    case VECFERRY_ID_UUID: {
      Uuid uuid{};
      std::copy_n(id.uuid, uuid.size(), uuid.begin());
      return PointId::of(uuid);
    }
    default:
      return std::nullopt;
  }
}

int32_t Ticker::tick(void* ticker, uint64_t done, uint64_t total) {
  const auto& self = *static_cast<const Ticker*>(ticker);
  if (self.progress) {
    self.progress(done, total);
  }
  return self.stop.IsStopRequested() ? 1 : 0;
}

}  // namespace vecferry::engine
