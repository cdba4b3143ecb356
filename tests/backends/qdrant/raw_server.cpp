#include "tests/backends/qdrant/raw_server.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vecferry::testing {
namespace {

size_t content_length(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const size_t at = head.find("content-length:");
  return at == std::string::npos
             ? 0
             : static_cast<size_t>(std::strtoull(head.c_str() + at + 15, nullptr, 10));
}

bool send_all(int descriptor, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const auto count = ::send(descriptor, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) {
      return false;
    }
    sent += static_cast<size_t>(count);
  }
  return true;
}

}  // namespace

std::string http_reply(int status, const std::string& body, const std::string& headers) {
  return fmt::format("HTTP/1.1 {} Said\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(),
                     headers, body);
}

std::string ok_reply(const std::string& result) {
  return http_reply(200, fmt::format(R"({{"result":{},"status":"ok","time":0.0}})", result));
}

std::string error_reply(int status, const std::string& words, const std::string& headers) {
  return http_reply(status, fmt::format(R"({{"status":{{"error":"{}"}},"time":0.0}})", words),
                    headers);
}

RawServer::RawServer(Handler handler)
    : handler_(std::move(handler)),
      listener_([this](int connection, int descriptor) { serve(connection, descriptor); }) {}

std::string RawServer::url() const {
  return fmt::format("http://127.0.0.1:{}", port());
}

void RawServer::serve(int connection, int descriptor) {
  std::string received;
  std::array<char, 65536> buffer{};
  const auto more = [&] {
    const auto count = ::recv(descriptor, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      received.append(buffer.data(), static_cast<size_t>(count));
    }
    return count > 0;
  };
  for (int number = 0;; ++number) {
    size_t end = 0;
    while ((end = received.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) {
        return;
      }
    }
    RawRequest request{.connection = connection, .number = number};
    request.head = received.substr(0, end);
    received.erase(0, end + 4);
    const size_t length = content_length(request.head);
    while (received.size() < length) {
      if (!more()) {
        return;
      }
    }
    request.body = received.substr(0, length);
    received.erase(0, length);
    const size_t first = request.head.find(' ');
    request.method = request.head.substr(0, first);
    request.path = request.head.substr(first + 1, request.head.find(' ', first + 1) - first - 1);
    const auto reply = handler_(request);
    if (reply.hold) {
      while (more()) {
      }
      return;
    }
    if (!send_all(descriptor, reply.bytes) || reply.close) {
      ::shutdown(descriptor, SHUT_RDWR);
      return;
    }
  }
}

}  // namespace vecferry::testing
