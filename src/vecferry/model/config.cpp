#include "vecferry/model/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "vecferry/model/vector_label.h"

namespace vecferry {
namespace {

using Json = nlohmann::json;  // sorted keys: its dump is canonical

constexpr std::string_view kFormat = "vecferry.collection";
constexpr int kVersion = 1;

Status corrupt(std::string what) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = "collection configuration",
               .next = "check the file, or export the collection again"});
}

Result<ElementType> parse_element(const Json& params, std::string_view name) {
  const auto found = params.find("datatype");
  if (found == params.end() || found->is_null() || *found == "float32") {
    return ElementType::kFloat32;
  }
  if (*found == "float16") {
    return ElementType::kFloat16;
  }
  if (*found == "uint8") {
    return ElementType::kUint8;
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("{} has the datatype {}, which keeps no originals",
                                   vector_label(name), found->dump()),
               .where = "collection configuration",
               .next = "such a collection travels as a server snapshot only"});
}

Result<VectorSpec> parse_dense(const std::string& name, const Json& params) {
  if (!params.is_object() || !params.contains("size") || !params.contains("distance") ||
      !params["size"].is_number_unsigned() || !params["distance"].is_string()) {
    return corrupt(vector_label(name) + " needs a size and a distance");
  }
  VectorSpec spec{.name = name};
  const auto size = params["size"].get<uint64_t>();
  if (size == 0 || size > 65536) {
    return corrupt(
        fmt::format("{} has {} dimensions; 1 to 65536 are possible", vector_label(name), size));
  }
  spec.dim = static_cast<uint32_t>(size);
  const auto distance = parse_distance(params["distance"].get<std::string>());
  if (!distance) {
    return corrupt(fmt::format("{} has the unknown distance {}", vector_label(name),
                               params["distance"].dump()));
  }
  spec.distance = *distance;
  ARROW_ASSIGN_OR_RAISE(spec.element, parse_element(params, name));
  const auto multi = params.find("multivector_config");
  spec.kind = multi != params.end() && multi->is_object() ? VectorKind::kMulti : VectorKind::kDense;
  return spec;
}

Result<std::vector<VectorSpec>> parse_vectors(const Json& params) {
  std::vector<VectorSpec> specs;
  if (const auto vectors = params.find("vectors"); vectors != params.end()) {
    if (!vectors->is_object()) {
      return corrupt("'vectors' is not an object");
    }
    if (vectors->contains("size") && (*vectors)["size"].is_number()) {
      ARROW_ASSIGN_OR_RAISE(auto spec, parse_dense("", *vectors));
      specs.push_back(std::move(spec));
    } else {
      for (const auto& [name, entry] : vectors->items()) {
        ARROW_ASSIGN_OR_RAISE(auto spec, parse_dense(name, entry));
        specs.push_back(std::move(spec));
      }
    }
  }
  if (const auto sparse = params.find("sparse_vectors");
      sparse != params.end() && sparse->is_object()) {
    for (const auto& [name, entry] : sparse->items()) {
      specs.push_back({.name = name, .kind = VectorKind::kSparse, .distance = Distance::kDot});
    }
  }
  std::sort(specs.begin(), specs.end(),
            [](const VectorSpec& a, const VectorSpec& b) { return a.name < b.name; });
  for (size_t i = 1; i < specs.size(); ++i) {
    if (specs[i].name == specs[i - 1].name) {
      return corrupt(vector_label(specs[i].name) + " is there twice");
    }
  }
  return specs;
}

// Qdrant's info gives {"data_type","params"?,"points"}; sending back `params`, else the bare type,
// makes the same index again.
Result<std::string> index_schema(const std::string& path, const Json& entry) {
  if (entry.is_string() || (entry.is_object() && entry.contains("type"))) {
    return entry.dump();
  }
  if (entry.is_object() && entry.contains("data_type")) {
    const auto params = entry.find("params");
    return params != entry.end() && params->is_object() ? params->dump()
                                                        : entry["data_type"].dump();
  }
  return corrupt(fmt::format("payload index '{}' has no type", path));
}

Result<CollectionConfig> config_from(const Json& json) {
  if (!json.is_object()) {
    return corrupt("not a JSON object");
  }
  if (json.contains("version") && json["version"].is_number_integer() &&
      json["version"].get<int64_t>() > kVersion) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("configuration version {} is newer than this program",
                                     json["version"].dump()),
                 .where = "collection configuration",
                 .next = "update vecferry"});
  }
  const auto settings = json.find("config");
  if (settings == json.end() || !settings->is_object() || !settings->contains("params") ||
      !(*settings)["params"].is_object()) {
    return corrupt("no 'config' object with 'params' in it");
  }
  CollectionConfig config;
  ARROW_ASSIGN_OR_RAISE(config.vectors, parse_vectors((*settings)["params"]));
  config.settings_json = settings->dump();
  if (const auto schema = json.find("payload_schema");
      schema != json.end() && schema->is_object()) {
    for (const auto& [path, entry] : schema->items()) {
      ARROW_ASSIGN_OR_RAISE(auto text, index_schema(path, entry));
      config.payload_indexes.push_back({.path = path, .schema_json = std::move(text)});
    }
  }
  if (const auto aliases = json.find("aliases"); aliases != json.end() && aliases->is_array()) {
    for (const auto& alias : *aliases) {
      if (!alias.is_string()) {
        return corrupt("an alias is not a string");
      }
      config.aliases.push_back(alias.get<std::string>());
    }
    std::sort(config.aliases.begin(), config.aliases.end());
  }
  return config;
}

Json dense_params(const VectorSpec& spec) {
  Json params = {{"size", spec.dim}, {"distance", to_string(spec.distance)}};
  if (spec.element != ElementType::kFloat32) {
    params["datatype"] = to_string(spec.element);
  }
  if (spec.kind == VectorKind::kMulti) {
    params["multivector_config"] = {{"comparator", "max_sim"}};
  }
  return params;
}

// Null and absent are one thing in Qdrant's settings.
void drop_nulls(Json& json) {
  if (!json.is_object()) {
    return;
  }
  for (auto it = json.begin(); it != json.end();) {
    drop_nulls(*it);
    it = it->is_null() ? json.erase(it) : std::next(it);
  }
}

void add_differences(const std::string& path, const Json& a, const Json& b,
                     std::vector<std::string>& out) {
  if (a.is_object() && b.is_object()) {
    std::set<std::string> keys;
    for (const auto& entry : a.items()) {
      keys.insert(entry.key());
    }
    for (const auto& entry : b.items()) {
      keys.insert(entry.key());
    }
    for (const auto& key : keys) {
      const Json left = a.contains(key) ? a[key] : Json();
      const Json right = b.contains(key) ? b[key] : Json();
      add_differences(path.empty() ? key : fmt::format("{}.{}", path, key), left, right, out);
    }
    return;
  }
  if (a != b) {
    out.push_back(fmt::format("{}: {} against {}", path, a.is_null() ? "nothing" : a.dump(),
                              b.is_null() ? "nothing" : b.dump()));
  }
}

Json comparable(const CollectionConfig& config) {
  Json json = Json::parse(config.settings_json, nullptr, false);
  // The server's own id of the collection, and the clear defaults of optional maps.
  json.erase("uuid");
  drop_nulls(json);
  if (json.contains("params") && json["params"].contains("sparse_vectors") &&
      json["params"]["sparse_vectors"].empty()) {
    json["params"].erase("sparse_vectors");
  }
  if (json.contains("metadata") && json["metadata"].empty()) {
    json.erase("metadata");
  }
  // What every server from 1.15.2 on says, and older ones do not know.
  if (json.contains("wal_config") && json["wal_config"].is_object()) {
    json["wal_config"].emplace("wal_retain_closed", 1);
  }
  return json;
}

bool is_forbidden(char c) {
  return std::string_view("<>:\"/\\|?*").find(c) != std::string_view::npos || c == '\0' ||
         c == '\x1f';
}

}  // namespace

std::string_view to_string(Distance distance) {
  switch (distance) {
    case Distance::kCosine:
      return "Cosine";
    case Distance::kEuclid:
      return "Euclid";
    case Distance::kDot:
      return "Dot";
    case Distance::kManhattan:
      break;
  }
  return "Manhattan";
}

std::string_view to_string(ElementType element) {
  switch (element) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat16:
      return "float16";
    case ElementType::kUint8:
      break;
  }
  return "uint8";
}

std::string_view to_string(VectorKind kind) {
  switch (kind) {
    case VectorKind::kDense:
      return "dense";
    case VectorKind::kMulti:
      return "multi";
    case VectorKind::kSparse:
      break;
  }
  return "sparse";
}

std::optional<Distance> parse_distance(std::string_view text) {
  for (const auto distance :
       {Distance::kCosine, Distance::kEuclid, Distance::kDot, Distance::kManhattan}) {
    if (text == to_string(distance)) {
      return distance;
    }
  }
  return std::nullopt;
}

size_t size_of(ElementType element) {
  switch (element) {
    case ElementType::kFloat32:
      return 4;
    case ElementType::kFloat16:
      return 2;
    case ElementType::kUint8:
      break;
  }
  return 1;
}

Result<VectorSpec> CollectionConfig::vector(std::string_view name) const {
  std::vector<std::string> names;
  for (const auto& spec : vectors) {
    if (spec.name == name) {
      return spec;
    }
    names.push_back("'" + spec.name + "'");
  }
  return fail({.kind = ErrorKind::kNotFound,
               .what = name.empty() ? "no unnamed vector" : fmt::format("no vector '{}'", name),
               .next = names.empty() ? "the collection has no vectors"
                                     : fmt::format("there is {}", fmt::join(names, ", "))});
}

bool CollectionConfig::custom_sharding() const {
  const Json settings = Json::parse(settings_json, nullptr, false);
  return settings.is_object() && settings.contains("params") &&
         settings["params"].value("sharding_method", Json()) == "custom";
}

Result<CollectionConfig> parse_collection_config(std::string_view json) {
  try {
    return config_from(Json::parse(json));
  } catch (const Json::exception& error) {
    return corrupt(fmt::format("not the expected JSON: {}", error.what()));
  }
}

std::string to_json(const CollectionConfig& config) {
  Json schema = Json::object();
  for (const auto& index : config.payload_indexes) {
    schema[index.path] = Json::parse(index.schema_json, nullptr, false);
  }
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"config", Json::parse(config.settings_json, nullptr, false)},
                     {"payload_schema", schema},
                     {"aliases", config.aliases}};
  return json.dump();
}

CollectionConfig default_config(std::vector<VectorSpec> vectors) {
  std::sort(vectors.begin(), vectors.end(),
            [](const VectorSpec& a, const VectorSpec& b) { return a.name < b.name; });
  Json dense = Json::object();
  Json sparse = Json::object();
  for (const auto& spec : vectors) {
    if (spec.kind == VectorKind::kSparse) {
      sparse[spec.name] = Json::object();
    } else if (spec.name.empty() && vectors.size() == 1) {
      dense = dense_params(spec);
    } else {
      dense[spec.name] = dense_params(spec);
    }
  }
  // A lone unnamed dense vector beside sparse ones is still Qdrant's single form.
  if (dense.size() == 1 && dense.contains("") && dense[""].is_object()) {
    dense = Json(dense[""]);
  }
  Json params = {{"vectors", dense},
                 {"shard_number", 1},
                 {"replication_factor", 1},
                 {"write_consistency_factor", 1},
                 {"on_disk_payload", true}};
  if (!sparse.empty()) {
    params["sparse_vectors"] = sparse;
  }
  const Json settings = {{"params", params},
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
                           {"flush_interval_sec", 5},
                           {"indexing_threshold", 10000}}},
                         {"wal_config", {{"wal_capacity_mb", 32}, {"wal_segments_ahead", 0}}}};
  return {.vectors = std::move(vectors), .settings_json = settings.dump()};
}

Result<CollectionConfig> with_vectors(const CollectionConfig& config,
                                      const std::vector<VectorSpec>& vectors,
                                      const std::vector<std::optional<std::string>>& origin) {
  CollectionConfig changed = config;
  changed.vectors = vectors;
  std::sort(changed.vectors.begin(), changed.vectors.end(),
            [](const VectorSpec& a, const VectorSpec& b) { return a.name < b.name; });
  try {
    Json settings = Json::parse(config.settings_json);
    const Json before = settings["params"];
    const Json old_dense = before.value("vectors", Json::object());
    const bool old_single = old_dense.contains("size") && old_dense["size"].is_number();
    const Json old_sparse = before.value("sparse_vectors", Json::object());
    Json dense = Json::object();
    Json sparse = Json::object();
    for (size_t i = 0; i < vectors.size(); ++i) {
      const auto& spec = vectors[i];
      Json entry;
      if (origin[i]) {
        const auto& old_map = spec.kind == VectorKind::kSparse ? old_sparse : old_dense;
        entry = old_single && spec.kind != VectorKind::kSparse ? old_dense
                                                               : old_map.value(*origin[i], Json());
      }
      if (entry.is_null()) {
        entry = Json::object();
      }
      if (spec.kind == VectorKind::kSparse) {
        sparse[spec.name] = entry;
      } else {
        entry.erase("datatype");
        entry.update(dense_params(spec));
        dense[spec.name] = entry;
      }
    }
    if (dense.size() == 1 && dense.contains("")) {
      dense = Json(dense[""]);
    }
    settings["params"]["vectors"] = dense;
    settings["params"].erase("sparse_vectors");
    if (!sparse.empty()) {
      settings["params"]["sparse_vectors"] = sparse;
    }
    changed.settings_json = settings.dump();
  } catch (const Json::exception& error) {
    return corrupt(fmt::format("cannot change the vectors: {}", error.what()));
  }
  return changed;
}

std::vector<std::string> config_differences(const CollectionConfig& a, const CollectionConfig& b) {
  std::vector<std::string> differences;
  try {
    Json left_settings = comparable(a);
    Json right_settings = comparable(b);
    // Only a server tells its shard keys; elsewhere they are not known.
    const Json::json_pointer keys("/params/shard_keys");
    if (left_settings.contains(keys) != right_settings.contains(keys)) {
      (left_settings.contains(keys) ? left_settings : right_settings)["params"].erase("shard_keys");
    }
    add_differences("", left_settings, right_settings, differences);
    std::map<std::string, std::pair<std::string, std::string>> indexes;
    for (const auto& index : a.payload_indexes) {
      indexes[index.path].first = index.schema_json;
    }
    for (const auto& index : b.payload_indexes) {
      indexes[index.path].second = index.schema_json;
    }
    for (const auto& [path, schemas] : indexes) {
      if (schemas.first.empty() || schemas.second.empty()) {
        differences.push_back(fmt::format("payload index {}: {} against {}", path,
                                          schemas.first.empty() ? "nothing" : schemas.first,
                                          schemas.second.empty() ? "nothing" : schemas.second));
      } else {
        Json left = Json::parse(schemas.first);
        Json right = Json::parse(schemas.second);
        drop_nulls(left);
        drop_nulls(right);
        add_differences("payload index " + path, left, right, differences);
      }
    }
  } catch (const Json::exception& error) {
    differences.push_back(fmt::format("configurations cannot be compared: {}", error.what()));
  }
  return differences;
}

Status check_collection_name(std::string_view name) {
  if (name.empty() || name.size() > 255) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("a collection name has 1 to 255 bytes, '{}' has {}", name,
                                     name.size())});
  }
  const auto bad = std::find_if(name.begin(), name.end(), is_forbidden);
  if (bad != name.end()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("collection name '{}' has the character '{}'", name, *bad),
                 .next = "choose a name without < > : \" / \\ | ? * and control characters"});
  }
  return Status::OK();
}

Status check_vector_name(std::string_view name) {
  if (name.size() > 200) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("vector name of {} bytes; 200 are possible", name.size()),
                 .next = "rename it: --rename-vector OLD=NEW"});
  }
  const auto bad = std::find_if(name.begin(), name.end(), is_forbidden);
  if (bad != name.end()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("vector name '{}' has the character '{}'", name, *bad),
                 .next = "rename it: --rename-vector OLD=NEW"});
  }
  return Status::OK();
}

}  // namespace vecferry
