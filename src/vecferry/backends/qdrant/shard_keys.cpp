#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "vecferry/backends/qdrant/shard_keys_internal.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/rest_replies.h"

namespace vecferry::remote {

namespace {

using Json = nlohmann::json;

bool has(const std::vector<ShardKey>& keys, const std::string& text) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const ShardKey& key) { return key.text == text; });
}

}  // namespace

Json shard_key_json(const std::string& text) {
  const auto value = parse_shard_key(text);
  const auto* number = std::get_if<uint64_t>(&value);
  return number != nullptr ? Json(*number) : Json(std::get<std::string>(value));
}

Result<std::vector<ShardKey>> shard_keys_of(const Connection& connection,
                                            std::string_view collection, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto text,
                        connection.rest({.path = collection_path(collection) + "/cluster"}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto cluster, wire::cluster_of(text));
  std::map<uint32_t, std::string> by_shard;
  for (const auto& replica : cluster.replicas) {
    if (replica.shard_key) {
      by_shard.emplace(replica.shard_id, *replica.shard_key);
    }
  }
  std::vector<ShardKey> keys;
  for (const auto& [shard, key] : by_shard) {  // a key may have several shards
    auto known = std::find_if(keys.begin(), keys.end(),
                              [&](const ShardKey& each) { return each.text == key; });
    if (known == keys.end()) {
      known = keys.insert(keys.end(), {.text = key});
    }
    ++known->shards;
  }
  return keys;
}

Status note_shard_keys(const std::vector<ShardKey>& keys, CollectionConfig* config) {
  Json settings = Json::parse(config->settings_json, nullptr, false);
  if (!settings.is_object() || !settings.contains("params") || !settings["params"].is_object()) {
    return fail({.what = "settings without params"});
  }
  Json list = Json::array();
  for (const auto& key : keys) {
    list.push_back({{"shard_key", shard_key_json(key.text)}, {"shards_number", key.shards}});
  }
  settings["params"]["shard_keys"] = std::move(list);
  config->settings_json = settings.dump();
  return Status::OK();
}

std::vector<ShardKey> noted_shard_keys(const CollectionConfig& config) {
  const Json settings = Json::parse(config.settings_json, nullptr, false);
  std::vector<ShardKey> keys;
  if (!config.custom_sharding() || !settings.is_object()) {
    return keys;
  }
  const Json list = settings.value(Json::json_pointer("/params/shard_keys"), Json());
  for (const auto& entry : list) {
    const Json key = entry.is_object() ? entry.value("shard_key", Json()) : Json();
    const Json shards = entry.is_object() ? entry.value("shards_number", Json()) : Json();
    const uint64_t count = shards.is_number_unsigned() ? shards.get<uint64_t>() : 0;
    if (key.is_number_unsigned()) {
      keys.push_back({.text = shard_key_text(key.get<uint64_t>()), .shards = count});
    } else if (key.is_string()) {
      keys.push_back({.text = shard_key_text(key.get<std::string>()), .shards = count});
    }
  }
  return keys;
}

Status ShardKeys::ensure(const Connection& connection, std::string_view collection,
                         const ShardKey& key, const StopToken& stop) {
  const std::pair<std::string, std::string> wanted(collection, key.text);
  const std::lock_guard lock(mutex_);
  if (known_.count(wanted) > 0) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(auto keys, shard_keys_of(connection, collection, stop));
  if (!has(keys, key.text)) {
    Json body = {{"shard_key", shard_key_json(key.text)}};
    if (key.shards > 0) {
      body["shards_number"] = key.shards;
    }
    const auto made = connection.rest({.method = "PUT",
                                       .path = collection_path(collection) + "/shards?timeout=60",
                                       .body = body.dump(),
                                       .timeout = Milliseconds(120000),
                                       .repeat = Repeat::kNever},
                                      stop);
    if (!made.ok()) {  // another may have made it, and a time-out is no proof that it was not made
      ARROW_ASSIGN_OR_RAISE(keys, shard_keys_of(connection, collection, stop));
      if (!has(keys, key.text)) {
        return made.status();
      }
    }
  }
  known_.insert(wanted);
  return Status::OK();
}

void ShardKeys::forget(std::string_view collection) {
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [&](const auto& entry) { return entry.first == collection; });
}

}  // namespace vecferry::remote
