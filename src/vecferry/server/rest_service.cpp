#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/version.h"
#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

const auto kStarted = std::chrono::system_clock::now();

// The official clients refuse a reply without `startup`.
std::string telemetry(const Collections& collections) {
  return fmt::format(R"({{"id":"vecferry","app":{{"name":"vecferry","version":"{}",)"
                     R"("startup":"{:%Y-%m-%dT%H:%M:%S}Z"}},)"
                     R"("collections":{{"number_of_collections":{}}}}})",
                     kSpokenVersion, fmt::gmtime(std::chrono::system_clock::to_time_t(kStarted)),
                     collections.names().size());
}

std::string metrics(const Collections& collections) {
  std::string out = fmt::format(
      "# HELP app_info information about qdrant server\n# TYPE app_info gauge\n"
      "app_info{{name=\"vecferry\",version=\"{}\"}} 1\n"
      "# HELP collections_total number of collections\n# TYPE collections_total gauge\n"
      "collections_total {}\n",
      kSpokenVersion, collections.names().size());
  uint64_t vectors = 0;
  std::string by_collection;
  for (const auto& name : collections.names()) {
    const auto collection = collections.find(name);
    const auto info = collection.ok() ? (*collection)->info() : collection.status();
    const Json json = info.ok() ? Json::parse(*info, nullptr, false) : Json();
    if (json.is_object()) {
      const auto points = json.value("points_count", uint64_t{0});
      vectors += points * (*collection)->config()->vectors.size();
      by_collection += fmt::format("collection_points{{id={}}} {}\n", dump(Json(name)), points);
    }
  }
  return out + fmt::format(
                   "# HELP collections_vector_total total number of vectors in all collections\n"
                   "# TYPE collections_vector_total gauge\ncollections_vector_total {}\n"
                   "# HELP collection_points approximate amount of points per collection\n"
                   "# TYPE collection_points gauge\n{}",
                   vectors, by_collection);
}

}  // namespace

Result<RestAnswer> service_routes(RestCall& call) {
  const auto name = call.part(0);
  if (call.is("GET", 0)) {
    return RestAnswer{
        .body = fmt::format(R"({{"title":"qdrant - vector search engine","version":"{}"}})",
                            kSpokenVersion),
        .content_type = "application/json; charset=utf-8"};
  }
  if (call.is("GET", 1)) {
    if (name == "healthz" || name == "livez") {
      return text("healthz check passed");
    }
    if (name == "readyz") {
      return text("all shards are ready");
    }
    if (name == "cluster") {
      return enveloped(call, R"({"status":"disabled"})");
    }
    if (name == "metrics") {
      return text(metrics(call.collections));
    }
    if (name == "issues") {
      return enveloped(call, R"({"issues":[]})");
    }
    if (name == "telemetry") {
      return enveloped(call, telemetry(call.collections));
    }
    if (name == "snapshots") {
      return enveloped(call, "[]");
    }
  }
  if (name == "snapshots") {
    return not_served("snapshots of the whole storage; take one of each collection");
  }
  if (name == "cluster") {
    return not_served("cluster operations: this server is one node");
  }
  return not_found();
}

}  // namespace vecferry::server
