#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/base/error.h"

/// Small replies of REST: each takes the text of `result` (wire/server_errors.h, `result_of`).
/// Errors: kCorrupt for what is no such reply.
namespace vecferry::wire {

/// GET / is the one reply without an envelope: its whole body.
Result<std::string> version_of(std::string_view body);

/// GET /collections.
Result<std::vector<std::string>> collection_names(std::string_view result);

/// GET /aliases, GET /collections/{c}/aliases: alias and collection.
Result<std::vector<std::pair<std::string, std::string>>> alias_pairs(std::string_view result);

/// GET /collections/{c}/exists.
Result<bool> exists_of(std::string_view result);

/// POST …/points/count.
Result<uint64_t> count_of(std::string_view result);

/// The plain `true` or `false` of collection operations.
Result<bool> flag_of(std::string_view result);

enum class UpdateStatus { kAcknowledged, kCompleted, kWaitTimeout };

struct UpdateReply {
  std::optional<uint64_t> operation_id{};  ///< per shard; of several the greatest
  UpdateStatus status = UpdateStatus::kAcknowledged;
};
/// Point writes and index operations. `clock_rejected` is as good as acknowledged.
Result<UpdateReply> update_of(std::string_view result);

struct SnapshotInfo {
  std::string name{};
  std::string created{};  ///< UTC, "2026-11-23T02:14:24"; empty: not said
  uint64_t size_bytes = 0;
  std::string sha256{};  ///< empty before 1.8
};
Result<SnapshotInfo> snapshot_of(std::string_view result);
Result<std::vector<SnapshotInfo>> snapshots_of(std::string_view result);

struct ShardReplica {
  uint32_t shard_id = 0;
  std::optional<std::string> shard_key{};  ///< as column text (model/shard_key.h)
  uint64_t peer_id = 0;
  std::string state{};                     ///< "Active", "Dead", …
  std::optional<uint64_t> points_count{};  ///< local ones only, approximate
};

struct CollectionCluster {
  uint64_t peer_id = 0;  ///< of the node that answered
  uint64_t shard_count = 0;
  std::vector<ShardReplica> replicas{};  ///< its own first
  size_t transfers = 0;
  size_t resharding = 0;
};
/// GET /collections/{c}/cluster; also valid for a node without a cluster.
Result<CollectionCluster> cluster_of(std::string_view result);

}  // namespace vecferry::wire
