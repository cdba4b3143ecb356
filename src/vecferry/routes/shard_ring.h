#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backend/snapshot_store.h"
#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"

/// In which shard of a collection a server looks for a point. A point anywhere else is found by
/// reads, doubled by an upsert and missed by a delete.
namespace vecferry {

/// The consistent hash ring over some shards: a hundred nodes for each, a point belongs to the
/// first node that is not below its own hash.
/// Thread: safe for concurrent use once made.
class ShardRing {
 public:
  /// `shards`: at least one.
  explicit ShardRing(std::span<const uint32_t> shards);

  uint32_t shard_of(const PointId& id) const;

 private:
  struct Node {
    uint64_t hash = 0;
    uint32_t shard = 0;
  };
  std::vector<Node> nodes_;  // by hash
};

/// The rings of a collection: one, or with custom sharding one for each shard key.
/// Thread: as ShardRing.
class ShardRouter {
 public:
  /// Errors: kIncompatible for shards of which some have a key and some have none.
  static Result<ShardRouter> make(std::span<const ShardInfo> shards);

  /// None: there is no such key, or a key where there are none, or none where there are keys.
  std::optional<uint32_t> shard_of(const PointId& id,
                                   std::optional<std::string_view> key = std::nullopt) const;
  /// Wherever it may be: with custom sharding once for each key.
  std::vector<uint32_t> shards_of(const PointId& id) const;

 private:
  std::map<std::optional<std::string>, ShardRing, std::less<>> rings_;
};

}  // namespace vecferry
