#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/wire/rest_settings.h"
#include "vecferry/wire/rest_settings_internal.h"

namespace vecferry::wire {
namespace {

// What a 1.18.3 server with its shipped configuration fills in.
Json default_settings() {
  return {{"params",
           {{"vectors", Json::object()},
            {"shard_number", 1},
            {"replication_factor", 1},
            {"write_consistency_factor", 1},
            {"on_disk_payload", true}}},
          {"hnsw_config",
           {{"m", 16},
            {"ef_construct", 100},
            {"full_scan_threshold", 10000},
            {"max_indexing_threads", 0},
            {"on_disk", false}}},
          {"optimizer_config",
           {{"deleted_threshold", 0.2},
            {"vacuum_min_vector_number", 1000},
            {"default_segment_number", 0},
            {"max_segment_size", nullptr},
            {"memmap_threshold", nullptr},
            {"indexing_threshold", 10000},
            {"flush_interval_sec", 5},
            {"max_optimization_threads", nullptr},
            {"prevent_unoptimized", nullptr}}},
          {"wal_config",
           {{"wal_capacity_mb", 32}, {"wal_segments_ahead", 0}, {"wal_retain_closed", 1}}},
          {"quantization_config", nullptr}};
}

// Fields one by one; null changes nothing, what is no object replaces.
void merge(Json& into, const Json& from) {
  for (const auto& item : from.items()) {
    if (item.value().is_null()) {
      continue;
    }
    Json& at = into[item.key()];
    if (item.value().is_object() && at.is_object()) {
      merge(at, item.value());
    } else {
      at = item.value();
    }
  }
}

// Quantization is one of several kinds: never merged with another.
void set_quantization(Json& into, const Json& wanted, bool keep_null) {
  if (wanted.is_null()) {
    return;
  }
  if (wanted == "Disabled") {
    if (keep_null) {
      into["quantization_config"] = nullptr;
    } else {
      into.erase("quantization_config");
    }
    return;
  }
  into["quantization_config"] = wanted;
}

void set_optimizers(Json& settings, const Json& wanted) {
  if (!wanted.is_object()) {
    return;
  }
  Json& optimizers = settings["optimizer_config"];
  merge(optimizers, wanted);
  if (member(optimizers, "max_optimization_threads") == "auto") {
    optimizers["max_optimization_threads"] = nullptr;
  }
}

Json either(const Json& json, const char* name, const char* alias) {
  const Json found = member(json, name);
  return found.is_null() ? member(json, alias) : found;
}

bool is_vector(const Json& json) {
  return member(json, "size").is_number_unsigned() && json["size"] != 0 &&
         member(json, "distance").is_string() &&
         parse_distance(json["distance"].get<std::string>()).has_value();
}

bool are_vectors(const Json& json) {
  if (!json.is_object()) {
    return false;
  }
  if (is_vector(json)) {
    return true;
  }
  for (const auto& entry : json) {
    if (!is_vector(entry)) {
      return false;
    }
  }
  return true;
}

// The server prints these as null when they are unset, and leaves all others out.
Json with_printed_nulls(Json params) {
  const Json type = member(params, "type");
  if (type == "integer") {
    params.emplace("lookup", nullptr);
    params.emplace("range", nullptr);
  }
  if (type == "integer" || type == "float" || type == "datetime") {
    params.emplace("is_principal", nullptr);
  }
  return params;
}

// Words and place of serde's error for a value that fits no form; the place is the body's end.
Status no_variant(std::string_view type, size_t length) {
  return format_error(fmt::format(
      "data did not match any variant of untagged enum {} at line 1 column {}", type, length));
}

Result<CollectionConfig> read_back(const Json& settings, const CollectionConfig& rest) {
  ARROW_ASSIGN_OR_RAISE(auto config, parse_collection_config(Json{{"config", settings}}.dump()));
  config.payload_indexes = rest.payload_indexes;
  config.aliases = rest.aliases;
  return config;
}

Result<CollectionConfig> config_from(const Json& body, size_t length) {
  Json settings = default_settings();
  Json& params = settings["params"];
  if (body.contains("vectors")) {
    if (!are_vectors(body["vectors"])) {
      return no_variant("VectorsConfig", length);
    }
    params["vectors"] = body["vectors"];
    drop_nulls(params["vectors"]);
  }
  for (const char* key :
       {"shard_number", "sharding_method", "replication_factor", "write_consistency_factor",
        "on_disk_payload", "sparse_vectors", "payload"}) {
    Json value = member(body, key);
    drop_nulls(value);
    if (!value.is_null()) {
      params[key] = std::move(value);
    }
  }
  for (const char* key : {"hnsw_config", "wal_config"}) {
    if (const Json wanted = member(body, key); wanted.is_object()) {
      merge(settings[key], wanted);
    }
  }
  set_optimizers(settings, either(body, "optimizers_config", "optimizer_config"));
  const Json quantization = either(body, "quantization_config", "quantization");
  if (quantization.is_string()) {
    return no_variant("QuantizationConfig", length);
  }
  set_quantization(settings, quantization, true);
  for (const char* key : {"strict_mode_config", "metadata"}) {
    if (const Json wanted = member(body, key); wanted.is_object()) {
      settings[key] = wanted;
    }
  }
  return read_back(settings, {});
}

Status patch_vectors(Json& params, const Json& wanted) {
  Json& vectors = params["vectors"];
  const bool single = member(vectors, "size").is_number();
  for (const auto& item : wanted.items()) {
    if (single ? !item.key().empty() : !vectors.contains(item.key())) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = "Wrong input: Not existing vector name error: " + item.key()});
    }
    Json change = item.value();
    if (!change.is_object() || change.contains("size") || change.contains("distance")) {
      return format_error("data did not match any variant of untagged enum VectorsConfigDiff");
    }
    Json& vector = single ? vectors : vectors[item.key()];
    set_quantization(vector, member(change, "quantization_config"), false);
    change.erase("quantization_config");
    merge(vector, change);
  }
  return Status::OK();
}

// Top-level keys are replaced, null removes one, and `{}` is nothing to do.
void patch_metadata(Json& settings, const Json& wanted) {
  if (!wanted.is_object() || wanted.empty()) {
    return;
  }
  Json& metadata = settings["metadata"];
  if (!metadata.is_object()) {
    metadata = Json::object();
  }
  for (const auto& item : wanted.items()) {
    if (item.value().is_null()) {
      metadata.erase(item.key());
    } else {
      metadata[item.key()] = item.value();
    }
  }
}

Result<CollectionConfig> patched_with(const CollectionConfig& config, const Json& body) {
  Json settings = Json::parse(config.settings_json);
  Json& params = settings["params"];
  if (const Json wanted = member(body, "vectors"); wanted.is_object()) {
    ARROW_RETURN_NOT_OK(patch_vectors(params, wanted));
  }
  if (const Json wanted = member(body, "sparse_vectors"); wanted.is_object()) {
    for (const auto& item : wanted.items()) {
      if (!member(params, "sparse_vectors").contains(item.key())) {
        return fail({.kind = ErrorKind::kUsage,
                     .what = "Wrong input: Not existing vector name error: " + item.key()});
      }
    }
    merge(params["sparse_vectors"], wanted);
  }
  if (const Json wanted = member(body, "params"); wanted.is_object()) {
    for (const char* key : {"replication_factor", "write_consistency_factor", "read_fan_out_factor",
                            "read_fan_out_delay_ms", "on_disk_payload", "payload"}) {
      if (const Json value = member(wanted, key); !value.is_null()) {
        params[key] = value;
      }
    }
  }
  if (const Json wanted = member(body, "hnsw_config"); wanted.is_object()) {
    merge(settings["hnsw_config"], wanted);
  }
  set_optimizers(settings, either(body, "optimizers_config", "optimizer_config"));
  set_quantization(settings, either(body, "quantization_config", "quantization"), true);
  if (const Json wanted = member(body, "strict_mode_config"); wanted.is_object()) {
    Json& strict = settings["strict_mode_config"];
    if (!strict.is_object()) {
      strict = Json::object();
    }
    merge(strict, wanted);
  }
  patch_metadata(settings, member(body, "metadata"));
  return read_back(settings, config);
}

}  // namespace

Result<CollectionConfig> config_of_create(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  try {
    return config_from(json, body.size());
  } catch (const Json::exception& error) {
    return format_error(error.what());
  }
}

Result<CollectionConfig> patched(const CollectionConfig& config, std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  try {
    return patched_with(config, json);
  } catch (const Json::exception& error) {
    return format_error(error.what());
  }
}

std::string info_of(const CollectionConfig& config, const CollectionState& state,
                    std::span<const uint64_t> indexed_points) {
  Json schema = Json::object();
  for (size_t i = 0; i < config.payload_indexes.size(); ++i) {
    const auto& index = config.payload_indexes[i];
    const Json entry = Json::parse(index.schema_json, nullptr, false);
    Json& shown = schema[index.path];
    shown["data_type"] = entry.is_object() ? member(entry, "type") : entry;
    if (entry.is_object()) {
      shown["params"] = with_printed_nulls(entry);
    }
    shown["points"] = i < indexed_points.size() ? indexed_points[i] : 0;
  }
  Json info = {
      {"status", state.status},
      {"optimizer_status",
       state.optimizer_error.empty() ? Json("ok") : Json{{"error", state.optimizer_error}}},
      {"indexed_vectors_count", state.indexed_vectors_count},
      {"points_count", state.points_count},
      {"segments_count", state.segments_count},
      {"config", Json::parse(config.settings_json, nullptr, false)},
      {"payload_schema", std::move(schema)},
      {"update_queue", {{"length", state.queued_updates}}}};
  if (info["config"].is_object()) {
    info["config"].erase("uuid");  // snapshots have it; a server keeps it to itself
  }
  for (const auto& warning : state.warnings) {
    info["warnings"].push_back({{"message", warning}});
  }
  return info.dump();
}

Result<PayloadIndex> index_of_body(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  const Json name = member(json, "field_name");
  if (!name.is_string()) {
    return format_error("missing field `field_name`");
  }
  const Json schema = either(json, "field_schema", "field_type");
  const Json type = schema.is_object() ? member(schema, "type") : schema;
  if (schema.is_null()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what =
                     "Bad request: Can't auto-detect field type, please specify `field_schema` in "
                     "the request"});
  }
  constexpr std::string_view kTypes = " keyword integer float geo text bool datetime uuid ";
  if (!type.is_string() ||
      kTypes.find(" " + type.get<std::string>() + " ") == std::string_view::npos) {
    return no_variant("PayloadFieldSchema", body.size());
  }
  if (type == "integer" && member(schema, "lookup") == false && member(schema, "range") == false) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "Validation error in JSON body: [field_schema: the 'lookup' and 'range' "
                         "capabilities can't be both disabled]"});
  }
  return PayloadIndex{.path = name.get<std::string>(), .schema_json = schema.dump()};
}

}  // namespace vecferry::wire
