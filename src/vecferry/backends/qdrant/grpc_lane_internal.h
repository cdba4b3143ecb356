#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/backends/qdrant/retry_internal.h"
#include "vecferry/base/error.h"

namespace vecferry::remote {

struct GrpcOptions {
  std::string target{};  ///< "host:6334"
  std::string place{};   ///< for messages
  bool tls = false;
  std::string ca_file{};  ///< empty: the system's
  std::string proxy{};
  bool use_proxy = true;
  std::vector<std::pair<std::string, std::string>> metadata{};  ///< lower-case names
};

/// The bytes of a message that came.
class GrpcMessage {
 public:
  GrpcMessage() = default;
  explicit GrpcMessage(grpc::Slice slice) : slice_(std::move(slice)) {}
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }

 private:
  grpc::Slice slice_;
};

/// A message to send, kept for another try; gRPC reads it where it lies.
using GrpcPayload = std::shared_ptr<const std::string>;

/// One request in flight; it goes on while nobody waits. Destroying it cancels it. Outlived by its
/// lane.
/// Thread: one caller at a time.
class GrpcCall {
 public:
  ~GrpcCall();
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  /// Wait for the answer, at most once. A stop cancels the call within 0.2 s.
  Attempt wait(const StopToken& stop, GrpcMessage* message);
  /// From start to answer; call after `wait`.
  Milliseconds latency() const;

 private:
  friend class GrpcLane;
  struct State;
  explicit GrpcCall(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

/// One channel, which is one connection: a lane has its own, for a connection is served by one
/// core. Bytes go in and out as they are. Replies are not compressed: the server's gzip costs seven
/// times what it saves. Thread: safe for concurrent use.
class GrpcLane {
 public:
  /// Does not connect. Errors: those of reading the CA file.
  static Result<std::unique_ptr<GrpcLane>> open(GrpcOptions options);
  ~GrpcLane();
  GrpcLane(const GrpcLane&) = delete;
  GrpcLane& operator=(const GrpcLane&) = delete;

  /// The connection has failed, and the next call may find it so.
  bool broken() const;
  /// `method` is a literal: "/qdrant.Points/Scroll".
  std::unique_ptr<GrpcCall> start(const char* method, const GrpcPayload& message,
                                  Milliseconds deadline);
  /// `start` and `wait`.
  Attempt call(const char* method, const GrpcPayload& message, Milliseconds deadline,
               const StopToken& stop, GrpcMessage* reply);

 private:
  struct Channel;
  explicit GrpcLane(std::unique_ptr<Channel> channel);
  std::unique_ptr<Channel> channel_;
};

}  // namespace vecferry::remote
