#include "vecferry/model/settings_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace vecferry {
namespace {

using Json = nlohmann::json;

Json member(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : Json();
}

// Field by field; what `wanted` leaves out stays.
void take_fields(Json& current, const Json& wanted) {
  if (!wanted.is_object()) {
    return;
  }
  if (!current.is_object()) {
    current = Json::object();
  }
  for (const auto& item : wanted.items()) {
    if (item.value().is_object()) {
      take_fields(current[item.key()], item.value());
    } else if (!item.value().is_null()) {
      current[item.key()] = item.value();
    }
  }
}

// As a whole: it can also be taken away.
void take_whole(Json& current, const Json& wanted, const char* key) {
  const Json value = member(wanted, key);
  if (value.is_null()) {
    current.erase(key);
  } else {
    current[key] = value;
  }
}

bool is_single(const Json& vectors) {
  return member(vectors, "size").is_number();
}

// The parameters of one dense vector, in the form for one and in that for several.
Json* vector_at(Json& vectors, const std::string& name) {
  if (is_single(vectors)) {
    return name.empty() ? &vectors : nullptr;
  }
  const auto found = vectors.is_object() ? vectors.find(name) : vectors.end();
  return vectors.is_object() && found != vectors.end() ? &*found : nullptr;
}

void take_vectors(const std::vector<VectorSpec>& specs, Json& current, Json& wanted) {
  for (const auto& spec : specs) {
    const bool sparse = spec.kind == VectorKind::kSparse;
    const char* key = sparse ? "sparse_vectors" : "vectors";
    if (!current.contains(key) || !wanted.contains(key)) {
      continue;
    }
    Json* into = vector_at(current[key], spec.name);
    const Json* from = vector_at(wanted[key], spec.name);
    if (into == nullptr || from == nullptr) {
      continue;
    }
    if (sparse) {
      Json index = member(*from, "index");
      if (index.is_object()) {
        index.erase("datatype");
        take_fields((*into)["index"], index);
      }
      continue;
    }
    for (const char* field : {"hnsw_config", "on_disk", "memory"}) {
      if (const Json value = member(*from, field); !value.is_null()) {
        take_fields(*into, Json{{field, value}});
      }
    }
    take_whole(*into, *from, "quantization_config");
  }
}

void drop_nulls(Json& json) {
  if (!json.is_object()) {
    return;
  }
  for (auto item = json.begin(); item != json.end();) {
    drop_nulls(*item);
    item = item->is_null() ? json.erase(item) : std::next(item);
  }
}

bool same_index(const PayloadIndex& a, const PayloadIndex& b) {
  Json left = Json::parse(a.schema_json);
  Json right = Json::parse(b.schema_json);
  drop_nulls(left);
  drop_nulls(right);
  return a.path == b.path && left == right;
}

// One that is there already keeps its words, so that it is not built again.
std::vector<PayloadIndex> indexes_as_wanted(const std::vector<PayloadIndex>& current,
                                            std::vector<PayloadIndex> wanted) {
  for (auto& index : wanted) {
    const auto same = std::find_if(current.begin(), current.end(),
                                   [&](const auto& each) { return same_index(each, index); });
    if (same != current.end()) {
      index = *same;
    }
  }
  return wanted;
}

}  // namespace

Result<CollectionConfig> with_settings_of(const CollectionConfig& current,
                                          const CollectionConfig& wanted) {
  CollectionConfig changed = current;
  try {
    changed.payload_indexes = indexes_as_wanted(current.payload_indexes, wanted.payload_indexes);
    Json settings = Json::parse(current.settings_json);
    Json other = Json::parse(wanted.settings_json);
    for (const char* key : {"hnsw_config", "optimizer_config", "strict_mode_config"}) {
      if (const Json value = member(other, key); value.is_object()) {
        take_fields(settings[key], value);
      }
    }
    for (const char* key : {"quantization_config", "metadata"}) {
      take_whole(settings, other, key);
    }
    if (settings.contains("params") && other.contains("params")) {
      for (const char* key :
           {"replication_factor", "write_consistency_factor", "read_fan_out_factor",
            "read_fan_out_delay_ms", "on_disk_payload", "payload"}) {
        if (const Json value = member(other["params"], key); !value.is_null()) {
          settings["params"][key] = value;
        }
      }
      take_vectors(current.vectors, settings["params"], other["params"]);
    }
    changed.settings_json = settings.dump();
  } catch (const Json::exception& error) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("settings cannot be changed: {}", error.what())});
  }
  return changed;
}

}  // namespace vecferry
