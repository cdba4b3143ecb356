#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "vecferry/embed/http_post_internal.h"

namespace vecferry {
namespace {

constexpr int kConnectTimeoutMs = 10'000;
constexpr size_t kMostIdle = 64;

// libcurl's codes in people's words.
Status transport_failure(CURLcode code, const char* detail, bool answered_before) {
  const std::string words = detail[0] == '\0' ? curl_easy_strerror(code) : detail;
  Failure failure{.kind = ErrorKind::kUnavailable,
                  .what = fmt::format("the connection broke: {}", words),
                  .next = "check that the server runs, and its own log",
                  .retryable = true};
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      failure.kind = ErrorKind::kUsage;
      failure.what = fmt::format("no address of a server: {}", words);
      failure.next = "write it like http://localhost:8080";
      failure.retryable = false;
      break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      failure.what = fmt::format("no such host: {}", words);
      failure.next = "check the name in --embed-url";
      failure.retryable = false;
      break;
    case CURLE_COULDNT_CONNECT:
      failure.what = fmt::format("nothing answers there: {}", words);
      failure.next = "start the server or check the port in --embed-url";
      failure.retryable = answered_before;  // else the address is wrong, and waiting is no help
      break;
    case CURLE_OPERATION_TIMEDOUT:
      failure.kind = ErrorKind::kTimeout;
      failure.what = fmt::format("no answer in time: {}", words);
      failure.next =
          "a slow server takes fewer texts at once (--embed-batch) or more time "
          "(--embed-timeout)";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      failure.kind = ErrorKind::kRefused;
      failure.what = fmt::format("the server's certificate is not trusted: {}", words);
      failure.next = "name the certificate of its authority with --ca-file";
      failure.retryable = false;
      break;
    default:
      break;
  }
  return fail(std::move(failure));
}

}  // namespace

struct HttpPost::Transfer {
  PostReply reply{};
  size_t most_bytes = 0;
  bool too_long = false;
  std::array<char, CURL_ERROR_SIZE> error{};

  static size_t take_body(char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::string_view piece(data, size * count);
    transfer.too_long = transfer.reply.body.size() + piece.size() > transfer.most_bytes;
    if (transfer.too_long) {
      return 0;
    }
    transfer.reply.body.append(piece);
    return piece.size();
  }
};

HttpPost::HttpPost(std::string url, std::string authorization, std::string ca_file)
    : url_(std::move(url)),
      authorization_(std::move(authorization)),
      ca_file_(std::move(ca_file)),
      connections_(kMostIdle) {}
HttpPost::~HttpPost() = default;

Result<std::unique_ptr<HttpPost>> HttpPost::make(std::string url, const std::string& bearer,
                                                 std::string ca_file) {
  ARROW_RETURN_NOT_OK(CurlConnections::start());
  return std::unique_ptr<HttpPost>(new HttpPost(
      std::move(url), bearer.empty() ? "" : "Authorization: Bearer " + bearer, std::move(ca_file)));
}

Result<PostReply> HttpPost::send(std::string_view json, std::chrono::milliseconds timeout,
                                 size_t most_bytes, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  ARROW_ASSIGN_OR_RAISE(auto connection, connections_.take());
  CURL* easy = connection->easy();
  Transfer transfer{.most_bytes = most_bytes};
  CurlHeaders headers;
  headers.add("Content-Type: application/json");
  headers.add("Expect:");
  if (!authorization_.empty()) {
    headers.add(authorization_);
  }
  curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.first());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(json.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json.data());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, long{kConnectTimeoutMs});
  curl_easy_setopt(
      easy, CURLOPT_TIMEOUT_MS,
      static_cast<long>(timeout.count()));  // NOLINT(google-runtime-int): libcurl's type
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  if (!ca_file_.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
  }

  ARROW_ASSIGN_OR_RAISE(const int code, connection->perform(stop));
  long status = 0;  // NOLINT(google-runtime-int): libcurl's type
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  if (transfer.too_long) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the answer is longer than {} bytes", most_bytes),
                 .next = "check that the address is that of an OpenAI-compatible server"});
  }
  if (code != CURLE_OK) {
    return transport_failure(static_cast<CURLcode>(code), transfer.error.data(), answered_);
  }
  answered_ = true;
  transfer.reply.status = static_cast<int>(status);
  if (retry_after > 0) {
    transfer.reply.retry_after = std::chrono::seconds(retry_after);
  }
  connections_.give_back(std::move(connection));
  return std::move(transfer.reply);
}

}  // namespace vecferry
