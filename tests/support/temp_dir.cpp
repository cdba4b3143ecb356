#include "tests/support/temp_dir.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace vecferry::testing {
namespace {

// The engine syncs many small files, which takes eight times as long on a disk. No test sees the
// difference, so memory is used where there is plenty and nobody asked for another place.
std::filesystem::path parent() {
  constexpr uintmax_t kPlenty = uintmax_t{4} << 30U;
  const std::filesystem::path memory = "/dev/shm";
  std::error_code error;
  const auto space = std::filesystem::space(memory, error);
  if (std::getenv("TMPDIR") == nullptr && !error && space.available >= kPlenty) {
    return memory;
  }
  return std::filesystem::temp_directory_path();
}

}  // namespace

TempDir::TempDir() {
  std::string name = (parent() / "vecferry-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vecferry::testing
