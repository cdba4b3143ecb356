#include <fmt/format.h>
#include <qdrant.pb.h>

#include <algorithm>

#include "vecferry/backend/location.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/grpc_lane_internal.h"
#include "vecferry/base/log.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kProbeDeadline{5000};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return text;
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
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "what answers is no Qdrant server",
                 .next = "check the port of gRPC (6334)"});
  }
  return reply.version();
}

Connection::Connection(QdrantOptions options, Endpoint endpoint)
    : options_(std::move(options)), endpoint_(std::move(endpoint)) {}
Connection::~Connection() = default;

Result<std::shared_ptr<Connection>> Connection::open(QdrantOptions options, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto endpoint, endpoint_of(options));
  std::shared_ptr<Connection> connection(new Connection(std::move(options), std::move(endpoint)));
  ARROW_ASSIGN_OR_RAISE(connection->http_,
                        make_http_client(connection->options_, connection->endpoint_));
  // A server that is not there is said at once, and not waited for.
  const auto hello = connection->rest_once({.path = "/"}, stop);
  ARROW_RETURN_NOT_OK(hello.attempt.status);
  ARROW_ASSIGN_OR_RAISE(const auto version, wire::version_of(hello.reply.body));
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

Status Connection::find_grpc(const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto lane, this->lane());
  const auto version = version_over_grpc(*lane, kProbeDeadline, stop);
  if (version.ok()) {
    if (*version == to_string(features_.version) || wire::features_of(*version).ok()) {
      uses_grpc_ = true;
      return Status::OK();
    }
    return version.status();
  }
  ARROW_RETURN_NOT_OK(poll(stop));
  if (options_.transport == Transport::kGrpc) {
    return version.status();
  }
  log(LogLevel::kInfo, "gRPC does not answer; points go over REST",
      {{"address", endpoint_.grpc_target}, {"why", failure_of(version.status()).what}});
  return Status::OK();
}

std::string Connection::place_of(std::string_view collection) const {
  return fmt::format("collection '{}' at {}", collection, endpoint_.place);
}

RestAttempt Connection::rest_once(const RestCall& call, const StopToken& stop) const {
  RestAttempt result;
  auto reply = http_->send({.method = call.method,
                            .path = call.path,
                            .body = call.body,
                            .timeout = call.timeout,
                            .repeatable = call.repeat == Repeat::kSafe},
                           stop);
  if (!reply.ok()) {
    result.attempt.status = reply.status();
    return result;
  }
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
    ARROW_RETURN_NOT_OK(backoff.again(result.attempt, stop));
  }
}

Result<std::string> Connection::rest(const RestCall& call, const StopToken& stop) const {
  ARROW_ASSIGN_OR_RAISE(const auto body, rest_body(call, stop));
  return wire::result_of(body);
}

Result<std::unique_ptr<GrpcLane>> Connection::lane() const {
  return make_grpc_lane(options_, endpoint_);
}

}  // namespace vecferry::remote
