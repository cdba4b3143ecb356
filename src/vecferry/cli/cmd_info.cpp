#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "vecferry/cli/archives.h"
#include "vecferry/cli/backup_list.h"
#include "vecferry/cli/context.h"
#include "vecferry/cli/exit_code.h"
#include "vecferry/cli/places.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

std::string describe_vector(const VectorSpec& spec) {
  return fmt::format("  vector    {}: {}{} {}{}\n", spec.name.empty() ? "(unnamed)" : spec.name,
                     to_string(spec.kind), spec.dim > 0 ? fmt::format(" {}", spec.dim) : "",
                     to_string(spec.element),
                     spec.kind == VectorKind::kSparse
                         ? std::string()
                         : fmt::format(", {}", to_string(spec.distance)));
}

// None for what is no backup.
Result<std::optional<BackupList>> backups_of(const Context& context, const PlaceNames& names,
                                             const std::string& location) {
  const auto place = parse_location(names.resolve(location));
  if (!place.ok() || place->place.kind != PlaceKind::kArchive) {
    return std::nullopt;
  }
  ARROW_ASSIGN_OR_RAISE(const auto backup, typed_backup(context, names, location, ""));
  ARROW_ASSIGN_OR_RAISE(const auto archive, open_repository(names, backup.archive,
                                                            RepositoryMode::kOpen, context.stop));
  return list_backups(*archive, backup.collection, context.stop);
}

Result<int> show(const Context& context, const Output& output, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(const auto names, PlaceNames::load(context.config_file, context.network));
  ARROW_ASSIGN_OR_RAISE(const auto location, with_backup_names(context, names, text));
  ARROW_ASSIGN_OR_RAISE(const auto opened, open_location(names, location, {.stop = context.stop}));
  auto described = opened.backend->describe(opened.collection, context.stop);
  if (!described.ok()) {
    return with_nearest_name(described.status(), *opened.backend, opened.collection, context.stop);
  }
  const CollectionConfig& config = *described;
  ARROW_ASSIGN_OR_RAISE(const auto count,
                        opened.backend->count(opened.collection, nullptr, context.stop));
  Json schema = Json::object();
  std::string body;
  for (const auto& spec : config.vectors) {
    body += describe_vector(spec);
  }
  for (const auto& index : config.payload_indexes) {
    schema[index.path] = Json::parse(index.schema_json, nullptr, false);
    body += fmt::format("  index     {}: {}\n", index.path, index.schema_json);
  }
  for (const auto& alias : config.aliases) {
    body += fmt::format("  alias     {}\n", alias);
  }
  ARROW_ASSIGN_OR_RAISE(const auto kept, backups_of(context, names, location));
  output.text(fmt::format("{}\n  points    {}\n{}  settings  {}\n{}", opened.label,
                          format_count(count), body, config.settings_json,
                          kept ? "backups" + to_text(*kept) : std::string()));
  Json line = {
      {"type", "result"},          {"verb", "info"},
      {"name", opened.collection}, {"place", opened.place},
      {"points_count", count},     {"config", Json::parse(config.settings_json, nullptr, false)},
      {"payload_schema", schema},  {"aliases", config.aliases}};
  if (kept) {
    line.update(to_json(*kept));
  }
  output.line(line);
  return kExitDone;
}

}  // namespace

void add_info(CLI::App& app, Context& context) {
  auto location = std::make_shared<std::string>();
  auto* verb =
      app.add_subcommand("info", "Show one collection: points, vectors, indexes, settings");
  verb->add_option("LOC", *location, "A location or a file")->required();
  verb->callback([&context, location] {
    context.run = [&context, location](const Output& output) {
      return show(context, output, *location);
    };
  });
}

}  // namespace vecferry
