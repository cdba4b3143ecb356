#include "vecferry/journal/locks.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <system_error>

namespace vecferry {
namespace {

namespace fs = std::filesystem;

fs::path operation_lock(const fs::path& folder, std::string_view operation) {
  return folder / "locks" / fmt::format("operation-{}.lock", operation);
}

fs::path target_lock(const fs::path& folder, std::string_view target) {
  return folder / "locks" /
         fmt::format("target-{:016x}.lock", XXH3_64bits(target.data(), target.size()));
}

}  // namespace

Result<OperationLocks> OperationLocks::acquire(const fs::path& journal_folder,
                                               std::string_view operation,
                                               std::vector<std::string> targets) {
  std::error_code error;
  fs::create_directories(journal_folder / "locks", error);
  if (error) {
    return system_failure(error.value(), "cannot make a folder for locks",
                          (journal_folder / "locks").string());
  }
  OperationLocks held;
  ARROW_ASSIGN_OR_RAISE(auto own, FileLock::acquire(operation_lock(journal_folder, operation),
                                                    fmt::format("operation {}", operation)));
  held.locks_.push_back(std::move(own));
  // One order for all, and each once: a process does not wait for itself.
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  for (const auto& target : targets) {
    ARROW_ASSIGN_OR_RAISE(auto lock, FileLock::acquire(target_lock(journal_folder, target),
                                                       fmt::format("'{}'", target)));
    held.locks_.push_back(std::move(lock));
  }
  return held;
}

bool is_running(const fs::path& journal_folder, std::string_view operation) {
  const fs::path path = operation_lock(journal_folder, operation);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return false;
  }
  const auto lock = FileLock::acquire(path, "operation");
  return !lock.ok() && kind_of(lock.status()) == ErrorKind::kConflict;
}

}  // namespace vecferry
