#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vecferry/wire/rest_settings.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;

Json member(const Json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : Json();
}

// The fields of `wanted` that `current` has otherwise; null: none.
Json changed_fields(const Json& current, const Json& wanted) {
  Json changed;
  if (!wanted.is_object()) {
    return changed;
  }
  for (const auto& item : wanted.items()) {
    const Json before = member(current, item.key().c_str());
    if (before == item.value() || item.value().is_null()) {
      continue;
    }
    if (item.value().is_object() && before.is_object()) {
      if (Json inner = changed_fields(before, item.value()); !inner.is_null()) {
        changed[item.key()] = std::move(inner);
      }
    } else {
      changed[item.key()] = item.value();
    }
  }
  return changed;
}

void add(const char* key, Json value, Json* body) {
  if (!value.is_null()) {
    (*body)[key] = std::move(value);
  }
}

// It is replaced whole, and this word takes it away.
Json quantization_change(const Json& current, const Json& wanted) {
  const Json before = member(current, "quantization_config");
  const Json after = member(wanted, "quantization_config");
  if (before == after) {
    return {};
  }
  return after.is_null() ? Json("Disabled") : after;
}

Json metadata_change(const Json& current, const Json& wanted) {
  const auto keys_of = [](const Json& settings) {
    Json keys = member(settings, "metadata");
    return keys.is_object() ? keys : Json::object();
  };
  const Json before = keys_of(current);
  const Json after = keys_of(wanted);
  Json changed;
  for (const auto& item : after.items()) {
    if (member(before, item.key().c_str()) != item.value()) {
      changed[item.key()] = item.value();
    }
  }
  for (const auto& item : before.items()) {
    if (!after.contains(item.key())) {
      changed[item.key()] = nullptr;
    }
  }
  return changed;
}

Json dense_change(const Json& current, const Json& wanted) {
  Json changed;
  for (const char* field : {"hnsw_config", "on_disk", "memory"}) {
    const Json before = member(current, field);
    const Json after = member(wanted, field);
    if (before == after || after.is_null()) {
      continue;
    }
    Json value = after.is_object() ? changed_fields(before, after) : after;
    add(field, std::move(value), &changed);
  }
  add("quantization_config", quantization_change(current, wanted), &changed);
  return changed;
}

Json named(const Json& vectors) {
  return member(vectors, "size").is_number() ? Json{{"", vectors}} : vectors;
}

Json vectors_change(const Json& current, const Json& wanted, bool sparse) {
  const char* key = sparse ? "sparse_vectors" : "vectors";
  const Json before = named(member(current, key));
  const Json after = named(member(wanted, key));
  Json changed;
  if (!after.is_object()) {
    return changed;
  }
  for (const auto& item : after.items()) {
    const Json old = member(before, item.key().c_str());
    Json change = sparse ? changed_fields(old, item.value()) : dense_change(old, item.value());
    if (!change.is_null()) {
      changed[item.key()] = std::move(change);
    }
  }
  return changed;
}

}  // namespace

Result<std::string> patch_body(const CollectionConfig& current, const CollectionConfig& wanted) {
  const Json before = Json::parse(current.settings_json, nullptr, false);
  const Json after = Json::parse(wanted.settings_json, nullptr, false);
  if (!before.is_object() || !after.is_object()) {
    return fail({.kind = ErrorKind::kCorrupt, .what = "settings that are no JSON object"});
  }
  Json body = Json::object();
  for (const auto& [from, to] :
       {std::pair("hnsw_config", "hnsw_config"), std::pair("optimizer_config", "optimizers_config"),
        std::pair("strict_mode_config", "strict_mode_config")}) {
    add(to, changed_fields(member(before, from), member(after, from)), &body);
  }
  add("quantization_config", quantization_change(before, after), &body);
  add("metadata", metadata_change(before, after), &body);
  const Json old_params = member(before, "params");
  Json new_params = member(after, "params");
  add("vectors", vectors_change(old_params, new_params, false), &body);
  add("sparse_vectors", vectors_change(old_params, new_params, true), &body);
  if (new_params.is_object()) {
    new_params.erase("vectors");
    new_params.erase("sparse_vectors");
    new_params.erase("shard_keys");
  }
  add("params", changed_fields(old_params, new_params), &body);
  return body.empty() ? std::string() : body.dump();
}

}  // namespace vecferry::wire
