#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "vecferry/archive/repository.h"
#include "vecferry/ops/place_opener.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

/// One export that a script left: NAME_YYYYMMDD_HHMMSS.json, also with .zst.
struct ScriptExport {
  std::filesystem::path file{};
  std::string collection{};
  std::string id{};       ///< of the backup that it becomes; its random part is made from the name
  bool archived = false;  ///< the newest of a collection with a NAME.archived beside it
};

/// What is in such a folder, oldest first, and the names of files that are nothing of the kind.
struct ScriptFolder {
  std::vector<ScriptExport> exports{};
  std::vector<std::string> others{};
};

/// Errors: kNotFound for a folder that is not there.
Result<ScriptFolder> look_at_script_folder(const std::filesystem::path& folder);

enum class Adopted { kAdded, kWasThere };

/// Make a backup of one export: through a throw-away local collection, as an import would, so that
/// it is verified. The file stays as it is.
Result<Adopted> adopt(const std::shared_ptr<Repository>& repository, const ScriptExport& exported,
                      PlaceOpener& places, Progress& progress, StopToken stop);

}  // namespace vecferry
