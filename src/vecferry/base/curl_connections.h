#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vecferry/base/error.h"

struct curl_slist;

/// What each of our HTTP clients does with libcurl, whatever it says on the wire: connections that
/// are kept, one request at a time on each, stopped at once.
namespace vecferry {

/// The header lines of a request; libcurl reads them until it is done.
class CurlHeaders {
 public:
  CurlHeaders() = default;
  CurlHeaders(const CurlHeaders&) = delete;
  CurlHeaders& operator=(const CurlHeaders&) = delete;
  ~CurlHeaders();
  void add(const std::string& line);
  curl_slist* first() const { return first_; }

 private:
  curl_slist* first_ = nullptr;
};

/// One easy handle in a multi handle of its own: the multi keeps the connection, and can be polled.
/// Thread: one caller at a time.
class CurlConnection {
 public:
  CurlConnection();
  CurlConnection(const CurlConnection&) = delete;
  CurlConnection& operator=(const CurlConnection&) = delete;
  ~CurlConnection();

  bool complete() const { return multi_ != nullptr && easy_ != nullptr; }
  /// libcurl's CURL*, for its options before and its facts after.
  void* easy() const { return easy_; }
  /// Carry out what the options say; libcurl's CURLcode. Errors: kCancelled within 0.2 s of a stop.
  Result<int> perform(const StopToken& stop);

 private:
  void* multi_;
  void* easy_;
};

/// Connections that wait for their next request. Thread: safe for concurrent use.
class CurlConnections {
 public:
  explicit CurlConnections(size_t most_idle) : most_idle_(most_idle) {}

  /// libcurl's own beginning, once a process. Errors: kInternal.
  static Status start();
  /// A kept one or a new one. Errors: kInternal without memory.
  Result<std::unique_ptr<CurlConnection>> take();
  /// After a request that went well: its options are forgotten, the connection is kept.
  void give_back(std::unique_ptr<CurlConnection> connection);

 private:
  const size_t most_idle_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<CurlConnection>> idle_;  // guarded by mutex_
};

}  // namespace vecferry
