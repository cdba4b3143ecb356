#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/server/collections.h"

/// `vecferry serve`: Qdrant's REST and gRPC in front of local places (docs/serve.md).
namespace vecferry::server {

struct ServerOptions {
  std::vector<std::filesystem::path> places{};
  /// More places, whose collections can be read and no more.
  std::vector<std::filesystem::path> read_only_places{};
  std::string host = "127.0.0.1";
  int http_port = 6333;                               ///< 0: any free one
  std::optional<std::string> grpc{"127.0.0.1:6334"};  ///< host and port; none: no gRPC
  std::vector<std::string> api_keys{};
  std::vector<std::string> read_only_api_keys{};
  bool read_only = false;
  bool optimise = true;
};

/// Thread: safe for concurrent use.
class Server {
 public:
  /// Serves when it returns.
  /// Errors: kConflict for a place or a port that is in use, kUsage, kIncompatible, kIo.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int http_port() const;
  /// 0 without gRPC.
  int grpc_port() const;
  Collections& collections();

  /// Take no new requests, answer those at work, close the places.
  void stop();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vecferry::server
