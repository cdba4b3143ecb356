#include "vecferry/wire/grpc_settings.h"

#include <collections.pb.h>
#include <fmt/format.h>
#include <points.pb.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/wire/message_json_internal.h"
#include "vecferry/wire/rest_settings_internal.h"

namespace vecferry::wire {
namespace {

// Names of one thing: in the messages, and in REST's bodies.
constexpr std::pair<const char*, const char*> kNames[] = {
    {"vectors_config", "vectors"}, {"sparse_vectors_config", "sparse_vectors"}};

void rename_to_rest(Json& json) {
  for (const auto& [message, rest] : kNames) {
    if (json.contains(message)) {
      Json value = std::move(json[message]);
      json.erase(message);
      json[rest] = std::move(value);
    }
  }
}

void rename_to_message(Json& json) {
  for (const auto& [message, rest] : kNames) {
    if (json.is_object() && json.contains(rest)) {
      Json value = std::move(json[rest]);
      json.erase(rest);
      json[message] = std::move(value);
    }
  }
  // `{}` is no vectors: the message says so by leaving them out.
  if (member(json, "vectors_config") == Json::object()) {
    json.erase("vectors_config");
  }
}

Result<Json> body_of(const google::protobuf::Message& message) {
  ARROW_ASSIGN_OR_RAISE(Json json, json_of(message));
  json.erase("collection_name");
  json.erase("timeout");
  rename_to_rest(json);
  return json;
}

Result<std::vector<std::string>> fill_body(Json json, google::protobuf::Message* message) {
  std::vector<std::string> unsaid;
  rename_to_message(json);
  ARROW_RETURN_NOT_OK(fill(json, message, &unsaid));
  return unsaid;
}

Status bad_request(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what)});
}

}  // namespace

Result<std::string> create_body_of(const qdrant::CreateCollection& message) {
  ARROW_ASSIGN_OR_RAISE(const Json json, body_of(message));
  return json.dump();
}

Result<std::string> patch_body_of(const qdrant::UpdateCollection& message) {
  ARROW_ASSIGN_OR_RAISE(const Json json, body_of(message));
  return json.dump();
}

Result<std::string> index_body_of(const qdrant::CreateFieldIndexCollection& message) {
  if (!message.has_field_type() || !qdrant::FieldType_IsValid(message.field_type())) {
    return bad_request("cannot convert field_type");
  }
  // FieldTypeKeyword: what follows the type's own name is the word.
  std::string type = qdrant::FieldType_Name(message.field_type()).substr(sizeof("FieldType") - 1);
  type[0] = static_cast<char>(type[0] - 'A' + 'a');
  Json schema = type;
  if (message.has_field_index_params()) {
    ARROW_ASSIGN_OR_RAISE(Json params, json_of(message.field_index_params()));
    if (!params.is_null()) {
      if (params["type"] != type) {
        return bad_request("field_type and field_index_params do not match");
      }
      schema = std::move(params);
    }
  }
  return Json{{"field_name", message.field_name()}, {"field_schema", std::move(schema)}}.dump();
}

Result<std::string> alias_body_of(const qdrant::ChangeAliases& message) {
  ARROW_ASSIGN_OR_RAISE(Json json, json_of(message));
  json.erase("timeout");
  if (!json.contains("actions")) {
    json["actions"] = Json::array();
  }
  return json.dump();
}

Result<std::string> info_of(const qdrant::CollectionInfo& message) {
  ARROW_ASSIGN_OR_RAISE(Json json, json_of(message));
  if (json.contains("config")) {
    Json& config = json["config"];
    if (!config.contains("params")) {
      config["params"] = Json::object();
    }
    rename_to_rest(config["params"]);
    if (!config["params"].contains("vectors")) {
      config["params"]["vectors"] = Json::object();
    }
    if (member(member(config, "optimizer_config"), "max_optimization_threads") == "auto") {
      config["optimizer_config"]["max_optimization_threads"] = nullptr;
    }
  }
  return json.dump();
}

Result<std::vector<std::string>> read_create_body(std::string_view body,
                                                  qdrant::CreateCollection* message) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(body));
  return fill_body(std::move(json), message);
}

Result<std::vector<std::string>> read_patch_body(std::string_view body,
                                                 qdrant::UpdateCollection* message) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(body));
  return fill_body(std::move(json), message);
}

Result<std::vector<std::string>> read_index_body(std::string_view body,
                                                 qdrant::CreateFieldIndexCollection* message) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  std::vector<std::string> unsaid;
  const Json name = member(json, "field_name");
  const Json schema = member(json, "field_schema");
  const Json type = schema.is_object() ? member(schema, "type") : schema;
  if (!name.is_string() || !type.is_string() || type.get<std::string>().empty()) {
    return bad_request("a payload index needs a field_name and a field_schema");
  }
  std::string word = type.get<std::string>();
  word[0] = static_cast<char>(word[0] - 'a' + 'A');
  qdrant::FieldType field_type{};
  if (!qdrant::FieldType_Parse("FieldType" + word, &field_type)) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("gRPC has no payload index of type {}", type.dump()),
                 .next = "send these settings over REST"});
  }
  message->set_field_name(name.get<std::string>());
  message->set_field_type(field_type);  // written also when it is 0, the keyword
  if (schema.is_object()) {
    ARROW_RETURN_NOT_OK(fill(schema, message->mutable_field_index_params(), &unsaid));
  }
  return unsaid;
}

Result<std::vector<std::string>> read_alias_body(std::string_view body,
                                                 qdrant::ChangeAliases* message) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(body));
  return fill_body(std::move(json), message);
}

Result<std::vector<std::string>> read_info(std::string_view info, qdrant::CollectionInfo* message) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(info));
  if (json.contains("config")) {
    Json& config = json["config"];
    if (config.contains("params")) {
      rename_to_message(config["params"]);
    }
    Json optimizers = member(config, "optimizer_config");
    if (optimizers.is_object() && member(optimizers, "max_optimization_threads").is_null()) {
      config["optimizer_config"]["max_optimization_threads"] = "auto";
    }
  }
  std::vector<std::string> unsaid;
  ARROW_RETURN_NOT_OK(fill(json, message, &unsaid));
  return unsaid;
}

}  // namespace vecferry::wire
