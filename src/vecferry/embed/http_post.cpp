#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "vecferry/embed/http_post_internal.h"

namespace vecferry {
namespace {

constexpr int kPollMs = 100;
constexpr int kConnectTimeoutMs = 10'000;

struct HeaderList {
  curl_slist* first = nullptr;

  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(first); }
  void add(const std::string& line) { first = curl_slist_append(first, line.c_str()); }
};

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

// One easy handle in a multi handle of its own: the multi keeps the connection, and can be polled.
struct HttpPost::Connection {
  CURLM* multi = curl_multi_init();
  CURL* easy = curl_easy_init();

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};

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
      ca_file_(std::move(ca_file)) {}
HttpPost::~HttpPost() = default;

Result<std::unique_ptr<HttpPost>> HttpPost::make(std::string url, const std::string& bearer,
                                                 std::string ca_file) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) {
    return fail({.kind = ErrorKind::kInternal, .what = "libcurl does not start"});
  }
  return std::unique_ptr<HttpPost>(new HttpPost(
      std::move(url), bearer.empty() ? "" : "Authorization: Bearer " + bearer, std::move(ca_file)));
}

std::unique_ptr<HttpPost::Connection> HttpPost::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) {
    return std::make_unique<Connection>();
  }
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void HttpPost::give_back(std::unique_ptr<Connection> connection) {
  curl_easy_reset(connection->easy);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(connection));
}

Result<PostReply> HttpPost::send(std::string_view json, std::chrono::milliseconds timeout,
                                 size_t most_bytes, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  auto connection = take();
  CURL* easy = connection->easy;
  CURLM* multi = connection->multi;
  if (easy == nullptr || multi == nullptr) {
    return fail({.kind = ErrorKind::kInternal, .what = "libcurl has no memory"});
  }
  Transfer transfer{.most_bytes = most_bytes};
  HeaderList headers;
  headers.add("Content-Type: application/json");
  headers.add("Expect:");
  if (!authorization_.empty()) {
    headers.add(authorization_);
  }
  curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.first);
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

  curl_multi_add_handle(multi, easy);
  Status stopped;
  for (int running = 1; running > 0 && stopped.ok();) {
    curl_multi_perform(multi, &running);
    if (running > 0) {
      curl_multi_poll(multi, nullptr, 0, kPollMs, nullptr);
      stopped = poll(stop);
    }
  }
  CURLcode code = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) {
      code = message->data.result;
    }
  }
  long status = 0;  // NOLINT(google-runtime-int): libcurl's type
  curl_off_t retry_after = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
  curl_multi_remove_handle(multi, easy);
  ARROW_RETURN_NOT_OK(stopped);
  if (transfer.too_long) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the answer is longer than {} bytes", most_bytes),
                 .next = "check that the address is that of an OpenAI-compatible server"});
  }
  if (code != CURLE_OK) {
    return transport_failure(code, transfer.error.data(), answered_);
  }
  answered_ = true;
  transfer.reply.status = static_cast<int>(status);
  if (retry_after > 0) {
    transfer.reply.retry_after = std::chrono::seconds(retry_after);
  }
  give_back(std::move(connection));
  return std::move(transfer.reply);
}

}  // namespace vecferry
