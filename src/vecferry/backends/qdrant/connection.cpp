#include <collections.pb.h>
#include <fmt/format.h>
#include <qdrant.pb.h>

#include <algorithm>

#include "vecferry/backend/location.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/base/log.h"
#include "vecferry/wire/grpc_settings.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kProbeDeadline{5000};
constexpr int kHellos = 4;  // a connection may break once

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return text;
}

Status no_qdrant() {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "what answers is no Qdrant server",
               .next = "check the port of gRPC (6334)"});
}

// The same in both transports.
std::vector<std::pair<std::string, std::string>> headers_of(const QdrantOptions& options) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : options.headers) {
    headers.emplace_back(lower(name), value);
  }
  if (!options.api_key.empty()) {
    headers.emplace_back("api-key", options.api_key);
  }
  if (!options.bearer_token.empty()) {
    headers.emplace_back("authorization", "Bearer " + options.bearer_token);
  }
  return headers;
}

}  // namespace

std::string collection_path(std::string_view collection) {
  return "/collections/" + percent_encode(collection);
}

Result<std::unique_ptr<HttpClient>> make_http_client(const QdrantOptions& options,
                                                     const Endpoint& endpoint) {
  return HttpClient::make({.base_url = endpoint.rest_url,
                           .headers = headers_of(options),
                           .ca_file = options.ca_file,
                           .proxy = options.proxy,
                           .use_proxy = !endpoint.loopback,
                           .connect_timeout = options.connect_timeout});
}

Result<std::unique_ptr<GrpcLane>> make_grpc_lane(const QdrantOptions& options,
                                                 const Endpoint& endpoint) {
  return GrpcLane::open({.target = endpoint.grpc_target,
                         .place = endpoint.place,
                         .tls = endpoint.tls,
                         .ca_file = options.ca_file,
                         .proxy = options.proxy,
                         .use_proxy = !endpoint.loopback,
                         .metadata = headers_of(options)});
}

Result<std::string> version_over_grpc(GrpcLane& lane, Milliseconds deadline,
                                      const StopToken& stop) {
  GrpcMessage message;
  const auto attempt = lane.call("/qdrant.Qdrant/HealthCheck", std::make_shared<std::string>(),
                                 deadline, stop, &message);
  ARROW_RETURN_NOT_OK(attempt.status);
  ::qdrant::HealthCheckReply reply;
  if (!reply.ParseFromArray(message.bytes().data(), static_cast<int>(message.bytes().size()))) {
    return no_qdrant();
  }
  return reply.version();
}

Connection::Connection(QdrantOptions options, Endpoint endpoint)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      idle_lanes_(
          std::make_shared<IdleLanes>([this] { return make_grpc_lane(options_, endpoint_); })) {}
Connection::~Connection() = default;

Result<std::shared_ptr<Connection>> Connection::open(QdrantOptions options, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto endpoint, endpoint_of(options));
  std::shared_ptr<Connection> connection(new Connection(std::move(options), std::move(endpoint)));
  ARROW_ASSIGN_OR_RAISE(connection->http_,
                        make_http_client(connection->options_, connection->endpoint_));
  const auto version_told = connection->find_version(stop);
  if (!version_told.ok()) {
    return connection->without_rest(version_told.status(), stop);
  }
  const auto& version = *version_told;
  ARROW_ASSIGN_OR_RAISE(connection->features_, wire::features_of(version));
  if (connection->options_.transport != Transport::kRest) {
    ARROW_RETURN_NOT_OK(connection->find_grpc(stop));
  }
  log(LogLevel::kInfo, "connected",
      {{"place", connection->endpoint_.place},
       {"version", version},
       {"points", connection->uses_grpc_ ? "grpc" : "rest"}});
  return connection;
}

// A server that is not there is said within a second, and not waited for as one that we work with.
Result<std::string> Connection::find_version(const StopToken& stop) const {
  Backoff backoff(options_.retry, wall_timer());
  for (int tries = 1;; ++tries) {
    const auto hello = rest_once({.path = "/"}, stop);
    if (hello.attempt.status.ok()) {
      return wire::version_of(hello.reply.body);
    }
    if (tries == kHellos) {
      return hello.attempt.status;
    }
    ARROW_RETURN_NOT_OK(backoff.again(hello.attempt, stop));
  }
}

// Some deployments open gRPC's port alone: then the message should not say that nothing is there.
Status Connection::without_rest(const Status& failure, const StopToken& stop) const {
  constexpr Milliseconds kShort{2000};
  Failure told = failure_of(failure);
  if (!told.retryable || options_.transport == Transport::kRest) {
    return failure;
  }
  auto lane = make_grpc_lane(options_, endpoint_);
  ARROW_RETURN_NOT_OK(lane.status());
  const auto version = version_over_grpc(**lane, kShort, stop);
  ARROW_RETURN_NOT_OK(poll(stop));
  if (!version.ok()) {
    return failure;
  }
  told.what =
      fmt::format("gRPC answers at {}, REST does not: {}", endpoint_.grpc_target, told.what);
  told.next = fmt::format(
      "open REST's port, too ({}): settings, counts and deletions go over it. Where it is "
      "another one, write its address as url and gRPC's as grpc_url in vecferry.toml",
      endpoint_.rest_url);
  return fail(std::move(told));
}

Result<std::vector<std::string>> Connection::names_over_grpc(const StopToken& stop) const {
  GrpcMessage message;
  const auto attempt = control_lane_->call(
      "/qdrant.Collections/List", std::make_shared<std::string>(), kProbeDeadline, stop, &message);
  ARROW_RETURN_NOT_OK(attempt.status);
  ::qdrant::ListCollectionsResponse reply;
  if (!reply.ParseFromArray(message.bytes().data(), static_cast<int>(message.bytes().size()))) {
    return no_qdrant();
  }
  std::vector<std::string> names;
  for (const auto& collection : reply.collections()) {
    names.push_back(collection.name());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Whatever answers at the neighbouring port may be another server: it must have the same
// collections. (Readers and writers look at theirs once more.)
Status Connection::check_grpc(const StopToken& stop) const {
  ARROW_ASSIGN_OR_RAISE(const auto version,
                        version_over_grpc(*control_lane_, kProbeDeadline, stop));
  ARROW_RETURN_NOT_OK(wire::features_of(version).status());
  constexpr int kTries = 3;  // one may just be made
  for (int i = 0; i < kTries; ++i) {
    const auto listed = rest_once({.path = "/collections"}, stop);
    const auto names = names_over_grpc(stop);
    if (!listed.attempt.status.ok() || !names.ok()) {
      return poll(stop);  // without the right to look, the first real call says more
    }
    ARROW_ASSIGN_OR_RAISE(const auto result, wire::result_of(listed.reply.body));
    ARROW_ASSIGN_OR_RAISE(auto rest_names, wire::collection_names(result));
    std::sort(rest_names.begin(), rest_names.end());
    if (rest_names == *names) {
      return Status::OK();
    }
  }
  return fail({.kind = ErrorKind::kConflict,
               .what = fmt::format("what answers gRPC at {} is not the server at {}",
                                   endpoint_.grpc_target, endpoint_.rest_url),
               .where = endpoint_.place,
               .next = "name the right address with grpc_url in vecferry.toml"});
}

Status Connection::find_grpc(const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(control_lane_, lane());
  Status status = check_grpc(stop);
  Backoff backoff(options_.retry, wall_timer());
  for (int tries = 1; tries < kHellos && !status.ok() && kind_of(status) == ErrorKind::kUnavailable;
       ++tries) {
    ARROW_RETURN_NOT_OK(backoff.again({.status = status}, stop));
    status = check_grpc(stop);
  }
  if (status.ok()) {
    uses_grpc_ = true;
    return Status::OK();
  }
  ARROW_RETURN_NOT_OK(poll(stop));
  if (options_.transport == Transport::kGrpc) {
    return status;
  }
  log(LogLevel::kInfo, "points go over REST",
      {{"grpc", endpoint_.grpc_target}, {"why", failure_of(status).what}});
  return Status::OK();
}

Result<std::string> Connection::info_over_grpc(std::string_view collection,
                                               const StopToken& stop) const {
  ::qdrant::GetCollectionInfoRequest request;
  request.set_collection_name(std::string(collection));
  const auto body = std::make_shared<const std::string>(request.SerializeAsString());
  Backoff backoff(options_.retry, wall_timer());
  GrpcMessage message;
  for (;;) {
    const auto attempt =
        control_lane_->call("/qdrant.Collections/Get", body, options_.read_timeout, stop, &message);
    if (attempt.status.ok()) {
      break;
    }
    ARROW_RETURN_NOT_OK(backoff.again(attempt, stop));
  }
  ::qdrant::GetCollectionInfoResponse reply;
  if (!reply.ParseFromArray(message.bytes().data(), static_cast<int>(message.bytes().size()))) {
    return no_qdrant();
  }
  return wire::info_of(reply.result());
}

std::string Connection::place_of(std::string_view collection) const {
  return fmt::format("collection '{}' at {}", collection, endpoint_.place);
}

RestAttempt Connection::rest_once(const RestCall& call, const StopToken& stop) const {
  RestAttempt result;
  auto reply = http_->send({.method = call.method,
                            .path = call.path,
                            .body = call.body,
                            .upload = call.upload,
                            .timeout = call.timeout,
                            .stall = call.stall,
                            .repeatable = call.repeat == Repeat::kSafe,
                            .sink = call.sink},
                           stop);
  if (!reply.ok()) {
    result.attempt.status = reply.status();
    return result;
  }
  dead_ = false;
  result.reply = *std::move(reply);
  if (!result.reply.good()) {
    const std::string where = fmt::format(
        "{} {} at {}", call.method, call.path.substr(0, call.path.find('?')), endpoint_.place);
    auto failure = wire::rest_failure({.status = result.reply.status,
                                       .body = result.reply.body,
                                       .retry_after = result.reply.retry_after},
                                      where);
    result.attempt.retry_after = failure.retry_after;
    result.attempt.too_large = failure.too_large;
    result.attempt.about_points = result.reply.status == 400 || result.reply.status == 422;
    result.attempt.status = fail(std::move(failure.failure));
  }
  return result;
}

void Connection::gave_up(const Status& status) const {
  if (kind_of(status) == ErrorKind::kUnavailable) {
    dead_ = true;
  }
}

Result<std::string> Connection::rest_body(const RestCall& call, const StopToken& stop) const {
  Backoff backoff(options_.retry, wall_timer());
  for (;;) {
    auto result = rest_once(call, stop);
    if (result.attempt.status.ok()) {
      return std::move(result.reply.body);
    }
    if (call.repeat == Repeat::kNever) {
      return result.attempt.status;
    }
    if (Status status = backoff.again(result.attempt, stop); !status.ok()) {
      gave_up(status);
      return status;
    }
  }
}

Result<std::string> Connection::rest(const RestCall& call, const StopToken& stop) const {
  ARROW_ASSIGN_OR_RAISE(const auto body, rest_body(call, stop));
  return wire::result_of(body);
}

Result<BorrowedLane> Connection::lane() const {
  return idle_lanes_->take();
}

}  // namespace vecferry::remote
