#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/archive/repository.h"

namespace vecferry {

/// The backups of one collection, oldest first, and the mark that it lives in the archive alone.
struct BackupList {
  std::optional<ArchivedMark> mark{};
  std::vector<Manifest> backups{};
};

/// Errors: kCorrupt with the file.
Result<BackupList> list_backups(const Repository& archive, const std::string& collection,
                                StopToken stop);

/// The mark as the rest of a line, then a line for each backup.
std::string to_text(const BackupList& list);
/// {"archived":…,"backups":[…]}
nlohmann::ordered_json to_json(const BackupList& list);

}  // namespace vecferry
