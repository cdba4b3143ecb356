#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/formats/json_reader.h"
#include "vecferry/model/config.h"
#include "vecferry/model/id_range.h"

namespace arrow::io {
class RandomAccessFile;
}

namespace arrow::util {
class SecureString;
}

namespace vecferry {

namespace formats {
class OpenParquet;
}

struct ParquetInput {
  std::string name{};  ///< for messages: the path
  std::function<Result<std::shared_ptr<arrow::io::RandomAccessFile>>()> open{};
  std::shared_ptr<const arrow::util::SecureString> key{};  ///< of an encrypted file
};

/// For files that are not in the points schema.
struct ForeignOptions {
  Distance distance = Distance::kCosine;
  std::string original_id_key = "original_id";
};

struct ParquetReadOptions {
  std::optional<std::vector<std::string>> vectors{};  ///< only these; none: all
  bool payload = true;
  IdRange range{};
  int64_t batch_bytes = int64_t{4} << 20;
  /// Columns besides the points schema that are handed through, after it, where the file has them.
  std::vector<std::string> extra{};
};

/// A Parquet file of points, ours or foreign, that has been looked into.
/// Source: docs/file-formats.md, "Parquet".
/// Thread: safe for concurrent use; its readers are not.
class ParquetFile {
 public:
  /// Read the footer; of a file without a configuration also the first points.
  /// Errors: kCorrupt, kIncompatible with the column.
  static Result<std::shared_ptr<const ParquetFile>> open(ParquetInput input,
                                                         const ForeignOptions& foreign,
                                                         StopToken stop);
  ~ParquetFile();

  const FileHead& head() const;

  /// At most `parts` ranges of about equal size that lie apart in the file; one when its row groups
  /// do not tell.
  std::vector<IdRange> plan(int parts) const;

  /// Batches in the order of the file, in the points schema of the head's configuration.
  /// Errors: kCorrupt with file, row (from 1) and column.
  Result<std::unique_ptr<arrow::RecordBatchReader>> read(const ParquetReadOptions& options,
                                                         StopToken stop) const;

 private:
  explicit ParquetFile(std::shared_ptr<const formats::OpenParquet> opened);
  std::shared_ptr<const formats::OpenParquet> opened_;
};

}  // namespace vecferry
