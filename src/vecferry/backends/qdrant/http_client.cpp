#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "vecferry/backends/qdrant/http_client_internal.h"

namespace vecferry::remote {
namespace {

// Qdrant closes idle connections after 5 s.
constexpr curl_off_t kKeepSeconds = 4;
constexpr size_t kMostIdle = 16;
constexpr size_t kMostBody = size_t{2} << 30;  // a page in memory; files go to a sink

struct MimeGuard {
  curl_mime* mime = nullptr;
  ~MimeGuard() { curl_mime_free(mime); }
};

bool same_word(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
         });
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// libcurl's codes in people's words.
Status transport_failure(CURLcode code, const char* detail, const std::string& base_url,
                         const std::string& where) {
  Failure failure{.kind = ErrorKind::kUnavailable, .where = where, .retryable = true};
  const std::string words = detail[0] == '\0' ? curl_easy_strerror(code) : detail;
  const std::string doctor = fmt::format("`vecferry doctor {}` tells more", base_url);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      failure.what = fmt::format("no such host: {}", words);
      failure.next = "check the name in the address";
      failure.retryable = false;
      break;
    case CURLE_COULDNT_CONNECT:
      failure.what = fmt::format("nothing answers at {}: {}", base_url, words);
      failure.next = "start the server or check the port; " + doctor;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      failure.kind = ErrorKind::kTimeout;
      failure.what = fmt::format("no answer in time: {}", words);
      failure.next = doctor;
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      failure.kind = ErrorKind::kRefused;
      failure.what = fmt::format("the server's certificate is not trusted: {}", words);
      failure.next = "name the certificate of its authority with --ca-file";
      failure.retryable = false;
      break;
    case CURLE_SSL_CONNECT_ERROR:
      failure.what = fmt::format("no TLS with {}: {}", base_url, words);
      failure.next = "a server without TLS is reached with http://";
      failure.retryable = false;
      break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      failure.kind = ErrorKind::kIncompatible;
      failure.what = fmt::format("the answer of {} is not HTTP: {}", base_url, words);
      failure.next = "try https://, and check that this is the REST port (6333), not gRPC's";
      failure.retryable = false;
      break;
    default:
      failure.what = fmt::format("the connection to {} broke: {}", base_url, words);
      failure.next = "check that the server runs; " + doctor;
      break;
  }
  return fail(std::move(failure));
}

}  // namespace

struct HttpClient::Transfer {
  const HttpRequest& request;
  HttpReply reply{};
  Status status{};  // of the sink or the upload
  std::array<char, CURL_ERROR_SIZE> error{};

  static size_t take_body(char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::string_view piece(data, size * count);
    if (transfer.request.sink && transfer.reply.good()) {
      transfer.status = transfer.request.sink(piece);
      return transfer.status.ok() ? piece.size() : 0;
    }
    if (transfer.reply.body.size() + piece.size() > kMostBody) {
      return 0;
    }
    transfer.reply.body.append(piece);
    return piece.size();
  }

  static size_t take_header(char* data, size_t size, size_t count, void* self) {
    auto& reply = static_cast<Transfer*>(self)->reply;
    const std::string_view line(data, size * count);
    if (line.rfind("HTTP/", 0) == 0) {  // also after an interim reply
      const size_t blank = line.find(' ');
      reply.status = blank == std::string_view::npos ? 0 : std::atoi(line.data() + blank + 1);
      return line.size();
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return line.size();
    }
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (same_word(name, "retry-after")) {
      reply.retry_after = value;
    } else if (same_word(name, "date")) {
      reply.date = value;
    }
    return line.size();
  }

  static size_t give_upload(char* buffer, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const auto read = transfer.request.upload->read({buffer, size * count});
    if (!read.ok()) {
      transfer.status = read.status();
      return CURL_READFUNC_ABORT;
    }
    return *read;
  }
};

HttpClient::HttpClient(HttpOptions options)
    : options_(std::move(options)), connections_(kMostIdle) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpOptions options) {
  ARROW_RETURN_NOT_OK(CurlConnections::start());
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(options)));
}

Status HttpClient::perform(CurlConnection& connection, Transfer& transfer,
                           const StopToken& stop) const {
  const auto& request = transfer.request;
  CURL* easy = connection.easy();
  const std::string url = options_.base_url + request.path;
  CurlHeaders headers;
  for (const auto& [name, value] : options_.headers) {
    headers.add(name + ": " + value);
  }
  headers.add("Accept-Encoding:");
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L << 10);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, long{kKeepSeconds});
  curl_easy_setopt(
      easy, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(
          options_.connect_timeout.count()));  // NOLINT(google-runtime-int): libcurl's type
  curl_easy_setopt(
      easy, CURLOPT_TIMEOUT_MS,
      static_cast<long>(request.timeout.count()));  // NOLINT(google-runtime-int): libcurl's type
  if (request.stall.count() > 0) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(  // NOLINT(google-runtime-int): libcurl's type
                         std::chrono::ceil<std::chrono::seconds>(request.stall).count()));
  }
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  if (!options_.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  }
  if (!options_.use_proxy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else if (!options_.proxy.empty()) {
    curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
  }
  MimeGuard form;
  if (request.upload != nullptr) {
    form.mime = curl_mime_init(easy);
    curl_mimepart* part = curl_mime_addpart(form.mime);
    curl_mime_name(part, request.upload->field.c_str());
    curl_mime_filename(part, request.upload->file_name.c_str());
    curl_mime_data_cb(part, request.upload->size_bytes, &Transfer::give_upload, nullptr, nullptr,
                      &transfer);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, form.mime);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else if (!request.body.empty()) {
    headers.add("Content-Type: application/json");
    headers.add("Expect:");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.first());

  ARROW_ASSIGN_OR_RAISE(const int code, connection.perform(stop));
  curl_off_t length = -1;
  curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length >= 0) {
    transfer.reply.content_length = static_cast<uint64_t>(length);
  }
  ARROW_RETURN_NOT_OK(transfer.status);
  if (code == CURLE_OK) {
    return Status::OK();
  }
  return transport_failure(
      static_cast<CURLcode>(code), transfer.error.data(), options_.base_url,
      fmt::format("{} {}", request.method, request.path.substr(0, request.path.find('?'))));
}

Result<HttpReply> HttpClient::send(const HttpRequest& request, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  for (bool again = false;; again = true) {
    ARROW_ASSIGN_OR_RAISE(auto connection, connections_.take());
    Transfer transfer{.request = request};
    // libcurl itself sends again over a fresh connection when a kept one is dead: what must not
    // happen twice never goes over a kept one.
    if (again || !request.repeatable) {
      curl_easy_setopt(connection->easy(), CURLOPT_FRESH_CONNECT, 1L);
    }
    const Status status = perform(*connection, transfer, stop);
    if (status.ok()) {
      connections_.give_back(std::move(connection));
      return std::move(transfer.reply);
    }
    // A refused request may close its connection, which shows with the next one on it.
    int64_t reused = 0;
    long connects = 0;  // NOLINT(google-runtime-int): libcurl's type
    curl_easy_getinfo(connection->easy(), CURLINFO_NUM_CONNECTS, &connects);
    reused = connects == 0 ? 1 : 0;
    const bool silent = transfer.reply.status == 0 && kind_of(status) == ErrorKind::kUnavailable;
    if (again || reused == 0 || !silent || !request.repeatable || request.upload != nullptr) {
      return status;
    }
  }
}

}  // namespace vecferry::remote
