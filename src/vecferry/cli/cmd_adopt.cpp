#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/opener.h"
#include "vecferry/ops/adopt.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

struct AdoptWords {
  std::string folder{};
  std::string archive{};
};

Result<int> adopt_folder(const Context& context, const Output& output, const AdoptWords& words) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto address, chosen_archive(context, names, words.archive));
  ARROW_ASSIGN_OR_RAISE(const auto found, look_at_script_folder(words.folder));
  if (found.exports.empty()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no export of a script in '{}'", words.folder),
                 .where = words.folder,
                 .next = "they are called NAME_YYYYMMDD_HHMMSS.json; `vecferry import` takes "
                         "other files"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, address, RepositoryMode::kCreate, context.stop));
  Progress progress;
  NamedPlaces places(names, progress);
  Json adopted = Json::array();
  std::string text;
  for (const auto& each : found.exports) {
    const auto outcome = [&] {
      const ProgressDisplay display(output, progress);
      return adopt(archive, each, places, progress, context.stop);
    }();
    ARROW_RETURN_NOT_OK(widen(outcome.status(), each.file.string()));
    ARROW_ASSIGN_OR_RAISE(const auto manifest, archive->manifest(each.collection, each.id));
    text += fmt::format("{} -> {}@{}: {} points{}{}\n", each.file.filename().string(),
                        each.collection, each.id, format_count(manifest.points.count),
                        *outcome == Adopted::kWasThere ? ", was there" : "",
                        each.archived ? ", archived" : "");
    adopted.push_back({{"file", each.file.string()},
                       {"backup", each.collection + "@" + each.id},
                       {"points", manifest.points.count},
                       {"new", *outcome == Adopted::kAdded},
                       {"archived", each.archived}});
  }
  for (const auto& other : found.others) {
    output.note(fmt::format("vecferry: '{}' is no export of a script: left alone\n", other));
  }
  output.text(text);
  output.line({{"type", "result"},
               {"verb", "adopt"},
               {"archive", address},
               {"adopted", std::move(adopted)},
               {"others", found.others}});
  return kExitDone;
}

}  // namespace

void add_adopt(CLI::App& archive, Context& context) {
  auto words = std::make_shared<AdoptWords>();
  auto* verb = archive.add_subcommand(
      "adopt", "Take a folder of exports that scripts have made into an archive");
  verb->add_option("DIR", words->folder,
                   "Folder with NAME_YYYYMMDD_HHMMSS.json files and NAME.archived markers")
      ->required();
  verb->add_option("--to", words->archive, "The archive (default: as for backup)")
      ->type_name("ARCHIVE");
  verb->callback([&context, words] {
    context.run = [&context, words](const Output& output) {
      return adopt_folder(context, output, *words);
    };
  });
}

}  // namespace vecferry
