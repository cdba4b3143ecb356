#include "vecferry/base/durable_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vecferry {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) {
      ::close(value_);
    }
  }
  int get() const { return value_; }

 private:
  int value_;
};

Status write_all(int descriptor, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return system_failure(errno, "cannot write '" + path.string() + "'", path.string());
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  return Status::OK();
}

}  // namespace

Status system_failure(int errno_value, std::string_view what, std::string_view where) {
  Failure failure{.kind = ErrorKind::kIo,
                  .what = std::string(what) + ": " + std::strerror(errno_value),
                  .where = std::string(where)};
  if (errno_value == ENOSPC || errno_value == EDQUOT) {
    failure.next = "free some space there (`df -h`), then run the same command again";
  } else if (errno_value == EFBIG) {
    failure.next = "raise the file size limit (`ulimit -f`), then run the same command again";
  } else if (errno_value == EACCES || errno_value == EPERM || errno_value == EROFS) {
    failure.next = "check the rights of that folder, or name another one";
  } else if (errno_value == ENOENT || errno_value == ENOTDIR) {
    failure.next = "check the path";
  }
  return fail(std::move(failure));
}

Status sync_folder(const fs::path& folder) {
  const fs::path target = folder.empty() ? fs::path(".") : folder;
  const Descriptor handle(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) {
    return system_failure(errno, "cannot sync folder '" + target.string() + "'", target.string());
  }
  return Status::OK();
}

Status sync_file(const fs::path& path) {
  const Descriptor handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (handle.get() < 0 || ::fsync(handle.get()) != 0) {
    return system_failure(errno, "cannot sync '" + path.string() + "'", path.string());
  }
  return Status::OK();
}

Status write_durably(const fs::path& path, std::string_view content) {
  fs::path temporary = path;
  temporary += ".tmp-" + std::to_string(::getpid());
  Status status;
  {
    const Descriptor handle(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (handle.get() < 0) {
      return system_failure(errno, "cannot create '" + path.string() + "'", path.string());
    }
    status = write_all(handle.get(), content, path);
    if (status.ok() && ::fsync(handle.get()) != 0) {
      status = system_failure(errno, "cannot sync '" + path.string() + "'", path.string());
    }
  }
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = system_failure(errno, "cannot replace '" + path.string() + "'", path.string());
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync_folder(path.parent_path());
}

Result<std::string> read_file(const fs::path& path) {
  const Descriptor handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (handle.get() < 0) {
    if (errno == ENOENT) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = "no file '" + path.string() + "'",
                   .where = path.string()});
    }
    return system_failure(errno, "cannot open '" + path.string() + "'", path.string());
  }
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(handle.get(), buffer, sizeof buffer);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return system_failure(errno, "cannot read '" + path.string() + "'", path.string());
    }
    if (count == 0) {
      return content;
    }
    content.append(buffer, static_cast<size_t>(count));
  }
}

Result<FileLock> FileLock::acquire(const fs::path& path, std::string_view what) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return system_failure(errno, "cannot open lock file '" + path.string() + "'", path.string());
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    ::close(descriptor);
    if (reason == EWOULDBLOCK) {
      return fail({.kind = ErrorKind::kConflict,
                   .what = std::string(what) + " is in use by another process",
                   .where = path.string(),
                   .next = "wait for it to end, or stop it, then run the same command again",
                   .retryable = true});
    }
    return system_failure(reason, "cannot lock '" + path.string() + "'", path.string());
  }
  return FileLock(descriptor);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

}  // namespace vecferry
