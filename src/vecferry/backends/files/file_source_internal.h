#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "vecferry/base/error.h"
#include "vecferry/formats/file_format.h"
#include "vecferry/formats/parquet_file.h"
#include "vecferry/formats/text_input.h"

namespace vecferry::files {

/// Bytes that can be read any number of times: a file as it lies, or a copy of what came through a
/// pipe.
/// Thread: safe for concurrent use; each stream is one caller's.
class FileSource {
 public:
  /// `-` is standard input.
  FileSource(std::string path, std::filesystem::path spool_folder);
  ~FileSource();
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  const std::string& name() const { return name_; }
  /// Errors: kNotFound, kIo. A pipe is read to its end here.
  Status prepare(const StopToken& stop);
  Result<std::string> first_bytes(size_t count) const;

  TextInput text(FileCompression compression) const;
  ParquetInput parquet() const;

 private:
  Status spool(int from, const StopToken& stop);
  std::string readable_path() const;

  std::string path_;
  std::string name_;
  std::filesystem::path spool_folder_;
  std::mutex mutex_{};
  int spooled_ = -1;
};

}  // namespace vecferry::files
