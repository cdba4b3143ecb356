#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/endpoint_internal.h"
#include "vecferry/backends/qdrant/http_client_internal.h"
#include "vecferry/backends/qdrant/idle_lanes_internal.h"
#include "vecferry/backends/qdrant/qdrant_options.h"
#include "vecferry/backends/qdrant/retry_internal.h"
#include "vecferry/base/error.h"
#include "vecferry/wire/features.h"

namespace vecferry::remote {

/// May a request be sent again when it is not known what became of it?
enum class Repeat { kSafe, kNever };

struct RestCall {
  std::string method = "GET";
  std::string path{};  ///< with the query
  std::string_view body{};
  Milliseconds timeout{60000};  ///< 0: none
  Repeat repeat = Repeat::kSafe;
  Milliseconds stall{0};  ///< give up when nothing at all moved for so long; 0: never
  /// Takes the body of a 2xx reply piece by piece. Errors come back as they are.
  std::function<Status(std::string_view)> sink{};
  const Upload* upload = nullptr;
};

/// A REST answer that is an Attempt as well.
struct RestAttempt {
  Attempt attempt{};
  HttpReply reply{};
};

/// A server that answered: where it is, what it can do, how to call it.
/// Thread: safe for concurrent use.
class Connection {
 public:
  /// Asks the server for its version and finds out whether gRPC answers.
  /// Errors: those of reaching it; kIncompatible for a version that is too old, or when gRPC is
  /// asked for and does not answer.
  static Result<std::shared_ptr<Connection>> open(QdrantOptions options, const StopToken& stop);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const QdrantOptions& options() const { return options_; }
  const Endpoint& endpoint() const { return endpoint_; }
  const wire::Features& features() const { return features_; }
  bool uses_grpc() const { return uses_grpc_; }
  /// "collection 'shop' at http://host:6333".
  std::string place_of(std::string_view collection) const;

  /// One try.
  RestAttempt rest_once(const RestCall& call, const StopToken& stop) const;
  /// Tries until it is answered or given up; the text of `result`.
  Result<std::string> rest(const RestCall& call, const StopToken& stop) const;
  /// The same, the whole body.
  Result<std::string> rest_body(const RestCall& call, const StopToken& stop) const;

  /// For whoever gives up: a server that was not reached for as long as we try counts as dead until
  /// it answers again.
  void gave_up(const Status& status) const;
  bool seems_dead() const { return dead_; }

  HttpClient& http() const { return *http_; }
  /// A channel of its own while it is held.
  Result<BorrowedLane> lane() const;
  /// Collection info as gRPC tells it, in the form of REST's `result`.
  Result<std::string> info_over_grpc(std::string_view collection, const StopToken& stop) const;

 private:
  Connection(QdrantOptions options, Endpoint endpoint);
  Result<std::string> find_version(const StopToken& stop) const;
  /// `failure`, of a REST port that does not answer, and whether gRPC does.
  Status without_rest(const Status& failure, const StopToken& stop) const;
  Status find_grpc(const StopToken& stop);
  Status check_grpc(const StopToken& stop) const;
  Result<std::vector<std::string>> names_over_grpc(const StopToken& stop) const;

  QdrantOptions options_;
  Endpoint endpoint_;
  std::unique_ptr<HttpClient> http_;
  wire::Features features_{};
  std::shared_ptr<IdleLanes> idle_lanes_;
  BorrowedLane control_lane_;  // for small questions
  bool uses_grpc_ = false;
  mutable std::atomic<bool> dead_ = false;
};

/// "/collections/NAME" with the name percent-encoded.
std::string collection_path(std::string_view collection);

/// The HTTP client and the gRPC channel that these options describe; `doctor` looks at each alone.
Result<std::unique_ptr<HttpClient>> make_http_client(const QdrantOptions& options,
                                                     const Endpoint& endpoint);
Result<std::unique_ptr<GrpcLane>> make_grpc_lane(const QdrantOptions& options,
                                                 const Endpoint& endpoint);

/// The version that gRPC's health check tells.
Result<std::string> version_over_grpc(GrpcLane& lane, Milliseconds deadline, const StopToken& stop);

}  // namespace vecferry::remote
