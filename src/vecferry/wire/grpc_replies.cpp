#include "vecferry/wire/grpc_replies.h"

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

void set_facet_value(const Json& json, qdrant::FacetValue* value) {
  if (json.is_string()) {
    value->set_string_value(json.get<std::string>());
  } else if (json.is_boolean()) {
    value->set_bool_value(json.get<bool>());
  } else {
    value->set_integer_value(json.get<int64_t>());
  }
}

}  // namespace

Status fill(std::string_view result, qdrant::FacetResponse* message) {
  try {
    const Json json = Json::parse(result);
    for (const auto& one : json.at("hits")) {
      auto* hit = message->add_hits();
      set_facet_value(one.at("value"), hit->mutable_value());
      hit->set_count(one.at("count").get<uint64_t>());
    }
    return Status::OK();
  } catch (const Json::exception& error) {
    return not_a_result(error.what());
  }
}

Status fill(const SnapshotInfo& snapshot, qdrant::SnapshotDescription* message) {
  message->set_name(snapshot.name);
  message->set_size(static_cast<int64_t>(snapshot.size_bytes));
  if (!snapshot.created.empty()) {
    const auto microseconds = parse_datetime(snapshot.created);
    if (!microseconds) {
      return not_a_result("a snapshot was made at '" + snapshot.created + "'");
    }
    *message->mutable_creation_time() =
        google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(*microseconds);
  }
  if (!snapshot.sha256.empty()) {
    message->set_checksum(snapshot.sha256);
  }
  return Status::OK();
}

}  // namespace vecferry::wire
