#include "vecferry/ops/steps.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

Json optional_json(const auto& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> optional_from(const Json& json) {
  return json.is_null() ? std::optional<T>() : std::optional<T>(json.get<T>());
}

Json selection_json(const Selection& selection) {
  return {{"filter", selection.filter == nullptr ? Json(nullptr) : Json(selection.filter->json())},
          {"select_payload", selection.select_payload},
          {"drop_payload", selection.drop_payload},
          {"vectors", optional_json(selection.vectors)},
          {"rename_vectors", selection.rename_vectors},
          {"provenance", selection.provenance},
          {"limit", optional_json(selection.limit)}};
}

Result<Selection> selection_from(const Json& json) {
  Selection selection{
      .select_payload = json.at("select_payload").get<std::vector<std::string>>(),
      .drop_payload = json.at("drop_payload").get<std::vector<std::string>>(),
      .vectors = optional_from<std::vector<std::string>>(json.at("vectors")),
      .rename_vectors =
          json.at("rename_vectors").get<std::vector<std::pair<std::string, std::string>>>(),
      .provenance = json.at("provenance").get<bool>(),
      .limit = optional_from<uint64_t>(json.at("limit"))};
  if (!json.at("filter").is_null()) {
    ARROW_ASSIGN_OR_RAISE(selection.filter,
                          Filter::parse(json.at("filter").get_ref<const std::string&>()));
  }
  return selection;
}

Json source_json(const LoadSource& source) {
  return {
      {"address", source.address},
      {"label", source.label},
      {"distance", to_string(source.reading.distance)},
      {"id_key", source.reading.original_id_key},
      {"allow_partial", source.reading.allow_partial},
      {"spooled", source.reading.spooled},
      {"spooled_or_fail", source.reading.spooled_or_fail},
      {"spool", source.reading.spool},
      {"selection", selection_json(source.selection)},
      {"part", source.part ? Json({{"parts", source.part->parts}, {"index", source.part->index}})
                           : Json(nullptr)},
      {"only", source.only},
      {"leave_out", source.leave_out},
      {"remap", source.remap},
      {"merged_from", source.merged_from}};
}

Result<LoadSource> source_from(const Json& json) {
  LoadSource source{.address = json.at("address").get<std::string>(),
                    .label = json.at("label").get<std::string>(),
                    .reading = {.distance = parse_distance(json.at("distance").get<std::string>())
                                                .value_or(Distance::kCosine),
                                .original_id_key = json.at("id_key").get<std::string>(),
                                .allow_partial = json.value("allow_partial", false),
                                .spooled = json.value("spooled", false),
                                .spooled_or_fail = json.value("spooled_or_fail", false),
                                .spool = json.value("spool", std::string())},
                    .only = json.at("only").get<std::string>(),
                    .leave_out = json.at("leave_out").get<std::string>(),
                    .remap = json.at("remap").get<std::string>(),
                    .merged_from = json.at("merged_from").get<std::string>()};
  ARROW_ASSIGN_OR_RAISE(source.selection, selection_from(json.at("selection")));
  if (const auto& part = json.at("part"); !part.is_null()) {
    source.part =
        HashPart{.parts = part.at("parts").get<int>(), .index = part.at("index").get<int>()};
  }
  return source;
}

Json archive_json(const ArchiveStep& step) {
  return {{"source", source_json(step.source)},
          {"archive", step.archive},
          {"name", step.name},
          {"strict", step.strict},
          {"whole", step.whole},
          {"dropped", step.dropped},
          {"native", step.native},
          {"passes", step.passes},
          {"memory_bytes", step.memory_bytes}};
}

Result<Step> archive_from(const Json& json) {
  ArchiveStep step{.archive = json.at("archive").get<std::string>(),
                   .name = json.at("name").get<std::string>(),
                   .strict = json.at("strict").get<bool>(),
                   .whole = json.at("whole").get<bool>(),
                   .dropped = json.at("dropped").get<bool>(),
                   .native = json.value("native", false),
                   .passes = json.at("passes").get<int>(),
                   .memory_bytes = json.at("memory_bytes").get<int64_t>()};
  ARROW_ASSIGN_OR_RAISE(step.source, source_from(json.at("source")));
  return Step(std::move(step));
}

Json mark_json(const MarkStep& mark) {
  return {{"archive", mark.archive},
          {"name", mark.name},
          {"source", mark.source},
          {"backup", optional_json(mark.backup)},
          {"before", mark.before}};
}

MarkStep mark_from(const Json& json) {
  return {.archive = json.at("archive").get<std::string>(),
          .name = json.at("name").get<std::string>(),
          .source = json.at("source").get<std::string>(),
          .backup = optional_from<int>(json.at("backup")),
          .before = json.at("before").get<std::string>()};
}

Json aliases_json(const std::vector<AliasChange>& changes) {
  Json json = Json::array();
  for (const auto& change : changes) {
    json.push_back({{"alias", change.alias}, {"collection", optional_json(change.collection)}});
  }
  return json;
}

std::vector<AliasChange> aliases_from(const Json& json) {
  std::vector<AliasChange> changes;
  for (const auto& change : json) {
    changes.push_back({.alias = change.at("alias").get<std::string>(),
                       .collection = optional_from<std::string>(change.at("collection"))});
  }
  return changes;
}

Json travel_json(const Travel& travel) {
  return {{"route", to_string(travel.route)},
          {"insisted", travel.insisted},
          {"spool", travel.spool},
          {"index_threads", travel.index_threads},
          {"index", travel.index}};
}

// Steps of before there were routes are streams.
Travel travel_from(const Json& json) {
  const Json travel = json.value("travel", Json::object());
  return {.route = parse_route(travel.value("route", "stream")).value_or(Route::kStream),
          .insisted = travel.value("insisted", false),
          .spool = travel.value("spool", std::string()),
          .index_threads = travel.value("index_threads", 0),
          .index = travel.value("index", true)};
}

Result<Step> load_from(const Json& json) {
  LoadStep step{.target = json.at("target").get<std::string>(),
                .target_label = json.at("target_label").get<std::string>(),
                .build_index = json.at("build_index").get<bool>(),
                .whole = json.at("whole").get<bool>(),
                .follow_up = json.at("follow_up").get<int>(),
                .travel = travel_from(json),
                .memory_bytes = json.at("memory_bytes").get<int64_t>()};
  ARROW_ASSIGN_OR_RAISE(step.config, parse_collection_config(json.at("config").dump()));
  for (const auto& each : json.at("sources")) {
    ARROW_ASSIGN_OR_RAISE(auto source, source_from(each));
    step.sources.push_back(std::move(source));
  }
  return Step(std::move(step));
}

Result<Step> change_from(const Json& json) {
  ChangeStep step{.target = json.at("target").get<std::string>(),
                  .target_label = json.at("target_label").get<std::string>(),
                  .added = json.at("added").get<std::string>(),
                  .removed = json.at("removed").get<std::string>(),
                  .removes_all = json.at("removes_all").get<bool>(),
                  .backup = optional_from<int>(json.at("backup")),
                  .nothing_replaced = json.at("nothing_replaced").get<bool>(),
                  .memory_bytes = json.at("memory_bytes").get<int64_t>()};
  if (!json.at("source").is_null()) {
    ARROW_ASSIGN_OR_RAISE(auto source, source_from(json.at("source")));
    step.source = std::move(source);
  }
  return Step(std::move(step));
}

Result<Step> split_from(const Json& json) {
  SplitStep step{.by = json.at("by").get<std::string>(),
                 .shares = json.at("shares").get<bool>(),
                 .build_index = json.at("build_index").get<bool>(),
                 .travel = travel_from(json),
                 .memory_bytes = json.at("memory_bytes").get<int64_t>()};
  ARROW_ASSIGN_OR_RAISE(step.source, source_from(json.at("source")));
  ARROW_ASSIGN_OR_RAISE(step.config, parse_collection_config(json.at("config").dump()));
  for (const auto& each : json.at("parts")) {
    SplitTarget part{.target = each.at("target").get<std::string>(),
                     .label = each.at("label").get<std::string>(),
                     .value = each.at("value").get<std::string>()};
    if (!each.at("filter").is_null()) {
      ARROW_ASSIGN_OR_RAISE(part.filter,
                            Filter::parse(each.at("filter").get_ref<const std::string&>()));
    }
    step.parts.push_back(std::move(part));
  }
  return Step(std::move(step));
}

Json split_json(const SplitStep& split) {
  Json parts = Json::array();
  for (const auto& part : split.parts) {
    parts.push_back({{"target", part.target},
                     {"label", part.label},
                     {"value", part.value},
                     {"filter", part.filter ? Json(part.filter->json()) : Json(nullptr)}});
  }
  return {{"source", source_json(split.source)},
          {"config", Json::parse(to_json(split.config))},
          {"by", split.by},
          {"shares", split.shares},
          {"parts", std::move(parts)},
          {"build_index", split.build_index},
          {"travel", travel_json(split.travel)},
          {"memory_bytes", split.memory_bytes}};
}

Result<Step> step_from(std::string_view kind, const Json& json) {
  if (kind == "backup") {
    BackupStep step{.file = json.at("file").get<std::string>()};
    ARROW_ASSIGN_OR_RAISE(step.source, source_from(json.at("source")));
    return Step(std::move(step));
  }
  if (kind == "archive") {
    return archive_from(json);
  }
  if (kind == "mark") {
    return Step(mark_from(json));
  }
  if (kind == "load") {
    return load_from(json);
  }
  if (kind == "aliases") {
    return Step(AliasStep{.place = json.at("place").get<std::string>(),
                          .changes = aliases_from(json.at("changes")),
                          .before = aliases_from(json.at("before"))});
  }
  if (kind == "drop") {
    return Step(DropStep{.target = json.at("target").get<std::string>(),
                         .target_label = json.at("target_label").get<std::string>(),
                         .backup = optional_from<int>(json.at("backup")),
                         .aside = json.value("aside", false),
                         .unchanged_since = optional_from<int>(json.at("unchanged_since")),
                         .aliases = json.at("aliases").get<std::vector<std::string>>()});
  }
  if (kind == "change") {
    return change_from(json);
  }
  if (kind == "split") {
    return split_from(json);
  }
  if (kind == "proof") {
    ProofStep step{.target = json.at("target").get<std::string>(),
                   .parts = json.at("parts").get<std::vector<int>>(),
                   .dropped_next = json.at("dropped_next").get<bool>()};
    ARROW_ASSIGN_OR_RAISE(step.whole, source_from(json.at("whole")));
    ARROW_ASSIGN_OR_RAISE(step.config, parse_collection_config(json.at("config").dump()));
    return Step(std::move(step));
  }
  if (kind == "settings") {
    SettingsStep step{.target = json.at("target").get<std::string>(),
                      .target_label = json.at("target_label").get<std::string>()};
    ARROW_ASSIGN_OR_RAISE(step.config, parse_collection_config(json.at("config").dump()));
    ARROW_ASSIGN_OR_RAISE(step.before, parse_collection_config(json.at("before").dump()));
    return Step(std::move(step));
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("the journal has a step '{}' that is not known", kind),
               .next = "a newer vecferry wrote it: use that"});
}

Status corrupt(const nlohmann::json::exception& error) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("a step in the journal cannot be read: {}", error.what())});
}

std::string alias_words(const std::vector<AliasChange>& changes) {
  std::string words;
  for (const auto& change : changes) {
    words += fmt::format("{}{} '{}'{}", words.empty() ? "" : ", ",
                         change.collection ? "points alias" : "removes alias", change.alias,
                         change.collection ? fmt::format(" to '{}'", *change.collection) : "");
  }
  return words;
}

}  // namespace

std::string_view kind_of(const Step& step) {
  return std::visit(
      Overloaded{
          [](const BackupStep&) { return "backup"; }, [](const LoadStep&) { return "load"; },
          [](const AliasStep&) { return "aliases"; }, [](const DropStep&) { return "drop"; },
          [](const ChangeStep&) { return "change"; }, [](const ProofStep&) { return "proof"; },
          [](const SplitStep&) { return "split"; }, [](const SettingsStep&) { return "settings"; },
          [](const ArchiveStep&) { return "archive"; }, [](const MarkStep&) { return "mark"; }},
      step);
}

std::string describe(const Step& step) {
  return std::visit(
      Overloaded{
          [](const BackupStep& backup) {
            return fmt::format("backs up {}{} as {} beside the journal", backup.source.label,
                               backup.source.only.empty() ? "" : " (what changes)", backup.file);
          },
          [](const LoadStep& load) {
            std::string sources;
            for (const auto& source : load.sources) {
              sources += (sources.empty() ? "" : ", ") + source.label;
            }
            return fmt::format("makes {} from {}, reads it back and compares", load.target_label,
                               sources);
          },
          [](const AliasStep& aliases) { return alias_words(aliases.changes); },
          [](const DropStep& drop) {
            return drop.aside ? fmt::format(
                                    "takes {} out of its place once it is read again; its "
                                    "files stay beside the journal",
                                    drop.target_label)
                              : fmt::format("drops {}", drop.target_label);
          },
          [](const ChangeStep& change) {
            return change.removes_all ? fmt::format("removes all points of {}", change.target_label)
                                      : fmt::format("changes points of {}", change.target_label);
          },
          [](const SplitStep& split) {
            return fmt::format("makes {} collections from {}, reads them back and compares",
                               split.parts.size(), split.source.label);
          },
          [](const ProofStep& proof) {
            return fmt::format("reads {} again: the parts are together all of it",
                               proof.whole.label);
          },
          [](const SettingsStep& settings) {
            return fmt::format("changes the settings of {}", settings.target_label);
          },
          [](const ArchiveStep& archive) {
            return fmt::format("backs up {} into {}, reads it back and compares",
                               archive.source.label, archive.archive);
          },
          [](const MarkStep& mark) {
            return mark.backup
                       ? fmt::format("marks '{}' as archived in {}", mark.name, mark.archive)
                       : fmt::format("clears the mark of '{}' in {}", mark.name, mark.archive);
          }},
      step);
}

std::string describe_undo(const Step& step) {
  return std::visit(
      Overloaded{[](const BackupStep& backup) {
                   return fmt::format("removes the backup {} once nothing needs it", backup.file);
                 },
                 [](const LoadStep& load) { return fmt::format("drops {}", load.target_label); },
                 [](const AliasStep& aliases) { return alias_words(aliases.before); },
                 [](const DropStep& drop) {
                   return drop.aside ? fmt::format("moves the files of {} back", drop.target_label)
                          : drop.backup
                              ? fmt::format("restores {} from its backup", drop.target_label)
                              : fmt::format("cannot restore {}: no backup was taken",
                                            drop.target_label);
                 },
                 [](const ChangeStep& change) {
                   return fmt::format("gives {} its former points back", change.target_label);
                 },
                 [](const SplitStep& split) {
                   return fmt::format("drops the {} parts", split.parts.size());
                 },
                 [](const ProofStep& /*proof*/) { return std::string("nothing: it was a check"); },
                 [](const SettingsStep& settings) {
                   return fmt::format("gives {} the settings it had", settings.target_label);
                 },
                 [](const ArchiveStep& archive) {
                   return fmt::format("removes the backup of {} from {}", archive.source.label,
                                      archive.archive);
                 },
                 [](const MarkStep& mark) {
                   return fmt::format("leaves '{}' {} in {}", mark.name,
                                      mark.before.empty() ? "unmarked" : "marked as archived",
                                      mark.archive);
                 }},
      step);
}

Json to_json(const Step& step) {
  return std::visit(
      Overloaded{
          [](const BackupStep& backup) -> Json {
            return {{"source", source_json(backup.source)}, {"file", backup.file}};
          },
          [](const ArchiveStep& archive) -> Json { return archive_json(archive); },
          [](const MarkStep& mark) -> Json { return mark_json(mark); },
          [](const LoadStep& load) -> Json {
            Json sources = Json::array();
            for (const auto& source : load.sources) {
              sources.push_back(source_json(source));
            }
            return {
                {"sources", std::move(sources)},     {"target", load.target},
                {"target_label", load.target_label}, {"config", Json::parse(to_json(load.config))},
                {"build_index", load.build_index},   {"whole", load.whole},
                {"follow_up", load.follow_up},       {"travel", travel_json(load.travel)},
                {"memory_bytes", load.memory_bytes}};
          },
          [](const AliasStep& aliases) -> Json {
            return {{"place", aliases.place},
                    {"changes", aliases_json(aliases.changes)},
                    {"before", aliases_json(aliases.before)}};
          },
          [](const DropStep& drop) -> Json {
            return {{"target", drop.target},
                    {"target_label", drop.target_label},
                    {"backup", optional_json(drop.backup)},
                    {"aside", drop.aside},
                    {"unchanged_since", optional_json(drop.unchanged_since)},
                    {"aliases", drop.aliases}};
          },
          [](const SettingsStep& settings) -> Json {
            return {{"target", settings.target},
                    {"target_label", settings.target_label},
                    {"config", Json::parse(to_json(settings.config))},
                    {"before", Json::parse(to_json(settings.before))}};
          },
          [](const ChangeStep& change) -> Json {
            return {{"source", change.source ? source_json(*change.source) : Json(nullptr)},
                    {"target", change.target},
                    {"target_label", change.target_label},
                    {"added", change.added},
                    {"removed", change.removed},
                    {"removes_all", change.removes_all},
                    {"backup", optional_json(change.backup)},
                    {"nothing_replaced", change.nothing_replaced},
                    {"memory_bytes", change.memory_bytes}};
          },
          [](const SplitStep& split) -> Json { return split_json(split); },
          [](const ProofStep& proof) -> Json {
            return {{"whole", source_json(proof.whole)},
                    {"target", proof.target},
                    {"config", Json::parse(to_json(proof.config))},
                    {"parts", proof.parts},
                    {"dropped_next", proof.dropped_next}};
          }},
      step);
}

Result<Step> parse_step(std::string_view kind, std::string_view args) {
  try {
    return step_from(kind, Json::parse(args));
  } catch (const nlohmann::json::exception& error) {
    return corrupt(error);
  }
}

Json to_json(const StepFacts& facts) {
  Json parts = Json::array();
  for (const auto& part : facts.parts) {
    parts.push_back({{"points", part.count}, {"digest", to_hex(part.sum)}});
  }
  return {{"made", facts.made},
          {"finished", facts.finished},
          {"verified", facts.verified},
          {"points", facts.digest.count},
          {"digest", to_hex(facts.digest.sum)},
          {"parts", std::move(parts)},
          {"backup", facts.backup},
          {"route", facts.route},
          {"removed", facts.removed},
          {"bytes", facts.bytes},
          {"seconds", facts.seconds},
          {"counts", facts.counts},
          {"notes", facts.notes}};
}

Result<StepFacts> parse_step_facts(std::string_view text) {
  if (text.empty()) {
    return StepFacts();
  }
  try {
    const Json json = Json::parse(text);
    std::vector<RangeDigest> parts;
    for (const auto& part : json.at("parts")) {
      parts.push_back(
          {.count = part.at("points").get<uint64_t>(),
           .sum = digest_from_hex(part.at("digest").get<std::string>()).value_or(Digest128())});
    }
    return StepFacts{
        .made = json.at("made").get<bool>(),
        .finished = json.at("finished").get<bool>(),
        .verified = json.at("verified").get<bool>(),
        .digest = {.count = json.at("points").get<uint64_t>(),
                   .sum =
                       digest_from_hex(json.at("digest").get<std::string>()).value_or(Digest128())},
        .parts = std::move(parts),
        .backup = json.value("backup", std::string()),
        .route = json.value("route", std::string()),
        .removed = json.at("removed").get<uint64_t>(),
        .bytes = json.at("bytes").get<uint64_t>(),
        .seconds = json.at("seconds").get<double>(),
        .counts = json.at("counts").get<std::map<std::string, uint64_t>>(),
        .notes = json.at("notes").get<std::vector<std::string>>()};
  } catch (const nlohmann::json::exception& error) {
    return corrupt(error);
  }
}

}  // namespace vecferry
