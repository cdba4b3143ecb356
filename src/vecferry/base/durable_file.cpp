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

Result<DurableWriter> DurableWriter::open(fs::path path) {
  fs::path temporary = path;
  temporary += ".tmp-" + std::to_string(::getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "wbe");
  if (file == nullptr) {
    return system_failure(errno, "cannot create '" + path.string() + "'", path.string());
  }
  return DurableWriter(std::move(path), std::move(temporary), file);
}

DurableWriter::~DurableWriter() {
  if (file_ != nullptr) {
    ::unlink(temporary_.c_str());
  }
}

Status DurableWriter::failed(std::string_view doing) const {
  return system_failure(errno, "cannot " + std::string(doing) + " '" + path_.string() + "'",
                        path_.string());
}

Status DurableWriter::write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() ? Status::OK()
                                                                              : failed("write");
}

Status DurableWriter::close() {
  if (std::fflush(file_.get()) != 0) {
    return failed("write");
  }
  if (::fsync(::fileno(file_.get())) != 0) {
    return failed("sync");
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return failed("replace");
  }
  file_.reset();
  return sync_folder(path_.parent_path());
}

Status write_durably(const fs::path& path, std::string_view content) {
  ARROW_ASSIGN_OR_RAISE(auto file, DurableWriter::open(path));
  ARROW_RETURN_NOT_OK(file.write(content));
  return file.close();
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
