#pragma once

#include <shared_mutex>
#include <string>
#include <string_view>

#include "vecferry/server/bodies_internal.h"
#include "vecferry/server/collection.h"

namespace vecferry::server {

/// A call's hold on the shard: as long as it lives, nobody closes or replaces it.
class Collection::Use {
 public:
  std::shared_lock<std::shared_mutex> lock;
  local::SharedShard shard;
};

/// What the engine says of a shard.
Result<Json> shard_info(const engine::Shard& shard);

/// An operation of `points/batch` that the collection takes.
/// Errors: kUsage in Qdrant's words.
Result<std::string> checked_operation(std::string_view operation, const CollectionConfig& config);

/// The index under the path as it is printed.
/// Errors: kUsage for a text that is no path.
Result<PayloadIndex> as_indexed(PayloadIndex index);

/// Errors: kUsage for a query that the engine reads in another way than Qdrant, or not at all.
Status check_query(const Json& body);

}  // namespace vecferry::server
