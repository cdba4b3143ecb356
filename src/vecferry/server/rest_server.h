#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/server/collections.h"

namespace vecferry::server {

struct RestOptions {
  std::string host = "127.0.0.1";
  int port = 6333;                      ///< 0: any free one
  std::vector<std::string> api_keys{};  ///< one of them is asked for; none: nobody is asked
  std::vector<std::string> read_only_api_keys{};
  int64_t max_request_bytes = int64_t{32} << 20U;  ///< of bodies, not of uploaded snapshots
};

/// Qdrant's REST over HTTP/1.1 in front of collections. One thread a connection.
/// Thread: safe for concurrent use.
class RestServer {
 public:
  /// Answers from now on. `collections` outlives the server.
  /// Errors: kConflict for an address that is taken or none.
  static Result<std::unique_ptr<RestServer>> start(Collections* collections,
                                                   const RestOptions& options);
  /// Stops.
  ~RestServer();
  RestServer(const RestServer&) = delete;
  RestServer& operator=(const RestServer&) = delete;

  int port() const;

  /// Take no new requests, and return when those at work are answered.
  void stop();

 private:
  class Impl;
  explicit RestServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry::server
