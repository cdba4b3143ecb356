#include "vecferry/routes/shard_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "vecferry/routes/sip_hash.h"

namespace vecferry {
namespace {

static_assert(std::endian::native == std::endian::little, "ids are hashed as they lie in memory");

constexpr uint32_t kNodesPerShard = 100;
// How the server's hasher is told which kind of id it is, and of a UUID how long it is.
constexpr uint64_t kNumber = 0;
constexpr uint64_t kUuid = 1;

uint64_t hash_of(const PointId& id) {
  SipHash hash;
  if (!id.is_uuid) {
    hash.add(kNumber);
    hash.add(id.number);
    return hash.value();
  }
  hash.add(kUuid);
  hash.add(sizeof(Uuid));
  uint64_t half = 0;
  std::memcpy(&half, id.uuid.data(), sizeof half);
  hash.add(half);
  std::memcpy(&half, id.uuid.data() + sizeof half, sizeof half);
  hash.add(half);
  return hash.value();
}

}  // namespace

ShardRing::ShardRing(std::span<const uint32_t> shards) {
  nodes_.reserve(shards.size() * kNodesPerShard);
  for (const uint32_t shard : shards) {
    for (uint32_t node = 0; node < kNodesPerShard; ++node) {
      SipHash hash;
      hash.add(uint64_t{node} << 32U | shard);
      nodes_.push_back({.hash = hash.value(), .shard = shard});
    }
  }
  std::sort(nodes_.begin(), nodes_.end(),
            [](const Node& a, const Node& b) { return a.hash < b.hash; });
}

uint32_t ShardRing::shard_of(const PointId& id) const {
  const uint64_t hash = hash_of(id);
  const auto found = std::lower_bound(nodes_.begin(), nodes_.end(), hash,
                                      [](const Node& node, uint64_t h) { return node.hash < h; });
  return found != nodes_.end() ? found->shard : nodes_.front().shard;
}

Result<ShardRouter> ShardRouter::make(std::span<const ShardInfo> shards) {
  std::map<std::optional<std::string>, std::vector<uint32_t>> by_key;
  for (const auto& shard : shards) {
    by_key[shard.key].push_back(shard.id);
  }
  if (by_key.count(std::nullopt) > 0 && by_key.size() > 1) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "some shards of the collection have a shard key and some have none",
                 .next = "--route stream leaves the placing to the server"});
  }
  ShardRouter router;
  for (const auto& [key, ids] : by_key) {
    router.rings_.emplace(key, ShardRing(ids));
  }
  return router;
}

std::optional<uint32_t> ShardRouter::shard_of(const PointId& id,
                                              std::optional<std::string_view> key) const {
  const auto found = rings_.find(key);
  return found == rings_.end() ? std::nullopt : std::optional(found->second.shard_of(id));
}

std::vector<uint32_t> ShardRouter::shards_of(const PointId& id) const {
  std::vector<uint32_t> shards;
  for (const auto& ring : rings_) {
    shards.push_back(ring.second.shard_of(id));
  }
  return shards;
}

}  // namespace vecferry
