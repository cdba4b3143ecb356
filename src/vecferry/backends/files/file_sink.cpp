#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>
#include <utility>

#include "vecferry/backends/files/file_sink_internal.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::files {
namespace {

namespace fs = std::filesystem;

std::string partial_prefix(const fs::path& path) {
  return fmt::format(".{}.partial-", path.filename().string());
}

Status already_exists(const fs::path& path) {
  return fail({.kind = ErrorKind::kExists,
               .what = fmt::format("the file '{}' exists", path.string()),
               .where = path.string(),
               .next = "choose another name, or move the file away"});
}

// Writers hold a lock on their partial file, which the kernel drops with them.
Status remove_stale_partials(const fs::path& path) {
  const fs::path folder = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  const std::string prefix = partial_prefix(path);
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& candidate = entry->path();
    if (candidate.filename().string().rfind(prefix, 0) != 0) {
      continue;
    }
    const int descriptor = ::open(candidate.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      continue;  // gone meanwhile, or not ours to judge
    }
    const bool stale = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    if (stale) {
      ::unlink(candidate.c_str());
    }
    ::close(descriptor);
    if (!stale) {
      return fail({.kind = ErrorKind::kConflict,
                   .what = fmt::format("'{}' is being written", path.string()),
                   .where = candidate.string(),
                   .next = "wait for the other run to end, or choose another name",
                   .retryable = true});
    }
  }
  return Status::OK();
}

}  // namespace

FileSink::FileSink(int descriptor, fs::path path, fs::path partial)
    : descriptor_(descriptor), path_(std::move(path)), partial_(std::move(partial)) {}

FileSink::~FileSink() {
  discard();
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void FileSink::discard() {
  if (!partial_.empty()) {
    ::unlink(partial_.c_str());
    partial_.clear();
  }
}

Status FileSink::failed(int errno_value) const {
  const std::string name = path_.empty() ? "standard output" : path_.string();
  return system_failure(errno_value, fmt::format("cannot write '{}'", name), name);
}

Result<std::shared_ptr<FileSink>> FileSink::create(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    return already_exists(path);
  }
  ARROW_RETURN_NOT_OK(remove_stale_partials(path));
  const fs::path partial =
      path.parent_path() / fmt::format("{}{}", partial_prefix(path), ::getpid());
  for (;;) {
    const int descriptor = ::open(partial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      return system_failure(errno, fmt::format("cannot create '{}'", path.string()), path.string());
    }
    std::shared_ptr<FileSink> sink(new FileSink(descriptor, path, partial));
    // Between the two calls another process may have taken the file for a stale one.
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor, &info) == 0 &&
        info.st_nlink > 0) {
      return sink;
    }
  }
}

Result<std::shared_ptr<FileSink>> FileSink::standard_output(StopToken stop) {
  const int descriptor = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (descriptor < 0) {
    return system_failure(errno, "cannot write to standard output", "standard output");
  }
  std::shared_ptr<FileSink> sink(new FileSink(descriptor, {}, {}));
  struct stat info {};
  sink->pipe_ = ::fstat(descriptor, &info) == 0 && !S_ISREG(info.st_mode);
  sink->stop_ = std::move(stop);
  return sink;
}

// The descriptor is shared with other processes, so it must stay a blocking one: ask first.
Status FileSink::wait_for_room() const {
  constexpr int kWaitMilliseconds = 100;
  for (;;) {
    ARROW_RETURN_NOT_OK(vecferry::poll(stop_));
    struct pollfd room {
      .fd = descriptor_, .events = POLLOUT, .revents = 0
    };
    const int ready = ::poll(&room, 1, kWaitMilliseconds);
    if (ready > 0) {
      return Status::OK();
    }
    if (ready < 0 && errno != EINTR) {
      return failed(errno);
    }
  }
}

Status FileSink::Write(const void* data, int64_t bytes) {
  const char* rest = static_cast<const char*>(data);
  while (bytes > 0) {
    int64_t part = bytes;
    if (pipe_) {
      ARROW_RETURN_NOT_OK(wait_for_room());
      part = std::min<int64_t>(part, PIPE_BUF);  // for so much there is room
    }
    const ssize_t count = ::write(descriptor_, rest, static_cast<size_t>(part));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return failed(errno);
    }
    rest += count;
    bytes -= count;
    written_ += count;
  }
  return Status::OK();
}

Status FileSink::patch(int64_t offset, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::pwrite(descriptor_, text.data(), text.size(), offset);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return failed(errno);
    }
    text.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return Status::OK();
}

Status FileSink::publish() {
  if (partial_.empty()) {
    return Status::OK();
  }
  if (::fsync(descriptor_) != 0) {
    return failed(errno);
  }
  int renamed = ::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  if (renamed != 0 && (errno == EINVAL || errno == ENOSYS)) {
    // A file system without it: a hard link does not replace either.
    renamed = ::link(partial_.c_str(), path_.c_str());
    if (renamed == 0) {
      ::unlink(partial_.c_str());
    }
  }
  if (renamed != 0) {
    return errno == EEXIST ? already_exists(path_) : failed(errno);
  }
  partial_.clear();
  return sync_folder(path_.parent_path());
}

}  // namespace vecferry::files
