#include <fmt/format.h>

#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::server {
namespace {

std::string alias_list(const Collections& collections, std::optional<std::string_view> of) {
  Json list = Json::array();
  for (const auto& [alias, collection] : collections.aliases(of)) {
    list.push_back({{"alias_name", alias}, {"collection_name", collection}});
  }
  return dump({{"aliases", list}});
}

std::string update_json(const UpdateResult& result) {
  return fmt::format(R"({{"operation_id":{},"status":"{}"}})", result.operation_id,
                     result.completed ? "completed" : "acknowledged");
}

Result<std::string> cluster_of(Collection& collection) {
  ARROW_ASSIGN_OR_RAISE(const uint64_t points, collection.count({}));
  return fmt::format(
      R"({{"peer_id":1,"shard_count":1,"local_shards":[{{"shard_id":0,"points_count":{},)"
      R"("state":"Active"}}],"remote_shards":[],"shard_transfers":[]}})",
      points);
}

Result<RestAnswer> one_collection(RestCall& call) {
  const auto name = call.part(1);
  if (call.method() == "GET") {
    ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(name));
    ARROW_ASSIGN_OR_RAISE(const auto info, collection->info());
    return enveloped(call, info);
  }
  if (call.method() == "PUT") {
    ARROW_RETURN_NOT_OK(call.need_manage());
    ARROW_RETURN_NOT_OK(call.collections.create(name, call.request.body));
    return flag_answer(call, true);
  }
  if (call.method() == "PATCH") {
    ARROW_RETURN_NOT_OK(call.need_manage());
    ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(name));
    ARROW_RETURN_NOT_OK(collection->patch(call.request.body));
    return flag_answer(call, true);
  }
  if (call.method() == "DELETE") {
    ARROW_RETURN_NOT_OK(call.need_manage());
    ARROW_ASSIGN_OR_RAISE(const bool dropped, call.collections.drop(name));
    return flag_answer(call, dropped);
  }
  return not_found();
}

}  // namespace

Result<RestAnswer> collection_routes(RestCall& call) {
  if (call.parts() == 1) {
    if (call.method() != "GET") {
      return not_found();
    }
    Json list = Json::array();
    for (const auto& name : call.collections.names()) {
      list.push_back({{"name", name}});
    }
    return enveloped(call, dump({{"collections", list}}));
  }
  if (call.parts() == 2) {
    return one_collection(call);
  }
  const auto topic = call.part(2);
  if (topic == "exists" && call.is("GET", 3)) {
    return enveloped(call,
                     fmt::format(R"({{"exists":{}}})", call.collections.exists(call.part(1))));
  }
  ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(call.part(1)));
  if (topic == "cluster" && call.is("GET", 3)) {
    ARROW_ASSIGN_OR_RAISE(const auto cluster, cluster_of(*collection));
    return enveloped(call, cluster);
  }
  if (topic == "shards" && call.is("GET", 3)) {
    return enveloped(call, "{}");
  }
  if (topic == "cluster") {
    return bad_request("Distributed mode disabled");
  }
  if (topic == "vectors") {
    return not_served("adding and removing vectors of a collection; make another one and copy");
  }
  return not_served(fmt::format("`{}` of a collection", topic));
}

Result<RestAnswer> alias_routes(RestCall& call) {
  if (call.is("GET", 1)) {
    return enveloped(call, alias_list(call.collections, std::nullopt));
  }
  if (call.is("GET", 3)) {
    return enveloped(call, alias_list(call.collections, call.part(1)));
  }
  if (call.is("POST", 2)) {
    ARROW_RETURN_NOT_OK(call.need_manage());
    ARROW_RETURN_NOT_OK(call.collections.change_aliases(call.request.body));
    return flag_answer(call, true);
  }
  return not_found();
}

Result<RestAnswer> index_routes(RestCall& call) {
  const bool create = call.is("PUT", 3);
  if (!create && !call.is("DELETE", 4)) {
    return not_found();
  }
  ARROW_RETURN_NOT_OK(call.need_write(call.part(1)));
  ARROW_ASSIGN_OR_RAISE(const bool wait, call.flag("wait", false));
  if (create) {
    ARROW_RETURN_NOT_OK(parse_body(call.request.body).status());
    ARROW_ASSIGN_OR_RAISE(const auto index, wire::index_of_body(call.request.body));
    ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(call.part(1)));
    ARROW_ASSIGN_OR_RAISE(const auto result, collection->create_index(index, wait));
    return enveloped(call, update_json(result));
  }
  ARROW_ASSIGN_OR_RAISE(const auto collection, call.collections.find(call.part(1)));
  ARROW_ASSIGN_OR_RAISE(const auto result, collection->delete_index(call.part(3), wait));
  return enveloped(call, update_json(result));
}

}  // namespace vecferry::server
