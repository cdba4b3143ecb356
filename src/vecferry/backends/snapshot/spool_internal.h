#pragma once

#include <filesystem>

#include "vecferry/base/error.h"

namespace vecferry::snapshot {

/// A folder below the system's temporary folder, gone with the object. Its name has the process id,
/// so that a later one can sweep away what a killed process left.
class Spool {
 public:
  /// Errors: kIo, also when fewer than `wanted_bytes` are free there.
  static Result<Spool> make(uint64_t wanted_bytes);
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&& other) noexcept;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit Spool(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace vecferry::snapshot
