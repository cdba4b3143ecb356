#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>

#include "vecferry/backends/snapshot/spool_internal.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::snapshot {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "vecferry-snapshot-";

// Folders of processes that are gone.
void sweep(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kPrefix, 0) != 0) {
      continue;
    }
    const char* first = name.data() + kPrefix.size();
    pid_t process = 0;
    const auto [end, error] = std::from_chars(first, name.data() + name.size(), process);
    const bool ours = error == std::errc() && end != name.data() + name.size() && *end == '-';
    if (ours && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

Result<Spool> Spool::make(uint64_t wanted_bytes) {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) {
    return system_failure(error.value(), "no temporary folder", "TMPDIR");
  }
  sweep(parent);
  const auto space = fs::space(parent, error);
  if (!error && space.available < wanted_bytes) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("no room to unpack the snapshot: {} MB are free, {} MB wanted",
                                     space.available >> 20U, wanted_bytes >> 20U),
                 .where = parent.string(),
                 .next = "free some space there, or set TMPDIR to a larger disk"});
  }
  std::string pattern =
      (parent / fmt::format("{}{}-XXXXXX", kPrefix, static_cast<int>(::getpid()))).string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return system_failure(errno, "cannot make a folder to unpack the snapshot", parent.string());
  }
  return Spool(fs::path(pattern));
}

Spool::Spool(Spool&& other) noexcept : path_(std::exchange(other.path_, {})) {}

Spool& Spool::operator=(Spool&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

Spool::~Spool() {
  if (!path_.empty()) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
}

}  // namespace vecferry::snapshot
