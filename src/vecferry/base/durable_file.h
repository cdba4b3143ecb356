#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Small files that are whole or absent, whatever happens: temp file in the same folder, sync,
/// rename, sync the folder.
namespace vecferry {

/// Replace `path` by `content`, durably and at once.
/// Errors: kIo with the path in `where`; the old file is untouched then.
Status write_durably(const std::filesystem::path& path, std::string_view content);

/// The same for what is written piece by piece: the file is there when `close` has returned, and
/// nothing is when the writer goes before. Thread: one caller at a time.
class DurableWriter {
 public:
  /// Errors: kIo.
  static Result<DurableWriter> open(std::filesystem::path path);
  DurableWriter(DurableWriter&& other) noexcept = default;
  DurableWriter& operator=(DurableWriter&& other) noexcept = default;
  ~DurableWriter();

  Status write(std::string_view text);
  Status close();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  DurableWriter(std::filesystem::path path, std::filesystem::path temporary, std::FILE* file)
      : path_(std::move(path)), temporary_(std::move(temporary)), file_(file) {}
  Status failed(std::string_view doing) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::unique_ptr<std::FILE, CloseFile> file_;  // null when it is closed, or moved from
};

/// Read a whole small file.
/// Errors: kNotFound when there is none, else kIo.
Result<std::string> read_file(const std::filesystem::path& path);

/// Make names in `folder` durable (fsync of the folder).
Status sync_folder(const std::filesystem::path& folder);

/// fsync one file by path.
Status sync_file(const std::filesystem::path& path);

/// The error of a failed system call, with errno in words and advice where the cause is common
/// (no space, no rights). `what` says what was being done: "cannot write 'x.json'".
Status system_failure(int errno_value, std::string_view what, std::string_view where);

/// An exclusive lock on a file, held until destruction; the kernel drops it when the process dies.
/// Thread: one owner. Errors of `acquire`: kConflict when another process (or handle) holds it.
class FileLock {
 public:
  static Result<FileLock> acquire(const std::filesystem::path& path, std::string_view what);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace vecferry
