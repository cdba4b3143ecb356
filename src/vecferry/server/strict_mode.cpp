#include "vecferry/server/strict_mode.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

using Json = nlohmann::json;

// The settings when strict mode is on, else null. Most collections say nothing of it, and their
// settings are not parsed.
Json settings(const CollectionConfig& config) {
  if (config.settings_json.find("strict_mode_config") == std::string::npos) {
    return {};
  }
  const Json json = Json::parse(config.settings_json, nullptr, false);
  const Json strict = json.is_object() ? json.value("strict_mode_config", Json()) : Json();
  return strict.is_object() && strict.value("enabled", Json(false)) == true ? strict : Json();
}

std::optional<uint64_t> number(const Json& json, const char* key) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (!json.is_object() || found == json.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return found->get<uint64_t>();
}

Status check(std::optional<uint64_t> value, std::optional<uint64_t> most, std::string_view what) {
  if (!value || !most || *value <= *most) {
    return Status::OK();
  }
  return bad_request(
      fmt::format("Limit exceeded {} > {} for \"{}\". Help: Reduce the \"{}\" parameter to or "
                  "below {}.",
                  *value, *most, what, what, *most));
}

}  // namespace

Status check_limit(const CollectionConfig& config, std::optional<uint64_t> limit) {
  return limit ? check(limit, number(settings(config), "max_query_limit"), "limit") : Status::OK();
}

Status check_upsert(const CollectionConfig& config, int64_t points) {
  return check(static_cast<uint64_t>(points), number(settings(config), "upsert_max_batchsize"),
               "upsert limit");
}

Status check_search(const CollectionConfig& config, const Json& body) {
  const Json strict = settings(config);
  if (strict.is_null()) {
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(check(number(body, "limit"), number(strict, "max_query_limit"), "limit"));
  const Json params = body.value("params", Json::object());
  const Json exact = params.is_object() ? params.value("exact", Json()) : Json();
  if (exact == true && strict.value("search_allow_exact", Json()) == false) {
    return bad_request("Exact search disabled!. Help: Set exact=false.");
  }
  return check(number(params, "hnsw_ef"), number(strict, "search_max_hnsw_ef"), "hnsw_ef");
}

Status check_index_count(const CollectionConfig& config, std::string_view path) {
  const auto most = number(settings(config), "max_payload_index_count");
  const auto& indexes = config.payload_indexes;
  const bool there = std::any_of(indexes.begin(), indexes.end(),
                                 [&](const auto& index) { return index.path == path; });
  if (!most || there || indexes.size() < *most) {
    return Status::OK();
  }
  return bad_request(fmt::format(
      "Collection already has the maximum number of payload indices ({}). Help: Please delete an "
      "existing index before creating a new one.",
      *most));
}

}  // namespace vecferry::server
