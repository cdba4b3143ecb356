#include "vecferry/base/temporary_folder.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>

#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

std::string prefix_of(std::string_view purpose) {
  return fmt::format("vecferry-{}-", purpose);
}

}  // namespace

Result<fs::path> temporary_parent() {
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  if (error) {
    return system_failure(error.value(), "no temporary folder", "TMPDIR");
  }
  return parent;
}

Result<TemporaryFolder> TemporaryFolder::make(std::string_view purpose) {
  ARROW_ASSIGN_OR_RAISE(const auto parent, temporary_parent());
  return make(purpose, parent);
}

Result<TemporaryFolder> TemporaryFolder::make(std::string_view purpose, const fs::path& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  if (error) {
    return system_failure(error.value(), "cannot make a folder", parent.string());
  }
  const std::string prefix = prefix_of(purpose);
  sweep(purpose, parent);
  std::string pattern =
      (parent / fmt::format("{}{}-XXXXXX", prefix, static_cast<int>(::getpid()))).string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return system_failure(errno, "cannot make a temporary folder", parent.string());
  }
  return TemporaryFolder(fs::path(pattern));
}

void TemporaryFolder::sweep(std::string_view purpose, const fs::path& parent) {
  const std::string prefix = prefix_of(purpose);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(prefix, 0) != 0) {
      continue;
    }
    const char* first = name.data() + prefix.size();
    pid_t process = 0;
    const auto [end, error] = std::from_chars(first, name.data() + name.size(), process);
    const bool ours = error == std::errc() && end != name.data() + name.size() && *end == '-';
    if (ours && process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
}

}  // namespace vecferry
