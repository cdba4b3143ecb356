#include "vecferry/engine/snapshot.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "vecferry/engine/c_api_internal.h"

namespace vecferry::engine {
namespace {

using Json = nlohmann::json;

// What a replica's state file says of the replica that it lies beside.
std::string state_of(const Json& replica) {
  if (!replica.is_object() || !replica.contains("peers") || !replica["peers"].is_object()) {
    return {};
  }
  const auto& peers = replica["peers"];
  const auto& self = replica.value("this_peer_id", Json());
  const auto found = peers.find(self.is_number() ? self.dump() : std::string());
  return found != peers.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<UnpackedSnapshot> parse(const Json& summary, const std::filesystem::path& folder) {
  UnpackedSnapshot snapshot;
  for (const auto& shard : summary["shards"]) {
    snapshot.shards.push_back(
        {.id = shard["id"].get<uint32_t>(),
         .folder = (folder / shard["path"].get<std::string>()).lexically_normal(),
         .replica_state = state_of(shard["replica_state"])});
  }
  if (summary["config"].is_object()) {
    ARROW_ASSIGN_OR_RAISE(
        snapshot.config, parse_collection_config(Json{{"format", "vecferry.collection"},
                                                      {"version", 1},
                                                      {"config", summary["config"]},
                                                      {"payload_schema", summary["payload_schema"]}}
                                                     .dump()));
  }
  return snapshot;
}

}  // namespace

Result<UnpackedSnapshot> unpack_snapshot(const std::filesystem::path& file,
                                         const std::filesystem::path& folder,
                                         const Progress& progress, const StopToken& stop) {
  const std::string where = fmt::format("snapshot '{}'", file.string());
  Ticker ticker{progress, stop};
  char* result = nullptr;
  ARROW_RETURN_NOT_OK(call(where, [&](char** message) {
    return vecferry_engine_unpack_snapshot(file.c_str(), folder.c_str(), Ticker::tick, &ticker,
                                           &result, message);
  }));
  try {
    const auto summary = Json::parse(text_of(CString(result)));
    auto snapshot = parse(summary, folder);
    return snapshot.ok() ? snapshot : widen(snapshot.status(), where);
  } catch (const Json::exception& error) {
    return fail({.what = fmt::format("the engine's summary of a snapshot: {}", error.what()),
                 .where = where});
  }
}

}  // namespace vecferry::engine
