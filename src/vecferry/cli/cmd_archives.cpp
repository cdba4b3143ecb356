#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/exit_code.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

Json backup_json(const Manifest& manifest) {
  return {{"id", manifest.id},
          {"time", manifest.time},
          {"points_count", manifest.points.count},
          {"digest", to_hex(manifest.points.sum)},
          {"source", manifest.source},
          {"route", manifest.route},
          {"consistency", to_string(manifest.consistency)},
          {"parent", manifest.parent ? Json(*manifest.parent) : Json(nullptr)},
          {"added", manifest.added},
          {"changed", manifest.changed},
          {"removed", manifest.removed},
          {"bytes", manifest.bytes()},
          {"native", manifest.native.has_value()}};
}

std::string backup_line(const Manifest& manifest, bool newest, bool holds_archived) {
  return fmt::format(
      "  {}  {:>12} points  {:>10}  {}{}\n", manifest.id, format_count(manifest.points.count),
      format_bytes(manifest.bytes()),
      manifest.parent ? fmt::format("+{} ~{} -{}", format_count(manifest.added),
                                    format_count(manifest.changed), format_count(manifest.removed))
                      : std::string("whole"),
      holds_archived ? "  archived"
      : newest       ? "  newest"
                     : "");
}

Result<int> list_archive(const Context& context, const Output& output, const std::string& typed) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto address, chosen_archive(context, names, typed));
  ARROW_ASSIGN_OR_RAISE(const auto archive,
                        open_repository(names, address, RepositoryMode::kOpen, context.stop));
  ARROW_ASSIGN_OR_RAISE(const auto collections, archive->collections(context.stop));
  Json listed = Json::array();
  std::string text = fmt::format("{}{}\n", address, archive->encrypted() ? " (encrypted)" : "");
  for (const auto& name : collections) {
    ARROW_ASSIGN_OR_RAISE(const auto mark, archive->mark(name));
    ARROW_ASSIGN_OR_RAISE(const auto ids, archive->backups(name, context.stop));
    text += fmt::format(
        "{}{}\n", name,
        mark ? fmt::format("  archived {} from {}", mark->time, mark->source) : std::string());
    Json backups = Json::array();
    for (const auto& id : ids) {
      ARROW_ASSIGN_OR_RAISE(const auto manifest, archive->manifest(name, id));
      backups.push_back(backup_json(manifest));
      text += backup_line(manifest, id == ids.back(), mark && mark->backup == id);
    }
    listed.push_back({{"name", name},
                      {"archived", mark ? Json({{"time", mark->time},
                                                {"source", mark->source},
                                                {"backup", mark->backup},
                                                {"operation", mark->operation}})
                                        : Json(nullptr)},
                      {"backups", std::move(backups)}});
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
