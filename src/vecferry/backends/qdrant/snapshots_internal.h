#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backend/snapshot_store.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/wire/rest_replies.h"

namespace vecferry::remote {

/// Shards of a deployment as files, over REST. What only a node itself can do is asked of that
/// node: of the one we talk to, or of those that `nodes` names, told apart by their peer ids.
/// Thread: safe for concurrent use.
class QdrantSnapshots : public SnapshotStore {
 public:
  explicit QdrantSnapshots(std::shared_ptr<Connection> connection);

  SnapshotKind kind() const override;
  Status may_read(std::string_view collection, StopToken stop) override;
  Status may_write(StopToken stop) override;
  Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) override;
  Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                    StopToken stop) override;
  Status write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                     StopToken stop) override;
  Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                     StopToken stop) override;
  Result<ShardAddress> address_of(std::string_view collection, uint32_t shard,
                                  StopToken stop) override;
  Status prove_writable(std::string_view collection, uint64_t least_operation,
                        StopToken stop) override;

 private:
  using Node = std::shared_ptr<Connection>;
  /// Where each shard's active replicas are, as far as their nodes can be asked.
  struct Placement {
    std::vector<ShardInfo> shards{};
    std::map<uint32_t, std::vector<Node>> holders{};
    std::set<uint32_t> out_of_reach{};  ///< with a replica that is not among the holders
  };

  Result<Placement> place(std::string_view collection, const StopToken& stop);
  Result<std::vector<Node>> holders_of(Placement placement, std::string_view collection,
                                       uint32_t shard) const;
  /// To read from: at least one.
  Result<std::vector<Node>> some_holders_of(std::string_view collection, uint32_t shard,
                                            const StopToken& stop);
  /// To write to: every replica there is.
  Result<std::vector<Node>> all_holders_of(std::string_view collection, uint32_t shard,
                                           const StopToken& stop);
  /// The node with this peer id; null when nobody named it.
  Result<Node> node(uint64_t peer, uint64_t own_peer, const StopToken& stop);
  Status find_nodes(const StopToken& stop);
  Status get_to_know(QdrantOptions options, const StopToken& stop);
  Status upload(const Connection& node, std::string_view collection, uint32_t shard,
                const ShardFile& file, const StopToken& stop) const;
  Status try_write(std::string_view collection, const ShardInfo& shard, uint64_t least_operation,
                   const StopToken& stop) const;

  std::shared_ptr<Connection> connection_;
  std::mutex mutex_;
  bool asked_ = false;              // guarded by mutex_
  std::map<uint64_t, Node> nodes_;  // by peer id; guarded by mutex_
  std::string away_;                // of the named ones that do not answer, in words; likewise
};

}  // namespace vecferry::remote
