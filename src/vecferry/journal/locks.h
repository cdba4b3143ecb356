#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/durable_file.h"

/// Who works on what: locks that the kernel drops when their process dies.
namespace vecferry {

/// What a running operation holds: itself, and every collection that it writes.
class OperationLocks {
 public:
  /// `targets` are collections as addresses that are the same however they were typed.
  /// Errors: kConflict when another run has one of them.
  static Result<OperationLocks> acquire(const std::filesystem::path& journal_folder,
                                        std::string_view operation,
                                        std::vector<std::string> targets);

 private:
  std::vector<FileLock> locks_{};
};

/// Does a process work on the operation now?
bool is_running(const std::filesystem::path& journal_folder, std::string_view operation);

}  // namespace vecferry
