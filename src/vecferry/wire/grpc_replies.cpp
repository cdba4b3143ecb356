#include "vecferry/wire/grpc_replies.h"

#include <collections.pb.h>
#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>
#include <points.pb.h>
#include <snapshots.pb.h>

#include <nlohmann/json.hpp>

#include "vecferry/model/datetime.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;

Status not_a_result(std::string_view why) {
  return fail({.kind = ErrorKind::kInternal, .what = fmt::format("not a result: {}", why)});
}

// Runs `read` on the parsed text; what nlohmann throws is text that is no such result.
template <typename Read>
Status with_json(std::string_view text, const Read& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    return not_a_result(error.what());
  }
}

void set_shard_key(const Json& json, qdrant::ShardKey* key) {
  if (json.is_string()) {
    key->set_keyword(json.get<std::string>());
  } else {
    key->set_number(json.get<uint64_t>());
  }
}

void set_facet_value(const Json& json, qdrant::FacetValue* value) {
  if (json.is_string()) {
    value->set_string_value(json.get<std::string>());
  } else if (json.is_boolean()) {
    value->set_bool_value(json.get<bool>());
  } else {
    value->set_integer_value(json.get<int64_t>());
  }
}

template <typename Shard>
Status set_shard(const Json& json, Shard* shard) {
  shard->set_shard_id(json.at("shard_id").get<uint32_t>());
  qdrant::ReplicaState state = qdrant::Active;
  if (!qdrant::ReplicaState_Parse(json.at("state").get<std::string>(), &state)) {
    return not_a_result(fmt::format("{} is no state of a shard", json.at("state").dump()));
  }
  shard->set_state(state);
  if (const auto key = json.find("shard_key"); key != json.end() && !key->is_null()) {
    set_shard_key(*key, shard->mutable_shard_key());
  }
  return Status::OK();
}

}  // namespace

Status fill(std::string_view result, qdrant::FacetResponse* message) {
  return with_json(result, [&](const Json& json) {
    for (const auto& one : json.at("hits")) {
      auto* hit = message->add_hits();
      set_facet_value(one.at("value"), hit->mutable_value());
      hit->set_count(one.at("count").get<uint64_t>());
    }
    return Status::OK();
  });
}

Status fill(std::string_view result, qdrant::SnapshotDescription* message) {
  return with_json(result, [&](const Json& json) {
    message->set_name(json.at("name").get<std::string>());
    message->set_size(json.at("size").get<int64_t>());
    if (const auto time = json.find("creation_time"); time != json.end() && time->is_string()) {
      const auto microseconds = parse_datetime(time->get<std::string>());
      if (!microseconds) {
        return not_a_result("creation_time is no date");
      }
      *message->mutable_creation_time() =
          google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(*microseconds);
    }
    if (const auto sum = json.find("checksum"); sum != json.end() && sum->is_string()) {
      message->set_checksum(sum->get<std::string>());
    }
    return Status::OK();
  });
}

Status fill(std::string_view result, qdrant::CollectionClusterInfoResponse* message) {
  return with_json(result, [&](const Json& json) {
    message->set_peer_id(json.at("peer_id").get<uint64_t>());
    message->set_shard_count(json.at("shard_count").get<uint64_t>());
    for (const auto& shard : json.at("local_shards")) {
      auto* local = message->add_local_shards();
      ARROW_RETURN_NOT_OK(set_shard(shard, local));
      local->set_points_count(shard.at("points_count").get<uint64_t>());
    }
    for (const auto& shard : json.at("remote_shards")) {
      auto* remote = message->add_remote_shards();
      ARROW_RETURN_NOT_OK(set_shard(shard, remote));
      remote->set_peer_id(shard.at("peer_id").get<uint64_t>());
    }
    return Status::OK();
  });
}

Status fill(std::string_view result, qdrant::ListShardKeysResponse* message) {
  return with_json(result, [&](const Json& json) {
    if (const auto keys = json.find("shard_keys"); keys != json.end()) {
      for (const auto& key : *keys) {
        set_shard_key(key.at("key"), message->add_shard_keys()->mutable_key());
      }
    }
    return Status::OK();
  });
}

}  // namespace vecferry::wire
