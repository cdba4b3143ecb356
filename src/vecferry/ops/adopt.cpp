#include "vecferry/ops/adopt.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <regex>
#include <set>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/percent.h"
#include "vecferry/base/temporary_folder.h"
#include "vecferry/ops/back_up.h"
#include "vecferry/ops/copy.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMarker = ".archived";

// The same file always becomes the same backup, so that a folder can be adopted again.
std::string id_of(const std::string& name, const std::string& date, const std::string& time) {
  const auto hash = XXH3_64bits(name.data(), name.size());
  return fmt::format("{}T{}000Z-{:08x}", date, time, static_cast<uint32_t>(hash));
}

void mark_newest(const std::set<std::string>& marked, std::vector<ScriptExport>* exports) {
  for (const auto& name : marked) {
    const auto newest =
        std::find_if(exports->rbegin(), exports->rend(),
                     [&](const ScriptExport& each) { return each.collection == name; });
    if (newest != exports->rend()) {
      newest->archived = true;
    }
  }
}

Status set_mark(const std::shared_ptr<Repository>& repository, const ScriptExport& exported) {
  if (!exported.archived) {
    return Status::OK();
  }
  return repository->set_mark({.collection = exported.collection,
                               .time = time_of_backup(exported.id),
                               .source = exported.file.string(),
                               .backup = exported.id,
                               .operation = "adopt"});
}

}  // namespace

Result<ScriptFolder> look_at_script_folder(const fs::path& folder) {
  static const std::regex kExport(R"((.+)_(\d{8})_(\d{6})\.json(\.zst)?)");
  std::error_code error;
  ScriptFolder found;
  std::set<std::string> marked;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::smatch parts;
    if (std::regex_match(name, parts, kExport)) {
      found.exports.push_back({.file = fs::absolute(entry.path()),
                               .collection = parts[1].str(),
                               .id = id_of(name, parts[2].str(), parts[3].str())});
    } else if (name.ends_with(kMarker)) {
      marked.insert(name.substr(0, name.size() - kMarker.size()));
    } else {
      found.others.push_back(name);
    }
  }
  if (error) {
    return error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory
               ? fail({.kind = ErrorKind::kNotFound,
                       .what = fmt::format("no folder '{}'", folder.string()),
                       .where = folder.string(),
                       .next = "check the path"})
               : system_failure(error.value(), fmt::format("cannot list '{}'", folder.string()),
                                folder.string());
  }
  std::sort(found.exports.begin(), found.exports.end(),
            [](const ScriptExport& a, const ScriptExport& b) { return a.id < b.id; });
  std::sort(found.others.begin(), found.others.end());
  mark_newest(marked, &found.exports);
  return found;
}

Result<Adopted> adopt(const std::shared_ptr<Repository>& repository, const ScriptExport& exported,
                      PlaceOpener& places, Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto ids, repository->backups(exported.collection, stop));
  if (std::find(ids.begin(), ids.end(), exported.id) != ids.end()) {
    ARROW_RETURN_NOT_OK(set_mark(repository, exported));
    return Adopted::kWasThere;
  }
  ARROW_ASSIGN_OR_RAISE(const auto folder, TemporaryFolder::make("adopt"));
  ARROW_ASSIGN_OR_RAISE(const auto file, places.open_source(exported.file.string(), {}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto local,
                        places.open_target(fmt::format("local:{}/{}", folder.path().string(),
                                                       percent_encode(exported.collection)),
                                           false, stop));
  ARROW_ASSIGN_OR_RAISE(
      const auto plan,
      plan_copy({.verb = "adopt", .source = file.endpoint(), .target = local.endpoint()}, stop));
  ARROW_RETURN_NOT_OK(run_copy(plan, progress, stop).status());
  ARROW_ASSIGN_OR_RAISE(auto config, local.backend->describe(local.collection, stop));
  const BackUpRequest request{
      .points = {.backend = local.backend.get(), .collection = local.collection},
      .config = std::move(config),
      .collection = exported.collection,
      .source = exported.file.string(),
      .id = exported.id};
  ARROW_RETURN_NOT_OK(back_up(repository, request, progress, stop).status());
  ARROW_RETURN_NOT_OK(set_mark(repository, exported));
  return Adopted::kAdded;
}

}  // namespace vecferry
