#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "arrow/buffer.h"
#include "arrow/io/file.h"
#include "vecferry/archive/store_internal.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"

namespace vecferry::archived {
namespace {

namespace fs = std::filesystem;

// What write_durably calls its temporary files.
bool is_half_written(const fs::path& path) {
  return path.filename().string().find(".tmp-") != std::string::npos;
}

class FolderFileWriter : public StoredFileWriter {
 public:
  explicit FolderFileWriter(DurableWriter file) : file_(std::move(file)) {}
  Status write(std::string_view bytes) override { return file_.write(bytes); }
  Status close() override { return file_.close(); }

 private:
  DurableWriter file_;
};

class FolderStore : public ArchiveStore {
 public:
  explicit FolderStore(fs::path root) : root_(std::move(root)) {}

  Result<std::shared_ptr<arrow::Buffer>> get(const std::string& path) const override {
    ARROW_ASSIGN_OR_RAISE(const auto file, open_file(path));
    const auto read = [&]() -> Result<std::shared_ptr<arrow::Buffer>> {
      ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
      return file->ReadAt(0, size);
    }();
    return read.ok() ? read : classify(read.status(), ErrorKind::kIo, (root_ / path).string());
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> open_file(
      const std::string& path) const override {
    const fs::path file = root_ / path;
    std::error_code error;
    if (!fs::is_regular_file(file, error)) {
      return missing(path);
    }
    auto opened = arrow::io::ReadableFile::Open(file.string());
    if (!opened.ok()) {
      return classify(opened.status(), ErrorKind::kIo, file.string());
    }
    return std::shared_ptr<arrow::io::RandomAccessFile>(*std::move(opened));
  }

  Status put(const std::string& path, std::string_view bytes, IfThere if_there) override {
    const fs::path file = root_ / path;
    std::error_code error;
    if (if_there == IfThere::kRefuse && fs::exists(file, error)) {
      return fail({.kind = ErrorKind::kExists,
                   .what = fmt::format("'{}' exists already", path),
                   .where = root_.string()});
    }
    ARROW_RETURN_NOT_OK(make_folders(file.parent_path()));
    VECFERRY_KILL_POINT("archive.put");
    return write_durably(file, bytes);
  }

  Result<std::unique_ptr<StoredFileWriter>> begin(const std::string& path) override {
    ARROW_RETURN_NOT_OK(make_folders((root_ / path).parent_path()));
    ARROW_ASSIGN_OR_RAISE(auto file, DurableWriter::open(root_ / path));
    return std::make_unique<FolderFileWriter>(std::move(file));
  }

  Result<std::vector<StoredFile>> list(const std::string& prefix) const override {
    std::vector<StoredFile> files;
    ARROW_RETURN_NOT_OK(each_file(root_ / prefix, [&](const fs::directory_entry& entry) -> Status {
      std::error_code error;
      const auto size = entry.file_size(error);
      if (!error && !is_half_written(entry.path())) {  // else it went while we looked
        files.push_back(
            {.path = entry.path().lexically_relative(root_).generic_string(), .bytes = size});
      }
      return Status::OK();
    }));
    std::sort(files.begin(), files.end(),
              [](const StoredFile& a, const StoredFile& b) { return a.path < b.path; });
    return files;
  }

  Status remove(const std::string& path) override {
    std::error_code error;
    const bool removed = fs::remove(root_ / path, error);
    if (error) {
      return system_failure(error.value(), fmt::format("cannot remove '{}'", path), root_.string());
    }
    return removed ? sync_folder((root_ / path).parent_path()) : missing(path);
  }

  Status remove_half_written() override {
    return each_file(root_, [](const fs::directory_entry& entry) -> Status {
      std::error_code ignored;  // tidying: what stays is only clutter
      if (is_half_written(entry.path())) {
        fs::remove(entry.path(), ignored);
      }
      return Status::OK();
    });
  }

 private:
  Status missing(const std::string& path) const {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no file '{}' in the archive", path),
                 .where = root_.string()});
  }

  // Each new folder's name is made durable in its parent.
  static Status make_folders(const fs::path& folder) {
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) {
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(make_folders(folder.parent_path()));
    fs::create_directory(folder, error);
    if (error) {
      return system_failure(error.value(), fmt::format("cannot make '{}'", folder.string()),
                            folder.string());
    }
    return sync_folder(folder.parent_path());
  }

  template <typename Visit>
  Status each_file(const fs::path& folder, Visit visit) const {
    std::error_code error;
    fs::recursive_directory_iterator entries(folder, error);
    while (!error && entries != fs::recursive_directory_iterator()) {
      std::error_code ignored;
      if (entries->is_regular_file(ignored)) {
        ARROW_RETURN_NOT_OK(visit(*entries));
      }
      entries.increment(error);
    }
    // Folders that are not there, or that went while we looked, hold nothing.
    if (error && error.value() != ENOENT && error.value() != ENOTDIR) {
      return system_failure(error.value(), fmt::format("cannot list '{}'", folder.string()),
                            folder.string());
    }
    return Status::OK();
  }

  fs::path root_;
};

}  // namespace

Result<std::shared_ptr<ArchiveStore>> open_folder(const std::string& folder, bool create) {
  std::error_code error;
  const fs::path root = fs::absolute(folder, error).lexically_normal();
  if (!fs::is_directory(root, error)) {
    if (fs::exists(root, error)) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' is no folder", folder),
                   .where = folder});
    }
    if (!create) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("no folder '{}'", folder),
                   .where = folder,
                   .next = "check the path"});
    }
    fs::create_directories(root, error);
    if (error) {
      return system_failure(error.value(), fmt::format("cannot make '{}'", folder), folder);
    }
    ARROW_RETURN_NOT_OK(sync_folder(root.parent_path()));
  }
  return std::make_shared<FolderStore>(root);
}

}  // namespace vecferry::archived
