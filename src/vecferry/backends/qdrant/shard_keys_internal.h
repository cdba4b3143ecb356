#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/model/config.h"

namespace vecferry::remote {

struct ShardKey {
  std::string text{};   ///< as column text
  uint64_t shards = 0;  ///< 0: as many as the collection's `shard_number` says
};

/// A key as requests have it, from its column text.
nlohmann::json shard_key_json(const std::string& text);

/// The shard keys of a collection, in the order of their shards.
Result<std::vector<ShardKey>> shard_keys_of(const Connection& connection,
                                            std::string_view collection, const StopToken& stop);

/// Collection info does not tell them, so in a configuration they stand in the settings, as
/// `params.shard_keys`, and a key without points travels, too.
Status note_shard_keys(const std::vector<ShardKey>& keys, CollectionConfig* config);
std::vector<ShardKey> noted_shard_keys(const CollectionConfig& config);

/// Makes the shard keys that points need; each once, whoever asks.
/// Thread: safe for concurrent use.
class ShardKeys {
 public:
  Status ensure(const Connection& connection, std::string_view collection, const ShardKey& key,
                const StopToken& stop);
  /// After a collection was dropped.
  void forget(std::string_view collection);

 private:
  std::mutex mutex_;  // held while a key is made: others would only make it too
  std::set<std::pair<std::string, std::string>> known_;  // guarded by mutex_
};

}  // namespace vecferry::remote
