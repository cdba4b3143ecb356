#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "arrow/io/interfaces.h"
#include "vecferry/base/error.h"

namespace vecferry::files {

/// Where a file is written: a partial file beside it that gets its name when it is whole, or
/// standard output.
/// Thread: one caller at a time.
class FileSink : public arrow::io::OutputStream {
 public:
  /// Make `.NAME.partial-PID` in the folder of `path`. Partial files of processes that are gone are
  /// removed first.
  /// Errors: kExists when the file is there, kConflict when another process is writing it, kIo.
  static Result<std::shared_ptr<FileSink>> create(const std::filesystem::path& path);
  /// Writes give up with kCancelled while nobody reads the pipe.
  static Result<std::shared_ptr<FileSink>> standard_output(StopToken stop);

  /// An unpublished partial file is removed.
  ~FileSink() override;

  using arrow::io::OutputStream::Write;
  Status Write(const void* data, int64_t bytes) override;
  Result<int64_t> Tell() const override { return written_; }
  Status Close() override { return Status::OK(); }
  bool closed() const override { return descriptor_ < 0; }

  bool patchable() const { return !partial_.empty(); }
  /// Write over what is there already.
  Status patch(int64_t offset, std::string_view text);
  /// Path of the partial file, for reading it; empty for standard output.
  const std::filesystem::path& partial() const { return partial_; }
  /// Make it durable and give it its name.
  /// Errors: kExists when a file has come meanwhile; the partial file stays for the destructor.
  Status publish();
  /// Remove the partial file now.
  void discard();

 private:
  FileSink(int descriptor, std::filesystem::path path, std::filesystem::path partial);
  Status failed(int errno_value) const;
  Status wait_for_room() const;

  int descriptor_;
  std::filesystem::path path_;
  std::filesystem::path partial_;
  int64_t written_ = 0;
  bool pipe_ = false;  ///< a write may wait for a reader
  StopToken stop_ = StopToken::Unstoppable();
};

}  // namespace vecferry::files
