#include "vecferry/wire/requests.h"

#include <points.pb.h>

#include <nlohmann/json.hpp>

#include "vecferry/model/shard_key.h"
#include "vecferry/wire/grpc_filter.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;
using Names = std::optional<std::vector<std::string>>;

Json json_of(const PointId& id) {
  return id.is_uuid ? Json(to_string(id)) : Json(id.number);
}

Json json_of(const std::vector<PointId>& ids) {
  Json list = Json::array();
  for (const auto& id : ids) {
    list.push_back(json_of(id));
  }
  return list;
}

Json vectors_json(const Names& names) {
  if (!names) {
    return true;
  }
  return names->empty() ? Json(false) : Json(*names);
}

void add_shard_key(const std::optional<std::string>& text, Json* body) {
  if (text) {
    const auto key = parse_shard_key(*text);
    const auto* number = std::get_if<uint64_t>(&key);
    (*body)["shard_key"] = number != nullptr ? Json(*number) : Json(std::get<std::string>(key));
  }
}

void add_filter(const std::string& filter, Json* body) {
  if (!filter.empty()) {
    (*body)["filter"] = Json::parse(filter, nullptr, false);
  }
}

void set_id(const PointId& id, qdrant::PointId* message) {
  if (id.is_uuid) {
    message->set_uuid(to_string(id));
  } else {
    message->set_num(id.number);
  }
}

template <typename Message>
void set_vectors(const Names& names, Message* message) {
  auto* selector = message->mutable_with_vectors();
  if (!names || names->empty()) {
    selector->set_enable(!names);
    return;
  }
  for (const auto& name : *names) {
    selector->mutable_include()->add_names(name);
  }
}

template <typename Message>
void set_shard_key(const std::optional<std::string>& text, Message* message) {
  if (!text) {
    return;
  }
  const auto key = parse_shard_key(*text);
  auto* added = message->mutable_shard_key_selector()->add_shard_keys();
  if (const auto* number = std::get_if<uint64_t>(&key)) {
    added->set_number(*number);
  } else {
    added->set_keyword(std::get<std::string>(key));
  }
}

template <typename Message>
Status set_filter(const std::string& filter, Message* message) {
  return filter.empty() ? Status::OK() : read_filter(filter, message->mutable_filter());
}

}  // namespace

std::string scroll_body(const ScrollRequest& request) {
  Json body = {{"limit", request.limit},
               {"with_payload", request.payload},
               {"with_vector", vectors_json(request.vectors)}};
  if (request.offset) {
    body["offset"] = json_of(*request.offset);
  }
  add_filter(request.filter_json, &body);
  add_shard_key(request.shard_key, &body);
  return body.dump();
}

Status fill(const ScrollRequest& request, qdrant::ScrollPoints* message) {
  message->set_collection_name(request.collection);
  message->set_limit(request.limit);
  message->mutable_with_payload()->set_enable(request.payload);
  set_vectors(request.vectors, message);
  set_shard_key(request.shard_key, message);
  if (request.offset) {
    set_id(*request.offset, message->mutable_offset());
  }
  if (request.timeout_s) {
    message->set_timeout(*request.timeout_s);
  }
  return set_filter(request.filter_json, message);
}

std::string retrieve_body(const RetrieveRequest& request) {
  Json body = {{"ids", json_of(request.ids)},
               {"with_payload", request.payload},  // absent is false here, and true in a scroll
               {"with_vector", vectors_json(request.vectors)}};
  add_shard_key(request.shard_key, &body);
  return body.dump();
}

Status fill(const RetrieveRequest& request, qdrant::GetPoints* message) {
  message->set_collection_name(request.collection);
  for (const auto& id : request.ids) {
    set_id(id, message->add_ids());
  }
  message->mutable_with_payload()->set_enable(request.payload);
  set_vectors(request.vectors, message);
  set_shard_key(request.shard_key, message);
  return Status::OK();
}

std::string count_body(const CountRequest& request) {
  Json body = {{"exact", true}};
  add_filter(request.filter_json, &body);
  add_shard_key(request.shard_key, &body);
  return body.dump();
}

Status fill(const CountRequest& request, qdrant::CountPoints* message) {
  message->set_collection_name(request.collection);
  message->set_exact(true);
  set_shard_key(request.shard_key, message);
  return set_filter(request.filter_json, message);
}

std::string delete_body(const DeleteRequest& request) {
  Json body = {{"points", json_of(request.ids)}};
  add_shard_key(request.shard_key, &body);
  return body.dump();
}

Status fill(const DeleteRequest& request, qdrant::DeletePoints* message) {
  message->set_collection_name(request.collection);
  if (request.wait) {
    message->set_wait(true);
  }
  auto* ids = message->mutable_points()->mutable_points();
  for (const auto& id : request.ids) {
    set_id(id, ids->add_ids());
  }
  set_shard_key(request.shard_key, message);
  return Status::OK();
}

}  // namespace vecferry::wire
