#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "vecferry/base/durable_file.h"
#include "vecferry/routes/ship_record_internal.h"

namespace vecferry::ship {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kFormat = "vecferry.ship";
constexpr int kVersion = 1;
constexpr const char* kThreshold = "indexing_threshold";
// What a shard is made of; the rest is the collection's alone.
constexpr std::array kParams = {"vectors", "sparse_vectors", "on_disk_payload", "payload",
                                "sharding_method"};
constexpr std::array kSettings = {"hnsw_config", "quantization_config", "optimizer_config"};

fs::path file_of(const fs::path& folder) {
  return folder / "ship.json";
}

Status no_load(const fs::path& folder, std::string_view collection) {
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("nothing of a load of '{}' is in the spool", collection),
               .where = folder.string(),
               .next = "the load has to begin again"});
}

template <typename Keys>
Json only(const Json& json, const Keys& keys) {
  Json some = Json::object();
  for (const char* key : keys) {
    if (json.is_object() && json.contains(key)) {
      some[key] = json[key];
    }
  }
  return some;
}

// Optimizer settings leave no trace in a segment.
CollectionConfig without_optimizers(CollectionConfig config) {
  Json settings = Json::parse(config.settings_json, nullptr, false);
  if (settings.is_object()) {
    settings.erase("optimizer_config");
    config.settings_json = settings.dump();
  }
  return config;
}

Result<ShipRecord> parse(const Json& json) {
  ShipRecord record{.collection = json.at("collection").get<std::string>()};
  ARROW_ASSIGN_OR_RAISE(record.settings, parse_collection_config(json.at("settings").dump()));
  for (const auto& entry : json.at("shards")) {
    ShardRecord shard{.info = {.id = entry.at("id").get<uint32_t>()},
                      .in_place = entry.at("in_place").get<bool>(),
                      .next_operation = entry.at("next_operation").get<uint64_t>()};
    if (entry.contains("key")) {
      shard.info.key = entry["key"].get<std::string>();
    }
    record.shards.push_back(std::move(shard));
  }
  return record;
}

}  // namespace

Status write_record(const fs::path& folder, const ShipRecord& record) {
  Json shards = Json::array();
  for (const auto& shard : record.shards) {
    Json entry = {{"id", shard.info.id},
                  {"in_place", shard.in_place},
                  {"next_operation", shard.next_operation}};
    if (shard.info.key) {
      entry["key"] = *shard.info.key;
    }
    shards.push_back(std::move(entry));
  }
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"collection", record.collection},
                     {"settings", Json::parse(to_json(record.settings), nullptr, false)},
                     {"shards", std::move(shards)}};
  return write_durably(file_of(folder), json.dump() + "\n");
}

Result<ShipRecord> read_record(const fs::path& folder, std::string_view collection) {
  const auto text = read_file(file_of(folder));
  if (!text.ok()) {
    return kind_of(text.status()) == ErrorKind::kNotFound ? no_load(folder, collection)
                                                          : text.status();
  }
  try {
    const Json json = Json::parse(*text);
    if (json.at("format") != kFormat || json.at("version") != kVersion) {
      return no_load(folder, collection);  // begun by another version
    }
    auto record = parse(json);
    return !record.ok() || record->collection == collection ? record : no_load(folder, collection);
  } catch (const Json::exception& error) {
    return fail(
        {.kind = ErrorKind::kCorrupt,
         .what = fmt::format("'{}' cannot be read: {}", file_of(folder).string(), error.what()),
         .where = folder.string(),
         .next = "undo the operation, and run it again"});
  }
}

Result<CollectionConfig> shard_settings(const CollectionConfig& at_target,
                                        const CollectionConfig& wanted) {
  const Json there = Json::parse(at_target.settings_json, nullptr, false);
  const Json other = Json::parse(wanted.settings_json, nullptr, false);
  if (!there.is_object() || !other.is_object()) {
    return fail({.kind = ErrorKind::kCorrupt, .what = "settings that are no JSON object"});
  }
  Json settings = only(there, kSettings);
  settings["params"] = only(there.value("params", Json()), kParams);
  Json& optimizers = settings["optimizer_config"];
  if (!optimizers.is_object()) {
    optimizers = Json::object();
  }
  const Json threshold =
      other.value(Json::json_pointer(fmt::format("/optimizer_config/{}", kThreshold)), Json());
  if (threshold.is_null()) {
    optimizers.erase(kThreshold);
  } else {
    optimizers[kThreshold] = threshold;
  }
  CollectionConfig config = at_target;
  config.settings_json = settings.dump();
  config.payload_indexes.clear();
  config.aliases.clear();
  return config;
}

std::vector<std::string> segment_differences(const CollectionConfig& built,
                                             const CollectionConfig& now) {
  return config_differences(without_optimizers(built), without_optimizers(now));
}

}  // namespace vecferry::ship
