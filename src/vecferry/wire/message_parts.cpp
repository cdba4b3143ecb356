#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "vecferry/model/point_id.h"
#include "vecferry/wire/grpc_filter.h"
#include "vecferry/wire/message_json_internal.h"
#include "vecferry/wire/message_parts_internal.h"

namespace vecferry::wire {

using Json = nlohmann::json;

Status refuse_message(std::string words) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(words)});
}

Result<Json> id_json(const qdrant::PointId& id) {
  if (id.has_num()) {
    return id.num();
  }
  if (!id.has_uuid()) {
    return refuse_message("Empty ID is not allowed");
  }
  if (!parse_uuid(id.uuid())) {
    return refuse_message("Unable to parse UUID: " + id.uuid());
  }
  return id.uuid();
}

Result<Json> ids_json(const google::protobuf::RepeatedPtrField<qdrant::PointId>& ids) {
  Json list = Json::array();
  for (const auto& id : ids) {
    ARROW_ASSIGN_OR_RAISE(Json json, id_json(id));
    list.push_back(std::move(json));
  }
  return list;
}

Json floats_json(const google::protobuf::RepeatedField<float>& values) {
  Json list = Json::array();
  for (const float value : values) {
    list.push_back(static_cast<double>(value));
  }
  return list;
}

Json dense_json(const qdrant::DenseVector& vector) {
  return floats_json(vector.data());
}

Json sparse_json(const qdrant::SparseVector& vector) {
  Json indices = Json::array();
  for (const uint32_t index : vector.indices()) {
    indices.push_back(index);
  }
  return Json{{"indices", std::move(indices)}, {"values", floats_json(vector.values())}};
}

Json multi_json(const qdrant::MultiDenseVector& vector) {
  Json list = Json::array();
  for (const auto& inner : vector.vectors()) {
    list.push_back(dense_json(inner));
  }
  return list;
}

namespace {

Result<Json> old_vector_json(const qdrant::Vector& vector) {
  Json values = floats_json(vector.data());
  if (vector.has_indices()) {
    Json indices = Json::array();
    for (const uint32_t index : vector.indices().data()) {
      indices.push_back(index);
    }
    return Json{{"indices", std::move(indices)}, {"values", std::move(values)}};
  }
  if (!vector.has_vectors_count()) {
    return values;
  }
  const size_t count = vector.vectors_count();
  if (count == 0 || values.size() % count != 0) {
    return refuse_message("Wrong input: Unable to convert to multi-dense vector");
  }
  const auto width = static_cast<std::ptrdiff_t>(values.size() / count);
  Json list = Json::array();
  for (auto at = values.begin(); at != values.end(); at += width) {
    list.push_back(Json(std::vector<Json>(at, at + width)));
  }
  return list;
}

}  // namespace

Result<Json> vector_json(const qdrant::Vector& vector) {
  switch (vector.vector_case()) {
    case qdrant::Vector::kDense:
      return dense_json(vector.dense());
    case qdrant::Vector::kSparse:
      return sparse_json(vector.sparse());
    case qdrant::Vector::kMultiDense:
      return multi_json(vector.multi_dense());
    case qdrant::Vector::kDocument:
    case qdrant::Vector::kImage:
    case qdrant::Vector::kObject:
      return refuse_message(
          "Wrong input: inference of vectors from text, images or objects is not available here");
    case qdrant::Vector::VECTOR_NOT_SET:
      break;
  }
  return old_vector_json(vector);
}

Result<Json> vectors_json(const qdrant::Vectors& vectors) {
  if (vectors.has_vector()) {
    return vector_json(vectors.vector());
  }
  if (!vectors.has_vectors()) {
    return refuse_message("No Vector Provided");
  }
  Json named = Json::object();
  for (const auto& [name, vector] : vectors.vectors().vectors()) {
    ARROW_ASSIGN_OR_RAISE(named[name], vector_json(vector));
  }
  return named;
}

Result<Json> filter_json(const qdrant::Filter& filter) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, filter_json_of(filter));
  return Json::parse(text, nullptr, false);
}

Result<Json> payload_json(const google::protobuf::Map<std::string, qdrant::Value>& payload) {
  Json json = Json::object();
  for (const auto& [key, value] : payload) {
    ARROW_ASSIGN_OR_RAISE(json[key], json_of(value));
  }
  return json;
}

Result<Json> order_by_json(const qdrant::OrderBy& order) {
  Json json = {{"key", order.key()}};
  if (order.has_direction()) {
    if (!qdrant::Direction_IsValid(order.direction())) {
      return refuse_message("Bad request: Cannot convert direction");
    }
    json["direction"] = order.direction() == qdrant::Asc ? "asc" : "desc";
  }
  if (!order.has_start_from()) {
    return json;
  }
  const auto& start = order.start_from();
  switch (start.value_case()) {
    case qdrant::StartFrom::kFloat:
      json["start_from"] = start.float_();
      break;
    case qdrant::StartFrom::kInteger:
      json["start_from"] = start.integer();
      break;
    case qdrant::StartFrom::kTimestamp:
      json["start_from"] = google::protobuf::util::TimeUtil::ToString(start.timestamp());
      break;
    case qdrant::StartFrom::kDatetime:
      json["start_from"] = start.datetime();
      break;
    case qdrant::StartFrom::VALUE_NOT_SET:
      break;
  }
  return json;
}

Result<Json> shard_key_json(const qdrant::ShardKey& key) {
  if (key.has_keyword()) {
    return key.keyword();
  }
  if (key.has_number()) {
    return key.number();
  }
  return refuse_message("ShardKey.key cannot be empty");
}

Result<Json> shard_key_json(const qdrant::ShardKeySelector& selector) {
  Json keys = Json::array();
  for (const auto& key : selector.shard_keys()) {
    ARROW_ASSIGN_OR_RAISE(Json json, shard_key_json(key));
    keys.push_back(std::move(json));
  }
  if (selector.has_fallback()) {
    if (keys.size() != 1) {
      return refuse_message("Wrong input: A fallback shard key goes with exactly one target");
    }
    ARROW_ASSIGN_OR_RAISE(Json fallback, shard_key_json(selector.fallback()));
    return Json{{"target", keys[0]}, {"fallback", std::move(fallback)}};
  }
  return keys.size() == 1 ? keys[0] : keys;
}

namespace {

template <typename Names>
Json names_json(const Names& names) {
  Json list = Json::array();
  for (const auto& name : names) {
    list.push_back(name);
  }
  return list;
}

}  // namespace

Json with_payload_json(const qdrant::WithPayloadSelector& selector) {
  if (selector.has_include()) {
    return Json{{"include", names_json(selector.include().fields())}};
  }
  if (selector.has_exclude()) {
    return Json{{"exclude", names_json(selector.exclude().fields())}};
  }
  return selector.enable();
}

Json with_vectors_json(const qdrant::WithVectorsSelector& selector) {
  return selector.has_include() ? names_json(selector.include().names()) : Json(selector.enable());
}

std::string body_text(const Json& body) {
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vecferry::wire
