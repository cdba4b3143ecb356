#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

namespace vecferry::testing {
namespace {

bool write_file(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) {
    ::close(file);
  }
  return written;
}

}  // namespace

bool limit_disk(const std::string& dir, int mebibytes) {
  const std::string map = "0 " + std::to_string(::geteuid()) + " 1";
  const bool own_space =
      ::unshare(CLONE_NEWNS) == 0 ||
      (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/uid_map", map));
  const std::string size = "size=" + std::to_string(mebibytes) + "m";
  const bool mounted = own_space &&
                       ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("tmpfs", dir.c_str(), "tmpfs", 0, size.c_str()) == 0;
  if (!mounted) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlim_t bytes = static_cast<rlim_t>(mebibytes) << 16U;
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  return mounted;
}

}  // namespace vecferry::testing
