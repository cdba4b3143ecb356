#include "vecferry/cli/backup_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/cli/output.h"

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

}  // namespace

Result<BackupList> list_backups(const Repository& archive, const std::string& collection,
                                StopToken stop) {
  BackupList list;
  ARROW_ASSIGN_OR_RAISE(list.mark, archive.mark(collection));
  ARROW_ASSIGN_OR_RAISE(const auto ids, archive.backups(collection, stop));
  for (const auto& id : ids) {
    ARROW_ASSIGN_OR_RAISE(auto manifest, archive.manifest(collection, id));
    list.backups.push_back(std::move(manifest));
  }
  return list;
}

std::string to_text(const BackupList& list) {
  std::string text =
      list.mark ? fmt::format("  archived {} from {}\n", list.mark->time, list.mark->source) : "\n";
  for (const auto& backup : list.backups) {
    text += backup_line(backup, &backup == &list.backups.back(),
                        list.mark && list.mark->backup == backup.id);
  }
  return text;
}

Json to_json(const BackupList& list) {
  Json backups = Json::array();
  for (const auto& backup : list.backups) {
    backups.push_back(backup_json(backup));
  }
  return {{"archived", list.mark ? Json({{"time", list.mark->time},
                                         {"source", list.mark->source},
                                         {"backup", list.mark->backup},
                                         {"operation", list.mark->operation}})
                                 : Json(nullptr)},
          {"backups", std::move(backups)}};
}

}  // namespace vecferry
