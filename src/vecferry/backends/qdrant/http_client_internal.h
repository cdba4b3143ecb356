#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/base/curl_connections.h"
#include "vecferry/base/error.h"

namespace vecferry::remote {

struct HttpOptions {
  std::string base_url{};                                      ///< without a trailing slash
  std::vector<std::pair<std::string, std::string>> headers{};  ///< sent with every request
  std::string ca_file{};                                       ///< empty: the system's
  std::string proxy{};                                         ///< empty: what the environment says
  bool use_proxy = true;  ///< false: none, whatever the environment says
  std::chrono::milliseconds connect_timeout{10000};
};

/// A file that is sent as one field of a form, read as it goes.
struct Upload {
  std::string field{};
  std::string file_name{};
  int64_t size_bytes = -1;  ///< -1: not known, sent in chunks
  /// Fill the span; 0 at the end.
  std::function<Result<size_t>(std::span<char>)> read{};
};

struct HttpRequest {
  std::string method = "GET";
  std::string path{};       ///< with the query; already percent-encoded
  std::string_view body{};  ///< JSON; outlives the call
  const Upload* upload = nullptr;
  std::chrono::milliseconds timeout{0};  ///< 0: none
  std::chrono::milliseconds stall{0};    ///< without any byte either way; 0: no bound
  /// May be sent once more when a kept connection turns out to be dead: all but what must not
  /// happen twice.
  bool repeatable = true;
  /// Takes the body of a 2xx reply piece by piece; the reply's own body stays empty.
  std::function<Status(std::string_view)> sink{};
};

struct HttpReply {
  int status = 0;
  std::string body{};
  std::string retry_after{};
  std::string date{};
  std::optional<uint64_t> content_length{};

  bool good() const { return status >= 200 && status < 300; }
};

/// HTTP/1.1 to one server over kept connections (over HTTP/2 a refused upload would lose its
/// status). Thread: safe for concurrent use; each request in flight has a connection of its own.
class HttpClient {
 public:
  static Result<std::unique_ptr<HttpClient>> make(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Any answer of the server is a reply, whatever its status.
  /// Errors: kUnavailable and kTimeout, retryable; kRefused for a certificate; kCancelled within
  /// 0.2 s of a stop; what the sink or the upload returned.
  Result<HttpReply> send(const HttpRequest& request, const StopToken& stop);

 private:
  struct Transfer;
  explicit HttpClient(HttpOptions options);
  Status perform(CurlConnection& connection, Transfer& transfer, const StopToken& stop) const;

  HttpOptions options_;
  CurlConnections connections_;
};

}  // namespace vecferry::remote
