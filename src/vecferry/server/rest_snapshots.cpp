#include <fmt/format.h>

#include <charconv>

#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/snapshots.h"
#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;

Json info_json(const wire::SnapshotInfo& info) {
  Json json = {{"name", info.name}, {"creation_time", info.created}, {"size", info.size_bytes}};
  if (!info.sha256.empty()) {
    json["checksum"] = info.sha256;
  }
  return json;
}

// With wait=false a server answers 202 and goes on; this one has done it by then.
Result<RestAnswer> done(const RestCall& call, std::string_view result) {
  ARROW_ASSIGN_OR_RAISE(const bool wait, call.flag("wait", true));
  if (wait) {
    return enveloped(call, result);
  }
  constexpr int kAccepted = 202;
  return RestAnswer{.status = kAccepted,
                    .body = fmt::format(R"({{"status":"accepted","time":{}}})", call.seconds()),
                    .content_type = "application/json; charset=utf-8"};
}

Status check_priority(std::string_view priority) {
  if (priority.empty() || priority == "no_sync" || priority == "snapshot" ||
      priority == "replica") {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("Deserialize error in query parameters: unknown variant `{}`, "
                                   "expected one of `no_sync`, `snapshot`, `replica`",
                                   priority)});
}

std::string parameter(const RestCall& call, const char* name) {
  const auto found = call.request.query.find(name);
  return found == call.request.query.end() ? std::string() : found->second;
}

Result<RestAnswer> recover_from(RestCall& call, const SnapshotScope& scope) {
  ARROW_RETURN_NOT_OK(call.need_manage());
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(call.request.body));
  RecoverArgs args;
  for (const auto& [key, value] :
       {std::pair("location", &args.location), std::pair("checksum", &args.checksum),
        std::pair("api_key", &args.api_key)}) {
    if (const auto found = json.find(key); found != json.end() && found->is_string()) {
      *value = found->get<std::string>();
    }
  }
  if (args.location.empty()) {
    return format_error("missing field `location`");
  }
  const Json priority = json.value("priority", Json());
  ARROW_RETURN_NOT_OK(check_priority(priority.is_string() ? priority.get<std::string>() : ""));
  ARROW_RETURN_NOT_OK(recover(call.collections, scope, args));
  return done(call, "true");
}

Result<RestAnswer> upload(RestCall& call, const SnapshotScope& scope) {
  ARROW_RETURN_NOT_OK(call.need_manage());
  if (call.request.upload.empty()) {
    constexpr int kBadRequest = 400;
    RestAnswer missing = text("Required field is missing: snapshot");
    missing.status = kBadRequest;
    return missing;
  }
  ARROW_RETURN_NOT_OK(check_priority(parameter(call, "priority")));
  const std::string checksum = parameter(call, "checksum");
  ARROW_RETURN_NOT_OK(check_checksum(checksum));
  if (!checksum.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto computed, file_checksum(call.request.upload));
    if (computed != checksum) {
      return fail(
          {.kind = ErrorKind::kUsage,
           .what = fmt::format("Checksum mismatch: expected {}, actual {}", computed, checksum)});
    }
  }
  ARROW_RETURN_NOT_OK(recover_file(call.collections, scope, call.request.upload));
  return done(call, scope.shard ? "null" : "true");
}

Result<RestAnswer> one_snapshot(RestCall& call, const SnapshotScope& scope, std::string_view name) {
  if (call.method() == "GET") {
    auto file = find_snapshot(call.collections, scope, name);
    if (!file.ok()) {
      constexpr int kNotFound = 404;
      RestAnswer missing = text(failure_of(file.status()).what);
      missing.status = kNotFound;
      return missing;
    }
    return RestAnswer{
        .content_type = "application/octet-stream", .file = *file, .file_name = std::string(name)};
  }
  if (call.method() == "DELETE") {
    ARROW_RETURN_NOT_OK(call.need_write(scope.collection));
    ARROW_RETURN_NOT_OK(delete_snapshot(call.collections, scope, name));
    return done(call, "true");
  }
  return not_found();
}

Result<RestAnswer> streamed(RestCall& call, const SnapshotScope& scope) {
  ARROW_RETURN_NOT_OK(call.need_write(scope.collection));
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, stream_snapshot(call.collections, scope));
  return RestAnswer{.content_type = "application/octet-stream",
                    .file = snapshot.file,
                    .file_name = snapshot.name,
                    .file_is_ours = true};
}

}  // namespace

Result<RestAnswer> snapshot_routes(RestCall& call) {
  SnapshotScope scope{.collection = std::string(call.part(1))};
  size_t next = 2;
  if (call.part(2) == "shards") {
    uint64_t shard = 0;
    const auto id = call.part(3);
    if (std::from_chars(id.data(), id.data() + id.size(), shard).ptr != id.data() + id.size()) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format(
                       "Deserialize error in path parameters: can not parse \"{}\" to a u32", id)});
    }
    scope.shard = shard;
    next = 4;
  }
  const size_t below = call.parts() - next - 1;
  if (call.part(next) == "snapshot") {
    return call.method() == "GET" && below == 0 ? streamed(call, scope)
                                                : not_served("partial snapshots");
  }
  const auto what = call.part(next + 1);
  if (below == 0 && call.method() == "GET") {
    ARROW_ASSIGN_OR_RAISE(const auto all, list_snapshots(call.collections, scope));
    Json list = Json::array();
    for (const auto& info : all) {
      list.push_back(info_json(info));
    }
    return enveloped(call, dump(list));
  }
  if (below == 0 && call.method() == "POST") {
    ARROW_RETURN_NOT_OK(call.need_write(scope.collection));
    ARROW_ASSIGN_OR_RAISE(const auto info, create_snapshot(call.collections, scope));
    return done(call, dump(info_json(info)));
  }
  if (below == 1 && what == "recover" && call.method() == "PUT") {
    return recover_from(call, scope);
  }
  if (below == 1 && what == "upload" && call.method() == "POST") {
    return upload(call, scope);
  }
  return below == 1 ? one_snapshot(call, scope, what) : Result<RestAnswer>(not_found());
}

}  // namespace vecferry::server
