#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace arrow::io {
class OutputStream;
}

namespace arrow::util {
class SecureString;
}

namespace vecferry {

struct ParquetWriteOptions {
  std::string collection_name{};
  int64_t row_group_bytes = int64_t{32} << 20;  ///< of raw points: what the writer holds
  /// Columns that batches have besides the points schema; they come last, without statistics.
  std::vector<std::shared_ptr<arrow::Field>> extra{};
  /// 16, 24 or 32 bytes: the file is encrypted (AES_GCM_V1, footer and all columns with this key).
  std::shared_ptr<const arrow::util::SecureString> key{};
};

/// Writes points as Parquet.
/// Source: docs/file-formats.md, "Parquet".
/// Thread: one caller at a time.
class ParquetWriter {
 public:
  /// The stream stays the caller's to close.
  static Result<std::unique_ptr<ParquetWriter>> open(
      std::shared_ptr<arrow::io::OutputStream> stream, const CollectionConfig& config,
      const ParquetWriteOptions& options);
  ~ParquetWriter();

  /// The batch's buffers are held until their row group is written; they must not change.
  /// Errors: kIncompatible for a vector that is not in the configuration; after any error the
  /// writer is unusable.
  Status write(const arrow::RecordBatch& batch);

  /// Write the rest and the footer.
  Status finish();

 private:
  class Impl;
  explicit ParquetWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry
