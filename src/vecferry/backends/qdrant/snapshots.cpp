#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "vecferry/backends/qdrant/shard_keys_internal.h"
#include "vecferry/backends/qdrant/snapshots_internal.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

using Json = nlohmann::json;

// A tar ends with two blocks of zeros; an error in the middle of a stream only cuts it short.
constexpr size_t kEndOfTar = 1024;
constexpr size_t kLeastTar = 2 * kEndOfTar;
// So many random ids for each shard: one without any is as good as impossible.
constexpr size_t kTriesPerShard = 8;

std::string shard_path(std::string_view collection, uint32_t shard) {
  return fmt::format("{}/shards/{}", collection_path(collection), shard);
}

Status not_whole(const Connection& node, std::string_view collection, std::string what,
                 std::string next = "--route stream needs no snapshots") {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = std::move(what),
               .where = node.place_of(collection),
               .next = std::move(next)});
}

// Of a request that was to fail: for want of a right, or because nobody answered? What else the
// server says to it is well.
Status refusal(const RestAttempt& answer, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  const bool answered = answer.reply.status != 0;
  return answered && kind_of(answer.attempt.status) != ErrorKind::kRefused ? Status::OK()
                                                                           : answer.attempt.status;
}

// Remembers the last bytes of what passes through.
class Tail {
 public:
  void add(std::string_view piece) {
    size_ += piece.size();
    if (piece.size() >= kEndOfTar) {
      tail_.assign(piece.substr(piece.size() - kEndOfTar));
      return;
    }
    tail_.append(piece);
    if (tail_.size() > kEndOfTar) {
      tail_.erase(0, tail_.size() - kEndOfTar);
    }
  }

  bool whole() const {
    return size_ >= kLeastTar &&
           std::all_of(tail_.begin(), tail_.end(), [](char c) { return c == 0; });
  }

 private:
  uint64_t size_ = 0;
  std::string tail_;
};

std::string random_uuid(std::random_device& source) {
  return fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:08x}{:04x}", source(), source() & 0xffffU,
                     source() & 0xfffU, source() & 0xfffU, source(), source() & 0xffffU);
}

}  // namespace

QdrantSnapshots::QdrantSnapshots(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

SnapshotKind QdrantSnapshots::kind() const {
  const auto& version = connection_->features().version;
  return {.place = connection_->endpoint().rest_url,
          .generation = fmt::format("{}.{}", version.major, version.minor)};
}

// A server looks at rights first, and only then for the shard.
Status QdrantSnapshots::may_read(std::string_view collection, StopToken stop) {
  if (!connection_->features().shard_snapshot_stream) {
    return not_whole(*connection_, collection,
                     fmt::format("a server of version {} does not stream shards",
                                 wire::to_string(connection_->features().version)));
  }
  const auto answer =
      connection_->rest_once({.path = shard_path(collection, UINT32_MAX) + "/snapshot"}, stop);
  return refusal(answer, stop);
}

Status QdrantSnapshots::may_write(StopToken stop) {
  // No server has such a collection, so nothing is recovered.
  const auto answer = connection_->rest_once(
      {.method = "PUT",
       .path = shard_path("vecferry.no-such-collection", 0) + "/snapshots/recover",
       .body = R"({"location":"none.snapshot"})",
       .repeat = Repeat::kNever},
      stop);
  return refusal(answer, stop);
}

Result<std::vector<ShardInfo>> QdrantSnapshots::shards(std::string_view collection,
                                                       StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto placement, place(collection, stop));
  return std::move(placement.shards);
}

Result<QdrantSnapshots::Placement> QdrantSnapshots::place(std::string_view collection,
                                                          const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(
      const auto text, connection_->rest({.path = collection_path(collection) + "/cluster"}, stop));
  ARROW_ASSIGN_OR_RAISE(const auto cluster, wire::cluster_of(text));
  if (cluster.transfers > 0 || cluster.resharding > 0) {
    return not_whole(*connection_, collection, "its shards are just being moved between nodes");
  }
  std::map<uint32_t, ShardInfo> shards;
  std::set<std::pair<uint32_t, uint64_t>> seen;
  Placement placement;
  for (const auto& replica : cluster.replicas) {
    shards.try_emplace(replica.shard_id,
                       ShardInfo{.id = replica.shard_id, .key = replica.shard_key});
    if (!seen.emplace(replica.shard_id, replica.peer_id).second) {
      continue;  // a node tells of its own replica twice
    }
    ARROW_ASSIGN_OR_RAISE(auto holder, node(replica.peer_id, cluster.peer_id, stop));
    if (replica.state == "Active" && holder != nullptr) {
      placement.holders[replica.shard_id].push_back(std::move(holder));
    } else {
      placement.out_of_reach.insert(replica.shard_id);
    }
  }
  for (auto& [id, shard] : shards) {
    if (placement.holders.count(id) == 0) {
      return not_whole(
          *connection_, collection,
          fmt::format("no node that can be asked has an active replica of shard {}{}", id, away_),
          away_.empty() ? "list the cluster's nodes in vecferry.toml: nodes = [\"http://…\", …]; "
                          "--route stream needs none"
                        : "bring the node back, or take --route stream");
    }
    placement.shards.push_back(std::move(shard));
  }
  return placement;
}

Result<std::vector<QdrantSnapshots::Node>> QdrantSnapshots::holders_of(Placement placement,
                                                                       std::string_view collection,
                                                                       uint32_t shard) const {
  const auto found = placement.holders.find(shard);
  if (found == placement.holders.end()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no shard {}", shard),
                 .where = connection_->place_of(collection)});
  }
  return std::move(found->second);
}

Result<std::vector<QdrantSnapshots::Node>> QdrantSnapshots::some_holders_of(
    std::string_view collection, uint32_t shard, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto placement, place(collection, stop));
  return holders_of(std::move(placement), collection, shard);
}

// Nothing carries a shard that was put in place on to its other replicas: those would keep what
// they have, for good.
Result<std::vector<QdrantSnapshots::Node>> QdrantSnapshots::all_holders_of(
    std::string_view collection, uint32_t shard, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto placement, place(collection, stop));
  if (placement.out_of_reach.count(shard) > 0) {
    return not_whole(
        *connection_, collection,
        fmt::format("shard {} has a replica that cannot be filled: its node is not named, or not "
                    "active{}",
                    shard, away_),
        "list all of the cluster's nodes in vecferry.toml: nodes = [\"http://…\", …]; --route "
        "stream needs none");
  }
  return holders_of(std::move(placement), collection, shard);
}

Result<QdrantSnapshots::Node> QdrantSnapshots::node(uint64_t peer, uint64_t own_peer,
                                                    const StopToken& stop) {
  const std::lock_guard lock(mutex_);
  if (peer == own_peer) {
    return connection_;
  }
  ARROW_RETURN_NOT_OK(find_nodes(stop));
  const auto found = nodes_.find(peer);
  return found == nodes_.end() ? nullptr : found->second;
}

// Nothing tells a peer's address, so a named one is known by the peer id with which it answers.
Status QdrantSnapshots::find_nodes(const StopToken& stop) {
  if (asked_) {
    return Status::OK();
  }
  for (const auto& url : connection_->options().nodes) {
    QdrantOptions options = connection_->options();
    options.url = url;
    options.transport = Transport::kRest;
    options.nodes.clear();
    const Status known = get_to_know(std::move(options), stop);
    ARROW_RETURN_NOT_OK(poll(stop));
    if (!known.ok()) {  // its shards may be elsewhere, too
      away_ += fmt::format("; {}: {}", url, failure_of(known).what);
    }
  }
  asked_ = true;
  return Status::OK();
}

Status QdrantSnapshots::get_to_know(QdrantOptions options, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto opened, Connection::open(std::move(options), stop));
  ARROW_ASSIGN_OR_RAISE(const auto text, opened->rest({.path = "/cluster"}, stop));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.value("peer_id", Json()).is_number_unsigned()) {
    return fail({.kind = ErrorKind::kIncompatible, .what = "it is no node of a cluster"});
  }
  nodes_.emplace(json["peer_id"].get<uint64_t>(), std::move(opened));
  return Status::OK();
}

Status QdrantSnapshots::read_shard(std::string_view collection, uint32_t shard,
                                   const PieceSink& sink, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto holders, some_holders_of(collection, shard, stop));
  const Connection& node = *holders.front();
  Tail tail;
  Status sunk;
  const auto answer = node.rest_once({.path = shard_path(collection, shard) + "/snapshot",
                                      .timeout = Milliseconds(0),
                                      .repeat = Repeat::kNever,
                                      .stall = node.options().read_timeout,
                                      .sink =
                                          [&](std::string_view piece) {
                                            tail.add(piece);
                                            sunk = sink(piece);
                                            return sunk;
                                          }},
                                     stop);
  ARROW_RETURN_NOT_OK(sunk);
  ARROW_RETURN_NOT_OK(answer.attempt.status);
  if (!tail.whole()) {
    return fail({.kind = ErrorKind::kUnavailable,
                 .what = fmt::format("the snapshot of shard {} was cut short", shard),
                 .where = node.place_of(collection),
                 .next = "look into the server's log, and try again",
                 .retryable = true});
  }
  return Status::OK();
}

// The same file to each holder: then they are equal at once, and nothing needs to be transferred.
Status QdrantSnapshots::write_shard(std::string_view collection, uint32_t shard,
                                    const ShardFile& file, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto holders, all_holders_of(collection, shard, stop));
  for (const auto& holder : holders) {
    ARROW_RETURN_NOT_OK(upload(*holder, collection, shard, file, stop));
  }
  return Status::OK();
}

Status QdrantSnapshots::upload(const Connection& node, std::string_view collection, uint32_t shard,
                               const ShardFile& file, const StopToken& stop) const {
  std::ifstream in(file.path, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(file.path, error);
  if (!in || error) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("cannot read '{}'", file.path.string()),
                 .where = file.path.string()});
  }
  const Upload upload{.field = "snapshot",
                      .file_name = fmt::format("shard-{}.snapshot", shard),
                      .size_bytes = static_cast<int64_t>(size),
                      .read = [&](std::span<char> span) -> Result<size_t> {
                        in.read(span.data(), static_cast<std::streamsize>(span.size()));
                        if (in.bad()) {
                          return fail({.kind = ErrorKind::kIo,
                                       .what = fmt::format("cannot read '{}'", file.path.string()),
                                       .where = file.path.string()});
                        }
                        return static_cast<size_t>(in.gcount());
                      }};
  std::string path = shard_path(collection, shard) + "/snapshots/upload?wait=true&priority=no_sync";
  if (!file.sha256.empty()) {
    path += "&checksum=" + file.sha256;
  }
  return node
      .rest_once({.method = "POST",
                  .path = std::move(path),
                  .timeout = Milliseconds(0),
                  .repeat = Repeat::kNever,
                  .stall = node.options().stall_timeout,
                  .upload = &upload},
                 stop)
      .attempt.status;
}

Status QdrantSnapshots::fetch_shard(std::string_view collection, uint32_t shard,
                                    const ShardAddress& from, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto holders, all_holders_of(collection, shard, stop));
  if (holders.size() > 1) {
    return not_whole(*connection_, collection,
                     fmt::format("shard {} has {} holders, and each would get another moment of it",
                                 shard, holders.size()));
  }
  Json body = {{"location", from.url}, {"priority", "no_sync"}};
  if (!from.api_key.empty()) {
    body["api_key"] = from.api_key;
  }
  const std::string text = body.dump();
  const auto& node = *holders.front();
  return node
      .rest_once({.method = "PUT",
                  .path = shard_path(collection, shard) + "/snapshots/recover?wait=true",
                  .body = text,
                  .timeout = Milliseconds(0),
                  .repeat = Repeat::kNever,
                  .stall = node.options().stall_timeout},
                 stop)
      .attempt.status;
}

Result<ShardAddress> QdrantSnapshots::address_of(std::string_view collection, uint32_t shard,
                                                 StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto holders, some_holders_of(collection, shard, stop));
  const auto& node = *holders.front();
  const auto& options = node.options();
  return ShardAddress{.url = node.endpoint().rest_url + shard_path(collection, shard) + "/snapshot",
                      .api_key = options.api_key.empty() ? options.bearer_token : options.api_key};
}

Status QdrantSnapshots::prove_writable(std::string_view collection, uint64_t least_operation,
                                       StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto all, shards(collection, stop));
  for (const auto& shard : all) {  // ids that nobody has, some for each shard
    ARROW_RETURN_NOT_OK(try_write(collection, shard, least_operation, stop));
  }
  return Status::OK();
}

// An update whose number is below that of the points is acknowledged, and dropped.
Status QdrantSnapshots::try_write(std::string_view collection, const ShardInfo& shard,
                                  uint64_t least_operation, const StopToken& stop) const {
  std::random_device source;
  for (size_t i = 0; i < kTriesPerShard; ++i) {
    Json body = {{"points", {random_uuid(source)}}};
    if (shard.key) {
      body["shard_key"] = shard_key_json(*shard.key);
    }
    const std::string text = body.dump();
    ARROW_ASSIGN_OR_RAISE(
        const auto result,
        connection_->rest({.method = "POST",
                           .path = collection_path(collection) + "/points/delete?wait=true",
                           .body = text,
                           .timeout = connection_->options().write_timeout},
                          stop));
    ARROW_ASSIGN_OR_RAISE(const auto reply, wire::update_of(result));
    if (reply.operation_id.value_or(least_operation) < least_operation) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("the server would drop later writes: its operation {} is "
                                       "below {}, that of the points",
                                       *reply.operation_id, least_operation),
                   .where = connection_->place_of(collection),
                   .next = "drop the collection and copy it with --route stream"});
    }
  }
  return Status::OK();
}

}  // namespace vecferry::remote
