#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "vecferry/backends/qdrant/shard_keys_internal.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/rest_replies.h"

namespace vecferry::remote {

Result<std::vector<std::string>> shard_keys_of(const Connection& connection,
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
  std::vector<std::string> keys;
  for (const auto& [shard, key] : by_shard) {  // a key may have several shards
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      keys.push_back(key);
    }
  }
  return keys;
}

Status ShardKeys::ensure(const Connection& connection, std::string_view collection,
                         std::string_view key, const StopToken& stop) {
  const std::pair<std::string, std::string> wanted(collection, key);
  const std::lock_guard lock(mutex_);
  if (known_.count(wanted) > 0) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(auto keys, shard_keys_of(connection, collection, stop));
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
    const auto value = parse_shard_key(key);
    const auto* number = std::get_if<uint64_t>(&value);
    const nlohmann::json body = {{"shard_key", number != nullptr
                                                   ? nlohmann::json(*number)
                                                   : nlohmann::json(std::get<std::string>(value))}};
    const auto made = connection.rest({.method = "PUT",
                                       .path = collection_path(collection) + "/shards?timeout=60",
                                       .body = body.dump(),
                                       .timeout = Milliseconds(120000),
                                       .repeat = Repeat::kNever},
                                      stop);
    if (!made.ok()) {  // another may have made it, and a time-out is no proof that it was not made
      ARROW_ASSIGN_OR_RAISE(keys, shard_keys_of(connection, collection, stop));
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
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
