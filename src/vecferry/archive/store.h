#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"

namespace arrow::io {
class RandomAccessFile;
}

namespace vecferry {

struct StoredFile {
  std::string path{};  ///< inside the repository, with slashes
  uint64_t bytes = 0;
};

enum class IfThere { kRefuse, kReplace };

/// A file that is written piece by piece: whole and durable once `close` has returned OK. When that
/// was not called, or failed, nothing is there under its name.
/// Thread: one caller at a time.
class StoredFileWriter {
 public:
  virtual ~StoredFileWriter() = default;
  virtual Status write(std::string_view bytes) = 0;
  virtual Status close() = 0;
};

/// The files of a repository, in a folder or a bucket. Paths are relative, with slashes.
/// Thread: safe for concurrent use.
class ArchiveStore {
 public:
  /// `address`: a folder, or what Arrow's file systems know ("s3://bucket/prefix", "gs://…",
  /// "abfs://…"), with the credentials that their own tools take from the environment.
  /// Errors: kNotFound for a folder or bucket that is not there (a folder is made with `create`);
  /// kRefused for credentials; kIncompatible for what this build cannot reach.
  static Result<std::shared_ptr<ArchiveStore>> open(const std::string& address, bool create);
  virtual ~ArchiveStore() = default;

  /// Errors: kNotFound, kIo.
  virtual Result<std::shared_ptr<arrow::Buffer>> get(const std::string& path) const = 0;
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> open_file(
      const std::string& path) const = 0;
  /// Whole or not there, and durable when it returns. Errors: kExists (best effort in buckets),
  /// kIo.
  virtual Status put(const std::string& path, std::string_view bytes, IfThere if_there) = 0;
  /// For files that are too large for memory; replaces what is there. The store outlives it.
  virtual Result<std::unique_ptr<StoredFileWriter>> begin(const std::string& path) = 0;
  /// All files below a prefix that ends in a slash (or is empty), by path; none where nothing is.
  virtual Result<std::vector<StoredFile>> list(const std::string& prefix) const = 0;
  /// Errors: kNotFound, kIo.
  virtual Status remove(const std::string& path) = 0;
  /// Remove what writers that died left half written. Only while nobody writes.
  virtual Status remove_half_written() = 0;
};

}  // namespace vecferry
