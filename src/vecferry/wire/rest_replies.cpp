#include "vecferry/wire/rest_replies.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vecferry/model/shard_key.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;

Status not_a(std::string_view what) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("not a Qdrant reply: no {}", what),
               .next = "check that the address is a Qdrant REST port"});
}

// Read with `read`; whatever does not fit on the way is one error.
template <typename T, typename Read>
Result<T> read_as(std::string_view text, std::string_view what, Read read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception&) {
    return not_a(what);
  }
}

SnapshotInfo snapshot(const Json& json) {
  SnapshotInfo info;
  info.name = json.at("name").get<std::string>();
  info.size_bytes = json.at("size").get<uint64_t>();
  for (const auto& [key, into] :
       {std::pair("creation_time", &info.created), std::pair("checksum", &info.sha256)}) {
    if (json.contains(key) && json[key].is_string()) {
      *into = json[key].get<std::string>();
    }
  }
  return info;
}

ShardReplica replica(const Json& json, uint64_t own_peer) {
  ShardReplica replica;
  replica.shard_id = json.at("shard_id").get<uint32_t>();
  replica.peer_id = json.value("peer_id", own_peer);
  replica.state = json.at("state").get<std::string>();
  if (json.contains("points_count")) {
    replica.points_count = json["points_count"].get<uint64_t>();
  }
  if (json.contains("shard_key") && !json["shard_key"].is_null()) {
    const Json& key = json["shard_key"];
    replica.shard_key = key.is_string() ? shard_key_text(key.get<std::string>())
                                        : shard_key_text(key.get<uint64_t>());
  }
  return replica;
}

size_t length_of(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_array() ? json[key].size() : 0;
}

}  // namespace

Result<std::string> version_of(std::string_view body) {
  return read_as<std::string>(
      body, "version", [](const Json& json) { return json.at("version").get<std::string>(); });
}

Result<std::vector<std::string>> collection_names(std::string_view result) {
  return read_as<std::vector<std::string>>(result, "list of collections", [](const Json& json) {
    std::vector<std::string> names;
    for (const auto& entry : json.at("collections")) {
      names.push_back(entry.at("name").get<std::string>());
    }
    return names;
  });
}

Result<std::vector<std::pair<std::string, std::string>>> alias_pairs(std::string_view result) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  return read_as<Pairs>(result, "list of aliases", [](const Json& json) {
    Pairs pairs;
    for (const auto& entry : json.at("aliases")) {
      pairs.emplace_back(entry.at("alias_name").get<std::string>(),
                         entry.at("collection_name").get<std::string>());
    }
    return pairs;
  });
}

Result<bool> exists_of(std::string_view result) {
  return read_as<bool>(result, "answer whether it exists",
                       [](const Json& json) { return json.at("exists").get<bool>(); });
}

Result<uint64_t> count_of(std::string_view result) {
  return read_as<uint64_t>(result, "count",
                           [](const Json& json) { return json.at("count").get<uint64_t>(); });
}

Result<bool> flag_of(std::string_view result) {
  return read_as<bool>(result, "true or false", [](const Json& json) { return json.get<bool>(); });
}

Result<UpdateReply> update_of(std::string_view result) {
  std::string status;
  ARROW_ASSIGN_OR_RAISE(auto reply,
                        read_as<UpdateReply>(result, "result of an update", [&](const Json& json) {
                          UpdateReply read;
                          status = json.at("status").get<std::string>();
                          if (json.contains("operation_id") && !json["operation_id"].is_null()) {
                            read.operation_id = json["operation_id"].get<uint64_t>();
                          }
                          return read;
                        }));
  if (status == "completed") {
    reply.status = UpdateStatus::kCompleted;
  } else if (status == "wait_timeout") {
    reply.status = UpdateStatus::kWaitTimeout;
  } else if (status != "acknowledged" && status != "clock_rejected") {
    return not_a("known status of an update");
  }
  return reply;
}

Result<SnapshotInfo> snapshot_of(std::string_view result) {
  return read_as<SnapshotInfo>(result, "snapshot", snapshot);
}

Result<std::vector<SnapshotInfo>> snapshots_of(std::string_view result) {
  return read_as<std::vector<SnapshotInfo>>(result, "list of snapshots", [](const Json& json) {
    std::vector<SnapshotInfo> list;
    for (const auto& entry : json.get_ref<const Json::array_t&>()) {
      list.push_back(snapshot(entry));
    }
    return list;
  });
}

Result<CollectionCluster> cluster_of(std::string_view result) {
  return read_as<CollectionCluster>(result, "cluster information", [](const Json& json) {
    CollectionCluster cluster;
    cluster.peer_id = json.at("peer_id").get<uint64_t>();
    cluster.shard_count = json.at("shard_count").get<uint64_t>();
    for (const char* key : {"local_shards", "remote_shards"}) {
      for (const auto& shard : json.at(key)) {
        cluster.replicas.push_back(replica(shard, cluster.peer_id));
      }
    }
    cluster.transfers = length_of(json, "shard_transfers");
    cluster.resharding = length_of(json, "resharding_operations");
    return cluster;
  });
}

}  // namespace vecferry::wire
