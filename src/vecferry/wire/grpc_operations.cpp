#include "vecferry/wire/grpc_operations.h"

#include <points.pb.h>

#include <utility>

#include "vecferry/wire/message_parts_internal.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;
using Operation = qdrant::PointsUpdateOperation;

Status add_selector(const qdrant::PointsSelector& selector, Json* body) {
  if (selector.has_points()) {
    ARROW_ASSIGN_OR_RAISE((*body)["points"], ids_json(selector.points().ids()));
    return Status::OK();
  }
  if (selector.has_filter()) {
    ARROW_ASSIGN_OR_RAISE((*body)["filter"], filter_json(selector.filter()));
    return Status::OK();
  }
  return refuse_message("Malformed PointsSelector type");
}

template <typename Message>
Status add_shard_key(const Message& message, Json* body) {
  if (message.has_shard_key_selector()) {
    ARROW_ASSIGN_OR_RAISE((*body)["shard_key"], shard_key_json(message.shard_key_selector()));
  }
  return Status::OK();
}

std::string named(const char* name, Json body) {
  return body_text(Json{{name, std::move(body)}});
}

// Calls and elements of a batch have the same fields under different numbers, hence the templates.

template <typename Message>
Result<std::string> set_payload(const char* name, const Message& message, bool with_key) {
  if (!message.has_points_selector()) {
    return refuse_message("points_selector is expected");
  }
  Json body;
  ARROW_ASSIGN_OR_RAISE(body["payload"], payload_json(message.payload()));
  ARROW_RETURN_NOT_OK(add_selector(message.points_selector(), &body));
  if (with_key && message.has_key()) {
    body["key"] = message.key();
  }
  ARROW_RETURN_NOT_OK(add_shard_key(message, &body));
  return named(name, std::move(body));
}

template <typename Message>
Result<std::string> delete_payload(const Message& message) {
  if (!message.has_points_selector()) {
    return refuse_message("points_selector is expected");
  }
  Json body = {{"keys", Json::array()}};
  for (const auto& key : message.keys()) {
    body["keys"].push_back(key);
  }
  ARROW_RETURN_NOT_OK(add_selector(message.points_selector(), &body));
  ARROW_RETURN_NOT_OK(add_shard_key(message, &body));
  return named("delete_payload", std::move(body));
}

// `points` is the selector: deletes of points and of payloads.
template <typename Message>
Result<std::string> selected(const char* name, const Message& message) {
  if (!message.has_points()) {
    return refuse_message("PointSelector is missing");
  }
  Json body;
  ARROW_RETURN_NOT_OK(add_selector(message.points(), &body));
  ARROW_RETURN_NOT_OK(add_shard_key(message, &body));
  return named(name, std::move(body));
}

template <typename Message>
Result<std::string> update_vectors(const Message& message) {
  Json body = {{"points", Json::array()}};
  for (const auto& point : message.points()) {
    if (!point.has_id()) {
      return refuse_message("id is expected");
    }
    if (!point.has_vectors()) {
      return refuse_message("vectors is expected");
    }
    Json json;
    ARROW_ASSIGN_OR_RAISE(json["id"], id_json(point.id()));
    ARROW_ASSIGN_OR_RAISE(json["vector"], vectors_json(point.vectors()));
    body["points"].push_back(std::move(json));
  }
  if (message.has_update_filter()) {
    ARROW_ASSIGN_OR_RAISE(body["update_filter"], filter_json(message.update_filter()));
  }
  ARROW_RETURN_NOT_OK(add_shard_key(message, &body));
  return named("update_vectors", std::move(body));
}

template <typename Message>
Result<std::string> delete_vectors(const Message& message) {
  if (!message.has_points_selector()) {
    return refuse_message("points_selector is expected");
  }
  if (!message.has_vectors()) {
    return refuse_message("vectors is expected");
  }
  Json body = {{"vector", Json::array()}};
  for (const auto& name : message.vectors().names()) {
    body["vector"].push_back(name);
  }
  ARROW_RETURN_NOT_OK(add_selector(message.points_selector(), &body));
  ARROW_RETURN_NOT_OK(add_shard_key(message, &body));
  return named("delete_vectors", std::move(body));
}

std::string upsert_of(const Operation::PointStructList& list) {
  qdrant::UpsertPoints upsert;
  *upsert.mutable_points() = list.points();
  if (list.has_shard_key_selector()) {
    *upsert.mutable_shard_key_selector() = list.shard_key_selector();
  }
  if (list.has_update_filter()) {
    *upsert.mutable_update_filter() = list.update_filter();
  }
  if (list.has_update_mode()) {
    upsert.set_update_mode(list.update_mode());
  }
  // Never empty, so that an upsert of no points is told from no upsert.
  upsert.set_wait(true);
  return upsert.SerializeAsString();
}

// Of the batch's oldest elements, which are a selector and nothing around it.
Result<std::string> bare_selector(const char* name, const qdrant::PointsSelector& selector) {
  Json body;
  ARROW_RETURN_NOT_OK(add_selector(selector, &body));
  return named(name, std::move(body));
}

Result<std::string> element_of(const Operation& operation) {
  switch (operation.operation_case()) {
    case Operation::kDeleteDeprecated:
      return bare_selector("delete", operation.delete_deprecated());
    case Operation::kSetPayload:
      return set_payload("set_payload", operation.set_payload(), true);
    case Operation::kOverwritePayload:
      return set_payload("overwrite_payload", operation.overwrite_payload(), false);
    case Operation::kDeletePayload:
      return delete_payload(operation.delete_payload());
    case Operation::kClearPayloadDeprecated:
      return bare_selector("clear_payload", operation.clear_payload_deprecated());
    case Operation::kUpdateVectors:
      return update_vectors(operation.update_vectors());
    case Operation::kDeleteVectors:
      return delete_vectors(operation.delete_vectors());
    case Operation::kDeletePoints:
      return selected("delete", operation.delete_points());
    case Operation::kClearPayload:
      return selected("clear_payload", operation.clear_payload());
    case Operation::kUpsert:
    case Operation::OPERATION_NOT_SET:
      break;
  }
  return refuse_message("Operation is missing");
}

}  // namespace

Result<std::string> operation_of(const qdrant::SetPayloadPoints& message, PayloadChange change) {
  const bool set = change == PayloadChange::kSet;
  return set_payload(set ? "set_payload" : "overwrite_payload", message, set);
}
Result<std::string> operation_of(const qdrant::DeletePayloadPoints& message) {
  return delete_payload(message);
}
Result<std::string> operation_of(const qdrant::ClearPayloadPoints& message) {
  return selected("clear_payload", message);
}
Result<std::string> operation_of(const qdrant::UpdatePointVectors& message) {
  return update_vectors(message);
}
Result<std::string> operation_of(const qdrant::DeletePointVectors& message) {
  return delete_vectors(message);
}
Result<std::string> operation_of(const qdrant::DeletePoints& message) {
  return selected("delete", message);
}

Result<std::vector<BatchOperation>> operations_of(const qdrant::UpdateBatchPoints& message) {
  std::vector<BatchOperation> operations;
  for (const auto& operation : message.operations()) {
    auto& added = operations.emplace_back();
    if (operation.has_upsert()) {
      added.upsert = upsert_of(operation.upsert());
    } else {
      ARROW_ASSIGN_OR_RAISE(added.operation, element_of(operation));
    }
  }
  return operations;
}

}  // namespace vecferry::wire
