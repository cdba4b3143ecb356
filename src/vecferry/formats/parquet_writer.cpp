#include "vecferry/formats/parquet_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/table.h"
#include "arrow/util/key_value_metadata.h"
#include "parquet/arrow/schema.h"
#include "parquet/arrow/writer.h"
#include "parquet/encryption/encryption.h"
#include "parquet/properties.h"
#include "vecferry/formats/parquet_schema_internal.h"
#include "vecferry/model/point_id.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

constexpr int kPayloadZstdLevel = 3;
constexpr int kVectorZstdLevel = 1;

bool is_extra(const std::string& name, const ParquetWriteOptions& options) {
  return std::any_of(options.extra.begin(), options.extra.end(),
                     [&](const auto& field) { return field->name() == name; });
}

// The leaf columns of the Parquet schema by their paths, with what suits each.
Result<std::shared_ptr<parquet::WriterProperties>> properties_for(
    const arrow::Schema& schema, const ParquetWriteOptions& options) {
  std::shared_ptr<parquet::SchemaDescriptor> leaves;
  ARROW_RETURN_NOT_OK(
      parquet::arrow::ToParquetSchema(&schema, *parquet::default_writer_properties(), &leaves));
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD);
  builder.disable_dictionary();
  builder.disable_statistics();
  builder.enable_statistics("id");
  builder.enable_statistics("uuid");
  builder.enable_page_checksum();
  for (int i = 0; i < leaves->num_columns(); ++i) {
    const auto& leaf = *leaves->Column(i);
    const auto path = leaf.path()->ToDotString();
    const bool in_vector = leaf.max_repetition_level() > 0;
    if (leaf.physical_type() == parquet::Type::FIXED_LEN_BYTE_ARRAY && is_extra(path, options)) {
      builder.compression(path, parquet::Compression::UNCOMPRESSED);  // digests
      continue;
    }
    builder.compression_level(path, in_vector ? kVectorZstdLevel : kPayloadZstdLevel);
    const bool is_half = leaf.logical_type() != nullptr && leaf.logical_type()->is_float16();
    if (in_vector && (leaf.physical_type() == parquet::Type::FLOAT || is_half)) {
      builder.encoding(path, parquet::Encoding::BYTE_STREAM_SPLIT);
    } else if (in_vector && leaf.logical_type() != nullptr && leaf.logical_type()->is_int() &&
               static_cast<const parquet::IntLogicalType&>(*leaf.logical_type()).bit_width() == 8) {
      builder.enable_dictionary(path);  // Parquet stores a uint8 in four bytes
    }
  }
  if (options.key != nullptr) {
    builder.encryption(parquet::FileEncryptionProperties::Builder(*options.key).build());
  }
  return builder.build();
}

// Watches whether rows come in id order.
class OrderWatch {
 public:
  void see(const PointsView& points) {
    for (int64_t row = 0; ordered_ && row < points.rows(); ++row) {
      const PointId id = points.id(row);
      ordered_ = !last_ || !(id < *last_);
      last_ = id;
    }
  }
  bool ordered() const { return ordered_; }

 private:
  bool ordered_ = true;
  std::optional<PointId> last_{};
};

std::string names_of(const arrow::FieldVector& fields) {
  std::string names;
  for (const auto& field : fields) {
    names += (names.empty() ? "" : ",") + field->name();
  }
  return names;
}

// Parquet's lower level throws.
template <typename Call>
Status guarded(Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    return fail(
        {.kind = ErrorKind::kIo, .what = fmt::format("cannot write Parquet: {}", error.what())});
  }
}

}  // namespace

class ParquetWriter::Impl {
 public:
  Impl(std::shared_ptr<arrow::Schema> schema, ParquetWriteOptions options)
      : schema_(std::move(schema)), options_(std::move(options)) {}

  Status open(const std::shared_ptr<arrow::io::OutputStream>& stream) {
    return guarded([&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(auto properties, properties_for(*schema_, options_));
      parquet::ArrowWriterProperties::Builder arrow_properties;
      arrow_properties.store_schema();
      ARROW_ASSIGN_OR_RAISE(writer_, parquet::arrow::FileWriter::Open(
                                         *schema_, arrow::default_memory_pool(), stream,
                                         std::move(properties), arrow_properties.build()));
      return Status::OK();
    });
  }

  Status write(const arrow::RecordBatch& batch) {
    ARROW_ASSIGN_OR_RAISE(const auto of_points, without_extra(batch));
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*of_points));
    for (const auto& column : points.vectors()) {
      if (schema_->GetFieldIndex(vector_column_name(column.spec().name)) < 0) {
        return misfit(column.spec().name);
      }
    }
    arrow::ArrayVector columns;
    for (const auto& field : schema_->fields()) {
      const auto column = batch.GetColumnByName(field->name());
      std::shared_ptr<arrow::Array> converted;
      if (column == nullptr) {
        ARROW_ASSIGN_OR_RAISE(converted, arrow::MakeArrayOfNull(field->type(), batch.num_rows()));
      } else {
        converted = formats::retyped(column, field->type());
      }
      if (converted == nullptr) {
        return misfit(field->name());
      }
      columns.push_back(std::move(converted));
    }
    order_.see(points);
    held_.push_back(arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(columns)));
    held_bytes_ += batch_bytes(batch);
    return held_bytes_ < options_.row_group_bytes ? Status::OK() : flush();
  }

  Status finish() {
    ARROW_RETURN_NOT_OK(flush());
    return guarded([&]() -> Status {
      std::vector<std::string> keys{std::string(formats::kNameKey),
                                    std::string(formats::kOrderedKey)};
      std::vector<std::string> values{options_.collection_name,
                                      order_.ordered() ? "true" : "false"};
      if (!options_.extra.empty()) {
        keys.emplace_back(formats::kExtraKey);
        values.push_back(names_of(options_.extra));
      }
      ARROW_RETURN_NOT_OK(writer_->AddKeyValueMetadata(
          arrow::key_value_metadata(std::move(keys), std::move(values))));
      return writer_->Close();
    });
  }

 private:
  static Status misfit(const std::string& name) {
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("'{}' is not what the collection's configuration says", name)});
  }

  Result<std::shared_ptr<arrow::RecordBatch>> without_extra(const arrow::RecordBatch& batch) const {
    std::vector<int> kept;
    for (int i = 0; i < batch.num_columns(); ++i) {
      const bool extra =
          std::any_of(options_.extra.begin(), options_.extra.end(),
                      [&](const auto& field) { return field->name() == batch.column_name(i); });
      if (!extra) {
        kept.push_back(i);
      }
    }
    return batch.SelectColumns(kept);
  }

  // A table at a time goes to the stream page by page; Arrow's buffered row groups would hold the
  // pages until the group is complete, and take twice the time.
  Status flush() {
    if (held_.empty()) {
      return Status::OK();
    }
    const auto held = std::exchange(held_, {});
    held_bytes_ = 0;
    return guarded([&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto table, arrow::Table::FromRecordBatches(schema_, held));
      return table->num_rows() == 0 ? Status::OK() : writer_->WriteTable(*table, table->num_rows());
    });
  }

  std::shared_ptr<arrow::Schema> schema_;
  ParquetWriteOptions options_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<std::shared_ptr<arrow::RecordBatch>> held_;
  int64_t held_bytes_ = 0;
  OrderWatch order_;
};

ParquetWriter::ParquetWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParquetWriter::~ParquetWriter() = default;

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::open(
    std::shared_ptr<arrow::io::OutputStream> stream, const CollectionConfig& config,
    const ParquetWriteOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto schema, formats::parquet_schema(config));
  for (const auto& field : options.extra) {
    ARROW_ASSIGN_OR_RAISE(schema, schema->AddField(schema->num_fields(), field));
  }
  auto impl = std::make_unique<Impl>(std::move(schema), options);
  ARROW_RETURN_NOT_OK(impl->open(stream));
  return std::unique_ptr<ParquetWriter>(new ParquetWriter(std::move(impl)));
}

Status ParquetWriter::write(const arrow::RecordBatch& batch) {
  return impl_->write(batch);
}
Status ParquetWriter::finish() {
  return impl_->finish();
}

}  // namespace vecferry
