#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/base/curl_connections.h"
#include "vecferry/base/error.h"

namespace vecferry {

struct PostReply {
  int status = 0;
  std::string body{};
  std::optional<std::chrono::milliseconds> retry_after{};  ///< as the server asked
};

/// POSTs JSON to one address over kept connections. Redirects are not followed, for the key would
/// go along. Thread: safe for concurrent use; each request in flight has a connection of its own.
class HttpPost {
 public:
  static Result<std::unique_ptr<HttpPost>> make(std::string url, const std::string& bearer,
                                                std::string ca_file);
  ~HttpPost();
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;

  /// Any answer is a reply, whatever its status; one longer than `most_bytes` is kIncompatible.
  /// Errors: kUnavailable and kTimeout, retryable where the same may pass later; kRefused for a
  /// certificate; kCancelled within 0.2 s of a stop.
  Result<PostReply> send(std::string_view json, std::chrono::milliseconds timeout,
                         size_t most_bytes, const StopToken& stop);

 private:
  struct Transfer;
  HttpPost(std::string url, std::string authorization, std::string ca_file);

  std::string url_;
  std::string authorization_;  // the header line; empty: none
  std::string ca_file_;
  std::atomic<bool> answered_ = false;
  CurlConnections connections_;
};

}  // namespace vecferry
