#include <fmt/format.h>

#include <utility>

#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/words.h"

/// points/query and the older searches, which are queries in other words.
namespace vecferry::server {
namespace {

void move_member(Json* from, const char* key, Json* to) {
  if (const auto found = from->find(key); found != from->end()) {
    (*to)[key] = std::move(*found);
    from->erase(found);
  }
}

// points/search: {"vector": […]} or {"vector": {"name", "vector"}}.
Status from_search(Json* body) {
  const auto found = body->find("vector");
  if (found == body->end()) {
    return format_error("missing field `vector`");
  }
  Json vector = std::move(*found);
  body->erase(found);
  if (vector.is_object() && vector.contains("name")) {
    (*body)["using"] = vector["name"];
    vector = Json(vector.value("vector", Json()));
  }
  (*body)["query"] = {{"nearest", std::move(vector)}};
  return Status::OK();
}

void from_recommend(Json* body) {
  Json recommend = Json::object();
  for (const char* key : {"positive", "negative", "strategy"}) {
    move_member(body, key, &recommend);
  }
  (*body)["query"] = {{"recommend", std::move(recommend)}};
}

void from_discover(Json* body) {
  Json discover = Json::object();
  for (const char* key : {"target", "context"}) {
    move_member(body, key, &discover);
  }
  const bool target = discover.contains("target") && !discover["target"].is_null();
  (*body)["query"] = target ? Json{{"discover", discover}}
                            : Json{{"context", discover.value("context", Json::array())}};
}

// The body of points/query that a body of `kind` stands for.
Result<Json> as_query(std::string_view kind, Json body) {
  if (!body.is_object()) {
    return format_error("invalid type: expected a map");
  }
  if (kind == "query") {
    return body;
  }
  // In recommend, `using` may be {"name": …} too.
  if (kind == "search") {
    ARROW_RETURN_NOT_OK(from_search(&body));
  } else if (kind == "recommend") {
    from_recommend(&body);
  } else {
    from_discover(&body);
  }
  return body;
}

Result<std::string> run(Collection& collection, const Json& body) {
  ARROW_ASSIGN_OR_RAISE(const auto selection, read_selection(body, {.payload = false}));
  ARROW_ASSIGN_OR_RAISE(const auto rows, collection.query(dump(body)));
  std::string list;
  ARROW_RETURN_NOT_OK(append_records(rows, selection, &list));
  return list;
}

std::string as_result(std::string_view kind, const std::string& list) {
  return kind == "query" ? fmt::format(R"({{"points":{}}})", list) : list;
}

Result<std::string> groups(Collection& collection, const Json& body) {
  ARROW_ASSIGN_OR_RAISE(const auto selection, read_selection(body, {.payload = false}));
  ARROW_ASSIGN_OR_RAISE(const auto found, collection.query_groups(dump(body)));
  std::string result = "{\"groups\":[";
  for (const auto& group : found) {
    result += result.back() == '[' ? "{\"hits\":" : ",{\"hits\":";
    ARROW_RETURN_NOT_OK(append_records(group.hits, selection, &result));
    result += ",\"id\":" + group.id + "}";
  }
  return result + "]}";
}

}  // namespace

Result<RestAnswer> search_routes(RestCall& call, Collection& collection) {
  const auto kind = call.part(3);
  const auto form = call.part(4);
  if (call.parts() > 5 || (call.parts() == 5 && form != "batch" && form != "groups")) {
    return form == "matrix" ? not_served("search matrices") : Result<RestAnswer>(not_found());
  }
  ARROW_ASSIGN_OR_RAISE(Json body, parse_body(call.request.body));
  if (form == "batch") {
    const auto searches = body.find("searches");
    if (searches == body.end() || !searches->is_array()) {
      return format_error("missing field `searches`");
    }
    std::string results = "[";
    for (auto& search : *searches) {
      ARROW_ASSIGN_OR_RAISE(const Json query, as_query(kind, std::move(search)));
      ARROW_ASSIGN_OR_RAISE(const auto list, run(collection, query));
      results += (results.size() > 1 ? "," : "") + as_result(kind, list);
    }
    return enveloped(call, results + "]");
  }
  ARROW_ASSIGN_OR_RAISE(const Json query, as_query(kind, std::move(body)));
  if (form == "groups") {
    ARROW_ASSIGN_OR_RAISE(const auto found, groups(collection, query));
    return enveloped(call, found);
  }
  ARROW_ASSIGN_OR_RAISE(const auto list, run(collection, query));
  return enveloped(call, as_result(kind, list));
}

}  // namespace vecferry::server
