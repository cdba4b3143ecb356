#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  int port() const { return port_; }
  std::string url() const;
  int connections() const { return accepted_; }

 private:
  void accept_all();
  void serve(int connection, int descriptor);

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::vector<int> descriptors_;      // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;
};

}  // namespace vecferry::testing
