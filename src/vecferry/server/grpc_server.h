#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/server/collections.h"

namespace vecferry::server {

struct GrpcOptions {
  std::string address = "127.0.0.1:6334";  ///< port 0: any free one
  std::vector<std::string> api_keys{};     ///< one of them is asked for; none: nobody is asked
  std::vector<std::string> read_only_api_keys{};
  int64_t max_request_bytes = int64_t{256} << 20U;  ///< Qdrant has no bound here
  int threads = 0;  ///< requests at work at once; 0: by the processors
};

/// Qdrant's gRPC in front of collections. Requests are answered by a fixed number of threads, each
/// from its first byte to its last; replies are never compressed.
/// Thread: safe for concurrent use.
class GrpcServer {
 public:
  /// Answers from now on. `collections` outlives the server.
  /// Errors: kConflict for an address that is taken, kUsage for one that is none.
  static Result<std::unique_ptr<GrpcServer>> start(Collections* collections,
                                                   const GrpcOptions& options);
  /// Stops at once what is still there to stop.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  int port() const;

  /// Take no new requests, and wait until those at work are answered; after `patience` their
  /// clients hear that they were cancelled. Returns when no thread is at work any more.
  void stop(std::chrono::milliseconds patience);

 private:
  class Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry::server
