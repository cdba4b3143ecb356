#pragma once

#include <points.pb.h>

#include <nlohmann/json.hpp>
#include <string>

#include "vecferry/base/error.h"

/// What many requests have in them, as REST says it.
/// Errors: kUsage in Qdrant's words for a part that says nothing.
namespace vecferry::wire {

Status refuse_message(std::string words);

Result<nlohmann::json> id_json(const qdrant::PointId& id);
Result<nlohmann::json> ids_json(const google::protobuf::RepeatedPtrField<qdrant::PointId>& ids);

/// NaN and infinities become null, which no reader of numbers takes.
nlohmann::json floats_json(const google::protobuf::RepeatedField<float>& values);
nlohmann::json dense_json(const qdrant::DenseVector& vector);
nlohmann::json sparse_json(const qdrant::SparseVector& vector);
nlohmann::json multi_json(const qdrant::MultiDenseVector& vector);
/// A vector of a request, in its new or its deprecated form.
Result<nlohmann::json> vector_json(const qdrant::Vector& vector);
/// The unnamed vector, or an object of named ones.
Result<nlohmann::json> vectors_json(const qdrant::Vectors& vectors);

Result<nlohmann::json> filter_json(const qdrant::Filter& filter);
Result<nlohmann::json> payload_json(
    const google::protobuf::Map<std::string, qdrant::Value>& payload);
Result<nlohmann::json> order_by_json(const qdrant::OrderBy& order);

/// A key, or a list of them, or target and fallback.
Result<nlohmann::json> shard_key_json(const qdrant::ShardKeySelector& selector);
Result<nlohmann::json> shard_key_json(const qdrant::ShardKey& key);

nlohmann::json with_payload_json(const qdrant::WithPayloadSelector& selector);
nlohmann::json with_vectors_json(const qdrant::WithVectorsSelector& selector);

/// Text of a body; what is no UTF-8 is replaced.
std::string body_text(const nlohmann::json& body);

}  // namespace vecferry::wire
