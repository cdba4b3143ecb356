#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::server {
namespace {

std::string update_json(const UpdateResult& result) {
  return fmt::format(R"({{"operation_id":{},"status":"{}"}})", result.operation_id,
                     result.completed ? "completed" : "acknowledged");
}

// Errors that Qdrant finds only when it applies an operation, which has its number by then.
bool found_when_applied(const Status& status) {
  const std::string what = failure_of(status).what;
  return what.rfind("Wrong input: Not existing vector name", 0) == 0 ||
         what.rfind("Wrong input: Conversion between", 0) == 0;
}

Result<UpdateMode> mode_of(const std::string& text) {
  if (text.empty() || text == "upsert") {
    return UpdateMode::kUpsert;
  }
  if (text == "insert_only") {
    return UpdateMode::kInsertOnly;
  }
  if (text == "update_only") {
    return UpdateMode::kUpdateOnly;
  }
  return format_error(
      fmt::format("unknown variant `{}`, expected one of `upsert`, `insert_only`, "
                  "`update_only`",
                  text));
}

Result<UpdateResult> upsert(Collection& collection, std::string* body, bool wait) {
  ARROW_ASSIGN_OR_RAISE(auto schema, collection.schema());
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(std::move(schema)));
  wire::RestPointsReader reader(builder.get(), wire::Direction::kRequest);
  const auto head = reader.upsert(body);
  if (!head.ok()) {
    if (found_when_applied(head.status())) {
      collection.skip_operation();
    }
    return head.status();
  }
  if (!head->shard_keys.empty()) {
    return bad_request(fmt::format("Shard key \"{}\" not found", head->shard_keys.front()));
  }
  ARROW_ASSIGN_OR_RAISE(const UpdateMode mode, mode_of(head->update_mode));
  ARROW_ASSIGN_OR_RAISE(const auto points, builder->finish());
  return collection.upsert(points, {.mode = mode, .filter = head->update_filter, .wait = wait});
}

Result<std::string> batch(Collection& collection, const std::string& body, bool wait) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  const auto operations = json.find("operations");
  if (operations == json.end() || !operations->is_array()) {
    return format_error("missing field `operations`");
  }
  std::string results = "[";
  for (const auto& operation : *operations) {
    if (!operation.is_object() || operation.size() != 1) {
      return format_error("data did not match any variant of untagged enum UpdateOperation");
    }
    Result<UpdateResult> result = UpdateResult{};
    if (operation.contains("upsert")) {
      std::string points = dump(operation["upsert"]);
      result = upsert(collection, &points, wait);
    } else {
      result = collection.apply(dump(operation), wait);
    }
    ARROW_RETURN_NOT_OK(result.status());
    results += (results.size() > 1 ? "," : "") + update_json(*result);
  }
  return results + "]";
}

struct Route {
  std::string_view method;
  std::string_view path;  // below points/
  std::string_view operation;
};

constexpr std::array<Route, 7> kRoutes{{
    {"POST", "delete", "delete"},
    {"PUT", "vectors", "update_vectors"},
    {"POST", "vectors/delete", "delete_vectors"},
    {"POST", "payload", "set_payload"},
    {"PUT", "payload", "overwrite_payload"},
    {"POST", "payload/delete", "delete_payload"},
    {"POST", "payload/clear", "clear_payload"},
}};

}  // namespace

Result<RestAnswer> point_write_routes(RestCall& call, Collection& collection) {
  auto& body = call.request.body;
  if (call.is("PUT", 3)) {
    ARROW_RETURN_NOT_OK(call.need_write(call.part(1)));
    ARROW_ASSIGN_OR_RAISE(const bool wait, call.flag("wait", false));
    ARROW_ASSIGN_OR_RAISE(const auto result, upsert(collection, &body, wait));
    return enveloped(call, update_json(result));
  }
  std::string path(call.part(3));
  if (call.parts() == 5) {
    path += "/";
    path += call.part(4);
  }
  if (call.method() == "POST" && path == "batch") {
    ARROW_RETURN_NOT_OK(call.need_write(call.part(1)));
    ARROW_ASSIGN_OR_RAISE(const bool wait, call.flag("wait", false));
    ARROW_ASSIGN_OR_RAISE(const auto results, batch(collection, body, wait));
    return enveloped(call, results);
  }
  for (const auto& route : kRoutes) {
    if (call.method() != route.method || path != route.path || call.parts() > 5) {
      continue;
    }
    ARROW_RETURN_NOT_OK(call.need_write(call.part(1)));
    ARROW_ASSIGN_OR_RAISE(const bool wait, call.flag("wait", false));
    ARROW_RETURN_NOT_OK(parse_body(body).status());
    ARROW_ASSIGN_OR_RAISE(
        const auto result,
        collection.apply(fmt::format(R"({{"{}":{}}})", route.operation, body), wait));
    return enveloped(call, update_json(result));
  }
  return not_found();
}

}  // namespace vecferry::server
