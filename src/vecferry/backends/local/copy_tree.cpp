#include "vecferry/backends/local/copy_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "vecferry/base/durable_file.h"

namespace vecferry::local {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBlockBytes = 512;                // what st_blocks counts
constexpr size_t kCopiedAtOnce = size_t{64} << 20;  // between two looks at the stop token

class File {
 public:
  File(const fs::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

Status failed(const fs::path& path) {
  return system_failure(errno, fmt::format("cannot copy '{}'", path.string()), path.string());
}

// The bytes [from, to) of one file to the same place in another.
Status copy_part(const File& in, const File& out, off_t from, off_t to, const fs::path& path,
                 const StopToken& stop) {
  off_t in_at = from;
  off_t out_at = from;
  while (in_at < to) {
    ARROW_RETURN_NOT_OK(poll(stop));
    const size_t wanted = std::min(static_cast<size_t>(to - in_at), kCopiedAtOnce);
    const ssize_t copied = ::copy_file_range(in.get(), &in_at, out.get(), &out_at, wanted, 0);
    if (copied < 0 && errno == EINTR) {
      continue;
    }
    if (copied <= 0) {
      return failed(path);
    }
  }
  return Status::OK();
}

Status copy_one(const fs::path& from, const fs::path& to, const StopToken& stop) {
  const File in(from, O_RDONLY);
  const File out(to, O_RDWR | O_CREAT | O_EXCL);
  struct stat info {};
  if (in.get() < 0 || out.get() < 0 || ::fstat(in.get(), &info) != 0) {
    return failed(in.get() < 0 ? from : to);
  }
  if (::ioctl(out.get(), FICLONE, in.get()) == 0) {
    return Status::OK();
  }
  if (::ftruncate(out.get(), info.st_size) != 0) {
    return failed(to);
  }
  for (off_t at = 0; at < info.st_size;) {
    const off_t data = ::lseek(in.get(), at, SEEK_DATA);
    if (data < 0) {
      return errno == ENXIO ? Status::OK() : failed(from);  // only a hole is left
    }
    const off_t hole = ::lseek(in.get(), data, SEEK_HOLE);
    if (hole < 0) {
      return failed(from);
    }
    ARROW_RETURN_NOT_OK(copy_part(in, out, data, hole, to, stop));
    at = hole;
  }
  return Status::OK();
}

}  // namespace

Result<int64_t> size_of_tree(const fs::path& folder) {
  int64_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator next(folder, error);
  for (; !error && next != fs::recursive_directory_iterator(); next.increment(error)) {
    struct stat info {};
    if (::lstat(next->path().c_str(), &info) == 0) {
      bytes += info.st_blocks * kBlockBytes;
    }
  }
  if (error) {
    return system_failure(error.value(), fmt::format("cannot read folder '{}'", folder.string()),
                          folder.string());
  }
  return bytes;
}

Status copy_tree(const fs::path& from, const fs::path& to, const StopToken& stop) {
  std::error_code error;
  fs::create_directory(to, error);
  if (error) {
    return system_failure(error.value(), fmt::format("cannot make folder '{}'", to.string()),
                          to.string());
  }
  fs::directory_iterator next(from, error);
  for (; !error && next != fs::directory_iterator(); next.increment(error)) {
    ARROW_RETURN_NOT_OK(poll(stop));
    const fs::path copy = to / next->path().filename();
    ARROW_RETURN_NOT_OK(next->is_directory(error) ? copy_tree(next->path(), copy, stop)
                                                  : copy_one(next->path(), copy, stop));
  }
  if (error) {
    return system_failure(error.value(), fmt::format("cannot read folder '{}'", from.string()),
                          from.string());
  }
  return Status::OK();
}

}  // namespace vecferry::local
