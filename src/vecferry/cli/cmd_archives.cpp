#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/backup_list.h"
#include "vecferry/cli/exit_code.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

Result<int> list_archive(const Context& context, const Output& output, const std::string& typed) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto address, chosen_archive(context, names, typed));
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, address, RepositoryMode::kOpen, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto collections, archive->collections(context.stop));
  Json listed = Json::array();
  std::string text = fmt::format("{}{}\n", address, archive->encrypted() ? " (encrypted)" : "");
  for (const auto& name : collections) {
    ARROW_ASSIGN_OR_RAISE(const auto kept, list_backups(*archive, name, context.stop));
    text += fmt::format("{}{}", name, to_text(kept));
    Json entry = {{"name", name}};
    entry.update(to_json(kept));
    listed.push_back(std::move(entry));
  }
  if (collections.empty()) {
    output.note(fmt::format("vecferry: no backups in {}\n", address));
  }
  output.text(text);
  output.line({{"type", "result"},
               {"verb", "archives"},
               {"archive", address},
               {"encrypted", archive->encrypted()},
               {"collections", std::move(listed)}});
  return kExitDone;
}

}  // namespace

void add_archives(CLI::App& app, Context& context) {
  auto archive = std::make_shared<std::string>();
  auto* verb = app.add_subcommand("archives", "List an archive: collections and their backups");
  verb->add_option("ARCHIVE", *archive, "archive:DIR, a folder or s3://… (default: as for backup)");
  verb->callback([&context, archive] {
    context.run = [&context, archive](const Output& output) {
      return list_archive(context, output, *archive);
    };
  });
}

}  // namespace vecferry
