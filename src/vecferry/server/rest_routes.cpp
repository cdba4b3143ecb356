#include "vecferry/server/rest_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/backend/location.h"
#include "vecferry/server/json_syntax.h"
#include "vecferry/server/rest_routes_internal.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::server {
namespace {

constexpr size_t kLongestName = 255;

// In characters, as Qdrant counts.
size_t length_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

Status check_name(std::string_view name) {
  const auto wrong = [](std::string what) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("Validation error in path parameters: [collection_name: {}]",
                                     std::move(what))});
  };
  if (name.empty() || length_of(name) > kLongestName) {
    return wrong(fmt::format("value \"{}\" invalid, must be from 1 to 255 characters", name));
  }
  if (name.find('/') != std::string_view::npos) {
    return wrong("collection name cannot contain \"/\" char");
  }
  if (name.find('\0') != std::string_view::npos) {
    return wrong("collection name cannot contain \"\\0\" char");
  }
  return Status::OK();
}

Result<RestAnswer> under_collection(RestCall& call) {
  ARROW_RETURN_NOT_OK(check_name(call.part(1)));
  const auto topic = call.part(2);
  if (call.parts() == 2 || topic == "exists" || topic == "cluster" || topic == "vectors" ||
      topic == "optimizations" || topic == "memory") {
    return collection_routes(call);
  }
  if (topic == "aliases") {
    return alias_routes(call);
  }
  if (topic == "index") {
    return index_routes(call);
  }
  if (topic == "snapshots" || (topic == "shards" && call.part(4).substr(0, 8) == "snapshot")) {
    return snapshot_routes(call);
  }
  if (topic == "shards" && call.part(4) == "points") {
    if (call.part(3) != "0") {
      ARROW_RETURN_NOT_OK(call.collections.find(call.part(1)).status());
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("Not found: shard {} not found", call.part(3))});
    }
    auto& path = call.request.path;
    path.erase(path.begin() + 2, path.begin() + 4);
    return point_routes(call);
  }
  if (topic == "shards") {
    return collection_routes(call);
  }
  if (topic == "points" || topic == "facet") {
    return point_routes(call);
  }
  return not_found();
}

Result<RestAnswer> route(RestCall& call) {
  const auto root = call.part(0);
  if (root == "collections" && call.parts() >= 2) {
    if (call.parts() == 2 && call.part(1) == "aliases" && call.method() == "POST") {
      return alias_routes(call);
    }
    return under_collection(call);
  }
  if (root == "collections") {
    return collection_routes(call);
  }
  if (root == "aliases") {
    return alias_routes(call);
  }
  return service_routes(call);
}

RestAnswer refusal(const RestCall& call, const Status& status) {
  const Failure failure = failure_of(in_qdrants_words(status));
  constexpr int kNotImplemented = 501;
  std::string what = failure.what;
  // Our parsers say that it is no JSON, this says where.
  if (what.rfind("Format error in JSON body", 0) == 0) {
    if (const auto wrong = json_syntax_error(call.request.body)) {
      what = "Format error in JSON body: " + *wrong;
    }
  }
  return {.status = is_not_served(failure) ? kNotImplemented : wire::http_status_of(failure),
          .body = wire::error_body(what, call.seconds()),
          .content_type = "application/json; charset=utf-8"};
}

}  // namespace

Result<bool> RestCall::flag(const char* name, bool otherwise) const {
  const auto found = request.query.find(name);
  if (found == request.query.end()) {
    return otherwise;
  }
  if (found->second == "true" || found->second == "false") {
    return found->second == "true";
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = "Deserialize error in query parameters: provided string was not `true` or "
                       "`false`"});
}

Status RestCall::need_write(std::string_view collection) const {
  return request.may_write
             ? Status::OK()
             : refused(fmt::format("Write access to collection {} is required", collection));
}

Status RestCall::need_manage() const {
  return request.may_write ? Status::OK() : refused("Global manage access is required");
}

// The charset keeps the HTTP library from compressing, which costs more than it saves nearby.
RestAnswer enveloped(const RestCall& call, std::string_view result) {
  return {.body = wire::ok_body(result, call.seconds()),
          .content_type = "application/json; charset=utf-8"};
}

RestAnswer text(std::string body) {
  return {.body = std::move(body), .content_type = "text/plain; charset=utf-8"};
}

RestAnswer not_found() {
  constexpr int kNotFound = 404;
  return {.status = kNotFound};
}

std::optional<RestTarget> read_target(std::string_view target) {
  RestTarget read;
  const size_t mark = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, mark);
  std::string_view query = target.substr(std::min(mark + 1, target.size()));
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(end);
    if (part.empty() && path.empty()) {
      break;  // a slash at the end
    }
    auto decoded = percent_decode(part);
    if (!decoded.ok()) {
      return std::nullopt;
    }
    read.path.push_back(*std::move(decoded));
  }
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    auto key = percent_decode(pair.substr(0, equals));
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!key.ok() || !value.ok()) {
      return std::nullopt;
    }
    read.query[*std::move(key)] = *std::move(value);
  }
  return read;
}

RestAnswer answer(Collections& collections, RestRequest request) {
  RestCall call{.collections = collections, .request = request};
  auto routed = route(call);
  return routed.ok() ? *std::move(routed) : refusal(call, routed.status());
}

}  // namespace vecferry::server
