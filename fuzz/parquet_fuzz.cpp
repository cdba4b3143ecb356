// Parquet files, ours and foreign: what reads is valid, what does not has a kind and words.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/record_batch.h"
#include "fuzz/check.h"
#include "vecferry/formats/parquet_file.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

Status read_all(const ParquetInput& input) {
  ARROW_ASSIGN_OR_RAISE(const auto file, ParquetFile::open(input, {}, StopToken::Unstoppable()));
  VECFERRY_CHECK(!file->plan(3).empty());
  ARROW_ASSIGN_OR_RAISE(const auto reader, file->read({}, StopToken::Unstoppable()));
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    VECFERRY_CHECK(validate_points(*batch).ok());
  }
}

}  // namespace
}  // namespace vecferry

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto status = vecferry::read_all(
      {.name = "fuzz",
       .open = [&]() -> vecferry::Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
         return std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(bytes));
       }});
  if (!status.ok()) {
    VECFERRY_CHECK(vecferry::kind_of(status) == vecferry::ErrorKind::kCorrupt ||
                   vecferry::kind_of(status) == vecferry::ErrorKind::kIncompatible);
  }
  return 0;
}
