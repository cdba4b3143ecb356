#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "arrow/table.h"
#include "parquet/arrow/writer.h"
#include "tests/support/points.h"
#include "vecferry/formats/parquet_file.h"
#include "vecferry/formats/parquet_writer.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {

using Bytes = std::shared_ptr<arrow::Buffer>;

inline ParquetInput input_of(const Bytes& bytes) {
  return {.name = "test.parquet",
          .open = [bytes]() -> Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
            return std::make_shared<arrow::io::BufferReader>(bytes);
          }};
}

/// As our writer writes it, in batches of `batch_rows`.
inline Result<Bytes> write_parquet(const CollectionConfig& config,
                                   const std::vector<TestPoint>& points, int64_t batch_rows = 100,
                                   int64_t row_group_bytes = 1 << 20) {
  ARROW_ASSIGN_OR_RAISE(auto stream, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, ParquetWriter::open(stream, config,
                                                         {.collection_name = "docs",
                                                          .row_group_bytes = row_group_bytes}));
  const auto batch = to_batch(config, points);
  for (int64_t row = 0; row < batch->num_rows(); row += batch_rows) {
    ARROW_RETURN_NOT_OK(writer->write(*batch->Slice(row, batch_rows)));
  }
  ARROW_RETURN_NOT_OK(writer->finish());
  return stream->Finish();
}

/// As another program writes it.
inline Result<Bytes> write_table(const arrow::Table& table, int64_t row_group_rows = 1000) {
  ARROW_ASSIGN_OR_RAISE(auto stream, arrow::io::BufferOutputStream::Create());
  ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(
      table, arrow::default_memory_pool(), stream, row_group_rows,
      parquet::default_writer_properties(),
      parquet::ArrowWriterProperties::Builder().store_schema()->build()));
  return stream->Finish();
}

inline Result<std::vector<TestPoint>> read_points(const ParquetFile& file,
                                                  const ParquetReadOptions& options = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, file.read(options, StopToken::Unstoppable()));
  std::vector<TestPoint> points;
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return points;
    }
    ARROW_RETURN_NOT_OK(validate_points(*batch));
    for (auto& point : to_points(*batch)) {
      points.push_back(std::move(point));
    }
  }
}

inline Result<std::shared_ptr<const ParquetFile>> open_parquet(const Bytes& bytes,
                                                               const ForeignOptions& options = {}) {
  return ParquetFile::open(input_of(bytes), options, StopToken::Unstoppable());
}

inline Result<std::vector<TestPoint>> read_parquet(const Bytes& bytes,
                                                   const ParquetReadOptions& options = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto file, open_parquet(bytes));
  return read_points(*file, options);
}

}  // namespace vecferry::testing
