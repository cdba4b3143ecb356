#pragma once

#include <functional>
#include <string>

#include "tests/backends/qdrant/listener.h"

namespace vecferry::testing {

struct RawRequest {
  int connection = 0;  ///< counted from 0
  int number = 0;      ///< on this connection, from 0
  std::string method{};
  std::string path{};
  std::string head{};  ///< request line and headers
  std::string body{};
};

struct RawReply {
  std::string bytes{};
  bool close = false;  ///< afterwards, without a word
  bool hold = false;   ///< never answer; the connection stays open
};

/// "HTTP/1.1 200 OK" and so on around a body.
std::string http_reply(int status, const std::string& body, const std::string& headers = {});
/// A JSON envelope of Qdrant around a result.
std::string ok_reply(const std::string& result);
std::string error_reply(int status, const std::string& words, const std::string& headers = {});

/// A server of HTTP/1.1 that answers byte by byte as a test says, also wrongly.
class RawServer {
 public:
  using Handler = std::function<RawReply(const RawRequest&)>;
  /// The handler is called from a thread a connection.
  explicit RawServer(Handler handler);

  int port() const { return listener_.port(); }
  std::string url() const;
  int connections() const { return listener_.accepted(); }

 private:
  void serve(int connection, int descriptor);

  Handler handler_;
  Listener listener_;
};

}  // namespace vecferry::testing
