#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "vecferry/model/payload_path.h"
#include "vecferry/server/collection_internal.h"
#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

bool selects_points(const Json& body) {
  return body.contains("points") || body.contains("filter");
}

Status no_variant(std::string_view type) {
  return format_error(fmt::format("data did not match any variant of untagged enum {}", type));
}

}  // namespace

Result<Json> shard_info(const engine::Shard& shard) {
  ARROW_ASSIGN_OR_RAISE(const auto text, in_qdrants_words(shard.info()));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail({.what = "Service internal error: what the engine says of itself is odd"});
  }
  return json;
}

Result<PayloadIndex> as_indexed(PayloadIndex index) {
  const auto path = parse_payload_path(index.path);
  if (!path) {
    return format_error(fmt::format("Invalid json path: '{}'", index.path));
  }
  index.path = to_string(*path);
  return index;
}

namespace {

// The points or the filter that an operation is about.
Status check_selected(const std::string& operation, const Json& body) {
  const auto points = body.find("points");
  if (points == body.end() || points->is_null()) {
    const auto filter = body.find("filter");
    return filter == body.end() || filter->is_null() ? Status::OK()
                                                     : read_filter(dump(*filter)).status();
  }
  if (!points->is_array()) {
    return format_error("invalid type: expected a sequence");
  }
  if (points->empty()) {
    return bad_request("Empty update request");
  }
  for (const auto& point : *points) {
    const bool has_vectors = operation == "update_vectors" && point.is_object();
    ARROW_RETURN_NOT_OK(read_point_id(has_vectors ? point.value("id", Json()) : point).status());
  }
  return Status::OK();
}

// `vectors` is an old name of `vector`.
Result<Json> checked_delete_vectors(Json body, const CollectionConfig& config) {
  if (body.contains("vectors") && !body.contains("vector")) {
    body["vector"] = body["vectors"];
  }
  for (const auto& vector : body.value("vector", Json::array())) {
    if (!vector.is_string() || !config.vector(vector.get<std::string>()).ok()) {
      return wrong_input(fmt::format("Not existing vector name error: {}",
                                     vector.is_string() ? vector.get<std::string>() : ""));
    }
  }
  return body;
}

}  // namespace

Result<std::string> checked_operation(std::string_view operation, const CollectionConfig& config) {
  ARROW_ASSIGN_OR_RAISE(Json json, parse_body(operation));
  if (json.size() != 1 || !json.begin()->is_object()) {
    return no_variant("UpdateOperation");
  }
  const std::string name = json.begin().key();
  constexpr std::array<std::string_view, 7> kNames{
      "delete",        "set_payload",    "overwrite_payload", "delete_payload",
      "clear_payload", "update_vectors", "delete_vectors"};
  if (std::find(kNames.begin(), kNames.end(), name) == kNames.end()) {
    return no_variant("UpdateOperation");
  }
  if ((name == "delete" || name == "clear_payload") && !selects_points(json[name])) {
    return no_variant("PointsSelector");
  }
  ARROW_RETURN_NOT_OK(check_selected(name, json[name]));
  if (name == "delete_vectors") {
    ARROW_ASSIGN_OR_RAISE(json[name], checked_delete_vectors(json[name], config));
  }
  return dump(json);
}

Status check_query(const Json& body) {
  if (const auto filter = body.find("filter"); filter != body.end() && !filter->is_null()) {
    ARROW_RETURN_NOT_OK(read_filter(dump(*filter)).status());
  }
  if (const auto limit = body.find("limit"); limit != body.end() && *limit == 0) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "Validation error in JSON body: [limit: value 0 invalid, must be 1 or "
                         "larger]"});
  }
  for (const char* key : {"lookup_from", "with_lookup"}) {
    if (const auto found = body.find(key); found != body.end() && !found->is_null()) {
      return not_served(fmt::format("`{}` in a query", key));
    }
  }
  if (const auto query = body.find("query"); query != body.end() && query->is_object()) {
    for (const char* kind : {"formula", "relevance_feedback", "text", "image", "object"}) {
      if (query->contains(kind)) {
        return not_served(fmt::format("a query of `{}`", kind));
      }
    }
  }
  return Status::OK();
}

}  // namespace vecferry::server
