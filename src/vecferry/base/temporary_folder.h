#pragma once

#include <filesystem>
#include <string_view>

#include "vecferry/base/error.h"

namespace vecferry {

/// A folder below the system's temporary folder, or another one, gone with the object and all that
/// is in it. Its name has the process id, so that a later one can sweep away what a killed process
/// left. Thread: one owner.
class TemporaryFolder {
 public:
  /// `purpose`: a word of its name, "vecferry-PURPOSE-…". Errors: kIo.
  static Result<TemporaryFolder> make(std::string_view purpose);
  /// The same in `parent`, which is made when it is missing, and stays.
  static Result<TemporaryFolder> make(std::string_view purpose,
                                      const std::filesystem::path& parent);
  /// Remove such folders of processes that are gone; `make` does it, too.
  static void sweep(std::string_view purpose, const std::filesystem::path& parent);
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;  // empty: moved from
};

/// The folder that all of them lie in. Errors: kIo when there is none.
Result<std::filesystem::path> temporary_parent();

}  // namespace vecferry
