#include "vecferry/formats/parquet_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <utility>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "parquet/arrow/reader.h"
#include "parquet/arrow/schema.h"
#include "parquet/encryption/encryption.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "parquet/properties.h"
#include "parquet/statistics.h"
#include "vecferry/formats/parquet_file_internal.h"
#include "vecferry/formats/parquet_schema_internal.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace formats {
namespace {

constexpr int64_t kReadBufferBytes = int64_t{1} << 20;
constexpr int64_t kInferRows = 1024;

// The smallest and largest id of a row group. Numbers come before UUIDs.
std::optional<IdRange> ids_of(const parquet::RowGroupMetaData& group, int id_column,
                              int uuid_column) {
  if (id_column < 0 || uuid_column < 0) {
    return std::nullopt;
  }
  const auto numbers = group.ColumnChunk(id_column)->statistics();
  const auto uuids = group.ColumnChunk(uuid_column)->statistics();
  if (numbers == nullptr || uuids == nullptr || !numbers->HasNullCount() ||
      !uuids->HasNullCount() || numbers->physical_type() != parquet::Type::INT64 ||
      uuids->physical_type() != parquet::Type::FIXED_LEN_BYTE_ARRAY) {
    return std::nullopt;
  }
  const bool any_numbers = numbers->null_count() < group.num_rows();
  const bool any_uuids = uuids->null_count() < group.num_rows();
  if ((any_numbers && !numbers->HasMinMax()) || (any_uuids && !uuids->HasMinMax()) ||
      (!any_numbers && !any_uuids)) {
    return std::nullopt;
  }
  const auto number = [](int64_t bits) { return PointId::of(static_cast<uint64_t>(bits)); };
  const auto uuid_of = [](const parquet::FixedLenByteArray& bytes) {
    Uuid uuid{};
    std::memcpy(uuid.data(), bytes.ptr, uuid.size());
    return PointId::of(uuid);
  };
  const auto& number_range = static_cast<const parquet::Int64Statistics&>(*numbers);
  const auto& uuid_range = static_cast<const parquet::FLBAStatistics&>(*uuids);
  return IdRange{.from = any_numbers ? number(number_range.min()) : uuid_of(uuid_range.min()),
                 .to = any_uuids ? uuid_of(uuid_range.max()) : number(number_range.max())};
}

// Of the file, not of the Arrow schema in it, which knows only what was set before the first point.
std::string metadata_value(const parquet::FileMetaData& file, std::string_view key) {
  const auto& metadata = file.key_value_metadata();
  const int index = metadata == nullptr ? -1 : metadata->FindKey(std::string(key));
  return index < 0 ? std::string() : metadata->value(index);
}

}  // namespace

Status OpenParquet::open(const StopToken& stop) {
  return guarded(input_.name, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto reader, open_reader(kInferRows));
    metadata_ = reader->parquet_reader()->metadata();
    ARROW_RETURN_NOT_OK(reader->GetSchema(&schema_));
    look_at_row_groups();
    head_.points_count = static_cast<uint64_t>(metadata_->num_rows());
    head_.collection_name = metadata_value(*metadata_, kNameKey);
    head_.config_inferred = metadata_value(*metadata_, kConfigMetadataKey).empty();
    read_extra(metadata_value(*metadata_, kExtraKey));
    if (!head_.config_inferred) {
      const auto config = parse_collection_config(metadata_value(*metadata_, kConfigMetadataKey));
      ARROW_RETURN_NOT_OK(widen(config.status(), input_.name));
      head_.config = *config;
      ARROW_ASSIGN_OR_RAISE(const auto points, points_schema(head_.config));
      direct_ = is_direct(*points);
      head_.ordered = direct_ && metadata_value(*metadata_, kOrderedKey) == "true";
    }
    if (!direct_) {
      ARROW_ASSIGN_OR_RAISE(columns_, foreign_columns(*schema_, input_.name));
    }
    return head_.config_inferred ? infer(*reader, stop) : Status::OK();
  });
}

std::vector<IdRange> OpenParquet::plan(int parts) const {
  std::vector<IdRange> ranges;
  const bool known = head_.ordered && std::all_of(groups_.begin(), groups_.end(),
                                                  [](const auto& group) { return group.ids; });
  if (!known || parts < 2 || groups_.size() < 2) {
    return {IdRange{}};
  }
  IdRange range;
  int64_t rows = 0;
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto cut = static_cast<int64_t>(ranges.size() + 1) * metadata_->num_rows() / parts;
    if (i > 0 && rows >= cut && *groups_[i - 1].ids->to < *groups_[i].ids->from) {
      range.to = groups_[i].ids->from;
      ranges.push_back(range);
      range = {.from = groups_[i].ids->from};
    }
    rows += groups_[i].rows;
  }
  ranges.push_back(range);
  return ranges;
}

Result<std::unique_ptr<parquet::arrow::FileReader>> OpenParquet::open_reader(
    int64_t batch_rows) const {
  ARROW_ASSIGN_OR_RAISE(const auto file, input_.open());
  return guarded(input_.name, [&]() -> Result<std::unique_ptr<parquet::arrow::FileReader>> {
    parquet::ReaderProperties properties;
    properties.set_page_checksum_verification(true);
    if (input_.key != nullptr) {
      properties.file_decryption_properties(
          parquet::FileDecryptionProperties::Builder().footer_key(*input_.key)->build());
    }
    properties.enable_buffered_stream();
    properties.set_buffer_size(kReadBufferBytes);
    auto reader = parquet::ParquetFileReader::Open(file, properties, metadata_);
    ARROW_RETURN_NOT_OK(refuse_geometry(*reader->metadata()->schema()));
    parquet::ArrowReaderProperties arrow_properties(false);
    arrow_properties.set_batch_size(batch_rows);
    arrow_properties.set_pre_buffer(false);
    return parquet::arrow::FileReader::Make(arrow::default_memory_pool(), std::move(reader),
                                            arrow_properties);
  });
}

std::vector<int> OpenParquet::leaves_of(const std::vector<std::string>& fields) const {
  std::vector<int> leaves;
  const auto& descriptor = *metadata_->schema();
  for (int i = 0; i < descriptor.num_columns(); ++i) {
    const auto path = descriptor.Column(i)->path()->ToDotVector();
    if (std::find(fields.begin(), fields.end(), path.front()) != fields.end()) {
      leaves.push_back(i);
    }
  }
  return leaves;
}

int64_t OpenParquet::bytes_per_row() const {
  int64_t bytes = 0;
  for (int i = 0; i < metadata_->num_row_groups(); ++i) {
    bytes += metadata_->RowGroup(i)->total_byte_size();
  }
  return std::max<int64_t>(1, bytes / std::max<int64_t>(1, metadata_->num_rows()));
}

Status OpenParquet::each_id_before(int64_t before_row, const IdVisitor& visit,
                                   const StopToken& stop) const {
  return guarded(input_.name, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto reader, open_reader(64 << 10));
    std::vector<int> all_groups(groups_.size());
    for (size_t i = 0; i < groups_.size(); ++i) {
      all_groups[i] = static_cast<int>(i);
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto batches,
        reader->GetRecordBatchReader(all_groups, leaves_of({"id", "uuid", "shard_key"})));
    int64_t row = 1;
    while (row < before_row) {
      ARROW_RETURN_NOT_OK(poll(stop));
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(batches->ReadNext(&batch));
      if (batch == nullptr) {
        return Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(const auto ids, ids_only(*batch, row));
      ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*ids));
      for (int64_t i = 0; i < points.rows() && row < before_row; ++i, ++row) {
        const auto key = points.shard_key(i).value_or(std::string_view());
        if (!visit(points.id(i), key, row)) {
          return Status::OK();
        }
      }
    }
    return Status::OK();
  });
}

// libparquet parses JSON for these, see cmake/Deps.cmake; a point could not hold one anyway.
Status OpenParquet::refuse_geometry(const parquet::SchemaDescriptor& descriptor) const {
  for (int i = 0; i < descriptor.num_columns(); ++i) {
    const auto& type = descriptor.Column(i)->logical_type();
    if (type != nullptr && (type->is_geometry() || type->is_geography())) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("column '{}' holds geometry",
                                       descriptor.Column(i)->path()->ToDotString()),
                   .where = input_.name,
                   .next = "leave the column out"});
    }
  }
  return Status::OK();
}

void OpenParquet::look_at_row_groups() {
  int id_column = -1;
  int uuid_column = -1;
  const auto& descriptor = *metadata_->schema();
  for (int i = 0; i < descriptor.num_columns(); ++i) {
    const auto path = descriptor.Column(i)->path()->ToDotString();
    id_column = path == "id" ? i : id_column;
    uuid_column = path == "uuid" ? i : uuid_column;
  }
  for (int i = 0; i < metadata_->num_row_groups(); ++i) {
    const auto group = metadata_->RowGroup(i);
    groups_.push_back({group->num_rows(), ids_of(*group, id_column, uuid_column)});
  }
}

void OpenParquet::read_extra(const std::string& names) {
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    if (schema_->GetFieldIndex(name) >= 0) {
      extra_.push_back(name);
    }
  }
}

bool OpenParquet::is_direct(const arrow::Schema& points) const {
  // A column that somebody else has added belongs to the payloads.
  if (schema_->num_fields() != points.num_fields() + static_cast<int>(extra_.size())) {
    return false;
  }
  for (const auto& field : points.fields()) {
    const auto found = schema_->GetFieldByName(field->name());
    if (found == nullptr) {
      return false;
    }
    const auto empty = arrow::MakeEmptyArray(found->type());
    if (!empty.ok() || retyped(*empty, field->type()) == nullptr) {
      return false;
    }
  }
  return true;
}

Status OpenParquet::infer(parquet::arrow::FileReader& reader, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto batches, reader.GetRecordBatchReader());
  std::vector<VectorSpec> specs;
  while (specs.size() < columns_.vectors.size()) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(batches->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    ARROW_RETURN_NOT_OK(batch->ValidateFull());
    ARROW_ASSIGN_OR_RAISE(const auto found, vectors_of(*batch, columns_, foreign_.distance));
    for (const auto& spec : found) {
      const bool known = std::any_of(specs.begin(), specs.end(), [&](const VectorSpec& other) {
        return other.name == spec.name;
      });
      if (!known) {
        specs.push_back(spec);
      }
    }
  }
  head_.config = default_config(std::move(specs));
  return Status::OK();
}

// A batch of id columns as points without anything else.
Result<std::shared_ptr<arrow::RecordBatch>> OpenParquet::ids_only(const arrow::RecordBatch& batch,
                                                                  int64_t first_row) const {
  ARROW_ASSIGN_OR_RAISE(const auto schema, points_schema(default_config({})));
  if (!direct_) {
    ARROW_ASSIGN_OR_RAISE(const auto columns, foreign_columns(*batch.schema(), input_.name));
    ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(schema));
    RowChecker unchecked(input_.name, [](int64_t, const IdVisitor&) { return Status::OK(); });
    ARROW_RETURN_NOT_OK(append_foreign(batch, columns, {}, first_row, unchecked, *builder));
    return builder->finish();
  }
  arrow::ArrayVector arrays;
  for (const auto& field : schema->fields()) {
    const auto column = batch.GetColumnByName(field->name());
    if (column == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto none, arrow::MakeArrayOfNull(field->type(), batch.num_rows()));
      arrays.push_back(std::move(none));
    } else {
      arrays.push_back(retyped(column, field->type()));
    }
  }
  return arrow::RecordBatch::Make(schema, batch.num_rows(), std::move(arrays));
}

}  // namespace formats

ParquetFile::ParquetFile(std::shared_ptr<const formats::OpenParquet> opened)
    : opened_(std::move(opened)) {}
ParquetFile::~ParquetFile() = default;

Result<std::shared_ptr<const ParquetFile>> ParquetFile::open(ParquetInput input,
                                                             const ForeignOptions& foreign,
                                                             StopToken stop) {
  auto opened = std::make_shared<formats::OpenParquet>(std::move(input), foreign);
  ARROW_RETURN_NOT_OK(opened->open(stop));
  return std::shared_ptr<const ParquetFile>(new ParquetFile(std::move(opened)));
}

const FileHead& ParquetFile::head() const {
  return opened_->head();
}

std::vector<IdRange> ParquetFile::plan(int parts) const {
  return opened_->plan(parts);
}

Result<std::unique_ptr<arrow::RecordBatchReader>> ParquetFile::read(
    const ParquetReadOptions& options, StopToken stop) const {
  if (options.extra.empty() && !opened_->extra().empty()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "this file is a piece of an archive, which says little without the others",
                 .where = opened_->name(),
                 .next = "read the archive: archive:DIR/COLLECTION"});
  }
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(opened_->head().config, options.vectors));
  return formats::parquet_points_reader(opened_, options, std::move(stop), std::move(schema));
}

}  // namespace vecferry
