#include "vecferry/wire/rest_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/wire/rest_settings_internal.h"

namespace vecferry::wire {
namespace {

constexpr uint64_t kLeastFullScanThreshold = 10;

// A setting that a server may be too old for.
struct Gate {
  std::array<const char*, 3> path;  // in the settings; null: the path ends
  bool Features::*feature;
};

constexpr std::array kGates = {
    Gate{{"strict_mode_config", nullptr, nullptr}, &Features::strict_mode},
    Gate{{"metadata", nullptr, nullptr}, &Features::metadata},
    Gate{{"wal_config", "wal_retain_closed", nullptr}, &Features::wal_retain_closed},
    Gate{{"optimizer_config", "prevent_unoptimized", nullptr}, &Features::prevent_unoptimized},
    Gate{{"params", "read_fan_out_delay_ms", nullptr}, &Features::read_fan_out_delay},
    Gate{{"params", "payload", nullptr}, &Features::memory_tiers},
    Gate{{"hnsw_config", "memory", nullptr}, &Features::memory_tiers},
    Gate{{"quantization_config", "turbo", nullptr}, &Features::turbo_quantization},
};

Status corrupt(std::string what) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = "collection info",
               .next = "check that the address is a Qdrant server"});
}

Result<Json> parse_info(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return corrupt("not a JSON object");
  }
  return json;
}

uint64_t number(const Json& json, const char* key) {
  const Json found = member(json, key);
  return found.is_number_unsigned() ? found.get<uint64_t>() : 0;
}

std::string text(const Json& json, const char* key) {
  const Json found = member(json, key);
  return found.is_string() ? found.get<std::string>() : std::string();
}

// Take a setting out; null when it is not there.
Json taken(Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key)) {
    return {};
  }
  Json value = std::move(json[key]);
  json.erase(key);
  return value;
}

void put(Json& json, const char* key, Json value) {
  if (!value.is_null() && !(value.is_object() && value.empty())) {
    json[key] = std::move(value);
  }
}

class Planner {
 public:
  Planner(const CollectionConfig& config, const Features& features, const CreateOptions& options)
      : config_(config), features_(features), options_(options) {}

  Result<CreatePlan> plan() {
    ARROW_RETURN_NOT_OK(check_vectors());
    Json settings = Json::parse(config_.settings_json);
    drop_nulls(settings);
    settings.erase("uuid");
    for (const auto& gate : kGates) {
      shut(settings, gate);
    }
    each_vector(settings, [&](const std::string& name, Json& vector) { fit_vector(name, vector); });
    if (settings.contains("hnsw_config")) {
      fit_hnsw("hnsw_config", settings["hnsw_config"]);
    }
    Json finish = Json::object();
    Json create = created(settings, &finish);
    drop_zero_segment_size(create);
    plan_.create_body = create.dump();
    plan_.finish_body = finish.empty() ? "" : finish.dump();
    for (const auto& index : config_.payload_indexes) {
      add_index(index);
    }
    return std::move(plan_);
  }

 private:
  Status check_vectors() const {
    for (const auto& spec : config_.vectors) {
      const char* lacks =
          spec.kind == VectorKind::kMulti && !features_.multivectors         ? "multivectors"
          : spec.element == ElementType::kFloat16 && !features_.multivectors ? "float16 vectors"
          : spec.element == ElementType::kUint8 && !features_.uint8_vectors  ? "uint8 vectors"
                                                                             : nullptr;
      if (lacks != nullptr) {
        return fail(
            {.kind = ErrorKind::kIncompatible,
             .what = fmt::format("Qdrant {} has no {}", to_string(features_.version), lacks),
             .where = fmt::format("vector '{}'", spec.name),
             .next = "update the target, or leave this vector out with --vectors"});
      }
    }
    return Status::OK();
  }

  void lose(std::string what) {
    plan_.lost.push_back(
        fmt::format("{}: not known to Qdrant {}", what, to_string(features_.version)));
  }

  void shut(Json& settings, const Gate& gate) {
    if (features_.*gate.feature) {
      return;
    }
    Json* at = &settings;
    std::string name;
    for (size_t i = 0; i < gate.path.size() && gate.path[i] != nullptr; ++i) {
      if (!at->is_object() || !at->contains(gate.path[i])) {
        return;
      }
      name += (i == 0 ? "" : ".") + std::string(gate.path[i]);
      const bool last = i + 1 == gate.path.size() || gate.path[i + 1] == nullptr;
      if (last) {
        at->erase(gate.path[i]);
        lose(name);
        return;
      }
      at = &(*at)[gate.path[i]];
    }
  }

  template <typename Each>
  static void each_vector(Json& settings, Each each) {
    Json& params = settings["params"];
    if (params.contains("vectors")) {
      Json& vectors = params["vectors"];
      if (vectors.contains("size") && vectors["size"].is_number()) {
        each("", vectors);
      } else {
        for (const auto& item : vectors.items()) {
          each(item.key(), item.value());
        }
      }
    }
    if (params.contains("sparse_vectors")) {
      for (const auto& item : params["sparse_vectors"].items()) {
        each(item.key(), item.value());
      }
    }
  }

  void fit_vector(const std::string& name, Json& vector) {
    const std::string label = fmt::format("vector '{}'", name);
    if (!features_.memory_tiers && vector.contains("memory")) {
      vector.erase("memory");
      lose(label + ": memory");
    }
    if (!features_.sparse_idf && vector.contains("modifier")) {
      vector.erase("modifier");
      lose(label + ": modifier");
    }
    if (!features_.turbo_quantization && member(vector, "quantization_config").contains("turbo")) {
      vector.erase("quantization_config");
      lose(label + ": turbo quantization");
    }
    if (vector.contains("hnsw_config")) {
      fit_hnsw(label + ": hnsw_config", vector["hnsw_config"]);
    }
  }

  // A value that an older server took, and none takes again.
  void fit_hnsw(const std::string& label, Json& hnsw) {
    const Json threshold = member(hnsw, "full_scan_threshold");
    if (threshold.is_number_unsigned() && threshold.get<uint64_t>() < kLeastFullScanThreshold) {
      hnsw["full_scan_threshold"] = kLeastFullScanThreshold;
      plan_.lost.push_back(fmt::format("{}.full_scan_threshold: {} becomes {}, the least allowed",
                                       label, threshold.dump(), kLeastFullScanThreshold));
    }
  }

  static void drop_zero_segment_size(Json& create) {
    if (create.contains("optimizers_config") &&
        member(create["optimizers_config"], "max_segment_size") == 0) {
      create["optimizers_config"].erase("max_segment_size");
    }
  }

  // The create body, out of info's tree; what belongs behind the load goes to `finish`.
  Json created(Json& settings, Json* finish) {
    Json create = taken(settings, "params");
    Json late = Json::object();
    create.erase("shard_keys");  // not the server's word: made one by one
    put(late, "read_fan_out_factor", taken(create, "read_fan_out_factor"));
    put(late, "read_fan_out_delay_ms", taken(create, "read_fan_out_delay_ms"));
    put(*finish, "params", std::move(late));
    Json optimizers = taken(settings, "optimizer_config");
    if (optimizers.is_null()) {
      optimizers = Json::object();
    }
    Json late_optimizers = Json::object();
    // Points written under it are hidden until they are indexed.
    put(late_optimizers, "prevent_unoptimized", taken(optimizers, "prevent_unoptimized"));
    if (options_.hold_indexing) {
      const Json wanted = member(optimizers, "indexing_threshold");
      late_optimizers["indexing_threshold"] = wanted.is_null() ? Json(default_threshold()) : wanted;
      optimizers["indexing_threshold"] = 0;
    }
    put(*finish, "optimizers_config", std::move(late_optimizers));
    put(create, "optimizers_config", std::move(optimizers));
    // Its limits could stop the load.
    put(*finish, "strict_mode_config", taken(settings, "strict_mode_config"));
    // Everything else has one name in both, also what we do not know.
    for (const auto& item : settings.items()) {
      put(create, item.key().c_str(), item.value());
    }
    return create;
  }

  uint64_t default_threshold() const {
    return features_.version >= Version{1, 15, 0} ? 10000 : 20000;
  }

  void add_index(const PayloadIndex& index) {
    Json schema = Json::parse(index.schema_json);
    drop_nulls(schema);
    const std::string type = schema.is_string() ? schema.get<std::string>() : text(schema, "type");
    const std::string label = fmt::format("payload index {}", index.path);
    if (type == "uuid" && !features_.uuid_index) {
      lose(label + " (uuid)");
      return;
    }
    if (schema.is_object()) {
      for (const auto& [key, known] :
           {std::pair("enable_hnsw", features_.enable_hnsw),
            std::pair("memory", features_.memory_tiers),
            std::pair("prefix", features_.memory_tiers), std::pair("on_disk", features_.uuid_index),
            std::pair("is_tenant", features_.uuid_index),
            std::pair("is_principal", features_.uuid_index)}) {
        if (!known && schema.contains(key)) {
          schema.erase(key);
          lose(fmt::format("{}: {}", label, key));
        }
      }
      const bool always_object = type == "integer" || type == "text";
      if (!features_.index_objects && !always_object) {
        schema = type;
      }
    }
    plan_.index_bodies.push_back(Json{{"field_name", index.path}, {"field_schema", schema}}.dump());
  }

  const CollectionConfig& config_;
  const Features& features_;
  const CreateOptions& options_;
  CreatePlan plan_{};
};

}  // namespace

Result<Json> parse_body(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) {
    return format_error("expected value at line 1 column 1");
  }
  if (!json.is_object()) {
    return format_error("invalid type: expected a map");
  }
  return json;
}

Result<CollectionConfig> config_of_info(std::string_view info, std::vector<std::string> aliases) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_info(info));
  const Json form = {{"config", member(json, "config")},
                     {"payload_schema", member(json, "payload_schema")},
                     {"aliases", std::move(aliases)}};
  return parse_collection_config(form.dump());
}

Result<CollectionState> state_of_info(std::string_view info) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_info(info));
  CollectionState state;
  state.status = text(json, "status");
  if (state.status.empty()) {
    return corrupt("no status");
  }
  state.optimizer_error = text(member(json, "optimizer_status"), "error");
  state.points_count = number(json, "points_count");
  state.indexed_vectors_count = number(json, "indexed_vectors_count");
  state.segments_count = number(json, "segments_count");
  state.queued_updates = number(member(json, "update_queue"), "length");
  state.deferred_points = number(member(json, "update_queue"), "deferred_points");
  for (const auto& warning : member(json, "warnings")) {
    state.warnings.push_back(text(warning, "message"));
  }
  return state;
}

Result<CreatePlan> plan_create(const CollectionConfig& config, const Features& features,
                               const CreateOptions& options) {
  try {
    return Planner(config, features, options).plan();
  } catch (const Json::exception& error) {
    return corrupt(fmt::format("settings that cannot be sent: {}", error.what()));
  }
}

std::string alias_body(std::span<const AliasAction> actions) {
  Json list = Json::array();
  for (const auto& action : actions) {
    list.push_back({{"delete_alias", {{"alias_name", action.alias}}}});
    if (action.collection) {
      list.push_back({{"create_alias",
                       {{"collection_name", *action.collection}, {"alias_name", action.alias}}}});
    }
  }
  return Json{{"actions", std::move(list)}}.dump();
}

}  // namespace vecferry::wire
