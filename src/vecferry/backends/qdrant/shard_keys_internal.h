#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/connection_internal.h"

namespace vecferry::remote {

/// The shard keys of a collection, as column text, in the order of their shards.
Result<std::vector<std::string>> shard_keys_of(const Connection& connection,
                                               std::string_view collection, const StopToken& stop);

/// Makes the shard keys that points need; each once, whoever asks.
/// Thread: safe for concurrent use.
class ShardKeys {
 public:
  Status ensure(const Connection& connection, std::string_view collection, std::string_view key,
                const StopToken& stop);
  /// After a collection was dropped.
  void forget(std::string_view collection);

 private:
  std::mutex mutex_;  // held while a key is made: others would only make it too
  std::set<std::pair<std::string, std::string>> known_;  // guarded by mutex_
};

}  // namespace vecferry::remote
