#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "arrow/io/file.h"
#include "vecferry/backends/files/file_source_internal.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::files {
namespace {

Status cannot_open(int errno_value, const std::string& name) {
  if (errno_value == ENOENT || errno_value == ENOTDIR) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no file '{}'", name),
                 .where = name,
                 .next = "check the path"});
  }
  return system_failure(errno_value, fmt::format("cannot open '{}'", name), name);
}

Result<std::shared_ptr<arrow::io::ReadableFile>> open_readable(const std::string& path,
                                                               const std::string& name) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return cannot_open(errno, name);
  }
  auto file = arrow::io::ReadableFile::Open(descriptor);
  if (!file.ok()) {
    ::close(descriptor);
    return classify(file.status(), ErrorKind::kIo, name);
  }
  return file;
}

// A file without a name: it is gone with its last descriptor, whatever happens.
Result<int> unnamed_file(const std::filesystem::path& folder) {
  std::string path = (folder / "vecferry-stdin-XXXXXX").string();
  const int descriptor = ::mkostemp(path.data(), O_CLOEXEC);
  if (descriptor < 0) {
    return system_failure(errno, "cannot keep standard input", folder.string());
  }
  ::unlink(path.c_str());
  return descriptor;
}

}  // namespace

FileSource::FileSource(std::string path, std::filesystem::path spool_folder)
    : path_(std::move(path)),
      name_(path_ == "-" ? "standard input" : path_),
      spool_folder_(std::move(spool_folder)) {}

FileSource::~FileSource() {
  if (spooled_ >= 0) {
    ::close(spooled_);
  }
}

Status FileSource::prepare(const StopToken& stop) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (spooled_ >= 0) {
    return Status::OK();
  }
  if (path_ == "-") {
    return spool(STDIN_FILENO, stop);
  }
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    return cannot_open(errno, name_);
  }
  if (S_ISDIR(info.st_mode)) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is a folder", path_),
                 .where = path_,
                 .next = "name a file, or local:DIR for a folder of collections"});
  }
  if (S_ISREG(info.st_mode)) {
    return Status::OK();
  }
  const int pipe = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (pipe < 0) {
    return cannot_open(errno, name_);
  }
  const Status spooled = spool(pipe, stop);
  ::close(pipe);
  return spooled;
}

// A read may block for ever, so it is preceded by a wait that looks at the token.
Status FileSource::spool(int from, const StopToken& stop) {
  constexpr int kWaitMilliseconds = 100;
  ARROW_ASSIGN_OR_RAISE(const int to, unnamed_file(spool_folder_));
  std::vector<char> block(size_t{1} << 20);
  Status status;
  while (status.ok()) {
    status = poll(stop);
    struct pollfd ready {
      .fd = from, .events = POLLIN, .revents = 0
    };
    const int waited = status.ok() ? ::poll(&ready, 1, kWaitMilliseconds) : 0;
    if (waited <= 0) {
      continue;
    }
    const ssize_t count = ::read(from, block.data(), block.size());
    if (count == 0) {
      break;
    }
    if (count < 0) {
      if (errno != EINTR && errno != EAGAIN) {
        status = system_failure(errno, fmt::format("cannot read {}", name_), name_);
      }
      continue;
    }
    for (ssize_t written = 0; status.ok() && written < count;) {
      const ssize_t step =
          ::write(to, block.data() + written, static_cast<size_t>(count - written));
      if (step >= 0) {
        written += step;
      } else if (errno != EINTR) {
        status =
            system_failure(errno, fmt::format("cannot keep {}", name_), spool_folder_.string());
      }
    }
  }
  if (!status.ok()) {
    ::close(to);
    return status;
  }
  spooled_ = to;
  return Status::OK();
}

std::string FileSource::readable_path() const {
  // A new open file, with an offset of its own, of the one that has no name.
  return spooled_ >= 0 ? fmt::format("/proc/self/fd/{}", spooled_) : path_;
}

Result<std::string> FileSource::first_bytes(size_t count) const {
  ARROW_ASSIGN_OR_RAISE(const auto file, open_readable(readable_path(), name_));
  std::string bytes(count, '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t read, file->Read(static_cast<int64_t>(count), bytes.data()));
  bytes.resize(static_cast<size_t>(read));
  return bytes;
}

TextInput FileSource::text(FileCompression compression) const {
  return {.name = name_,
          .open = [path = readable_path(), name = name_,
                   compression]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
            ARROW_ASSIGN_OR_RAISE(auto file, open_readable(path, name));
            return decompress(std::move(file), compression);
          }};
}

ParquetInput FileSource::parquet() const {
  return {.name = name_,
          .open = [path = readable_path(),
                   name = name_]() -> Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
            ARROW_ASSIGN_OR_RAISE(auto file, open_readable(path, name));
            return file;
          }};
}

}  // namespace vecferry::files
