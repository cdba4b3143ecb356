#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/archive/repository.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

struct CheckOptions {
  double share = 1;  ///< of the segments that are read back; all are looked at by name and size
};

/// A file of an archive that is not as it must be.
struct Damage {
  std::string file{};
  std::string what{};
  std::vector<std::string> backups{};  ///< that need it: "NAME@ID"
};

struct CheckReport {
  std::vector<Damage> damage{};
  std::vector<std::string> unneeded{};  ///< segments and snapshots that no backup needs
  std::vector<std::string> strange{};   ///< files that are none of an archive's
  uint64_t collections = 0;
  uint64_t backups = 0;
  uint64_t segments = 0;  ///< that backups need
  uint64_t read = 0;      ///< segments that were read back
  uint64_t bytes = 0;     ///< of those
};

/// Read an archive back: every small file, the segments (hashes, the digests of their points and
/// their sums), and the newest backup of each collection as a whole.
/// Errors: only those that keep it from looking, such as an archive that cannot be listed.
Result<CheckReport> check_archive(const Repository& repository, const CheckOptions& options,
                                  Progress& progress, StopToken stop);

}  // namespace vecferry
