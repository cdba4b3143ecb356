#include "vecferry/base/curl_connections.h"

#include <curl/curl.h>

#include <utility>

namespace vecferry {
namespace {

constexpr int kPollMs = 100;

}  // namespace

CurlHeaders::~CurlHeaders() {
  curl_slist_free_all(first_);
}

void CurlHeaders::add(const std::string& line) {
  first_ = curl_slist_append(first_, line.c_str());
}

CurlConnection::CurlConnection() : multi_(curl_multi_init()), easy_(curl_easy_init()) {}

CurlConnection::~CurlConnection() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

Result<int> CurlConnection::perform(const StopToken& stop) {
  curl_multi_add_handle(multi_, easy_);
  Status stopped;
  for (int running = 1; running > 0 && stopped.ok();) {
    curl_multi_perform(multi_, &running);
    if (running > 0) {
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
      stopped = poll(stop);
    }
  }
  CURLcode code = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) {
      code = message->data.result;
    }
  }
  curl_multi_remove_handle(multi_, easy_);
  ARROW_RETURN_NOT_OK(stopped);
  return static_cast<int>(code);
}

Status CurlConnections::start() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  return ready == CURLE_OK ? Status::OK()
                           : fail({.kind = ErrorKind::kInternal, .what = "libcurl does not start"});
}

Result<std::unique_ptr<CurlConnection>> CurlConnections::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  auto connection = std::make_unique<CurlConnection>();
  if (!connection->complete()) {
    return fail({.kind = ErrorKind::kInternal, .what = "libcurl has no memory"});
  }
  return connection;
}

void CurlConnections::give_back(std::unique_ptr<CurlConnection> connection) {
  curl_easy_reset(connection->easy());
  const std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle_) {
    idle_.push_back(std::move(connection));
  }
}

}  // namespace vecferry
