#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>

#include "tests/backends/qdrant/raw_server.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/qdrant/http_client_internal.h"

namespace vecferry::testing {
namespace {

using remote::HttpClient;
using remote::HttpOptions;

const StopToken kGoOn = StopToken::Unstoppable();

std::unique_ptr<HttpClient> client_of(const std::string& url) {
  return HttpClient::make({.base_url = url, .headers = {{"api-key", "s3cret"}}, .use_proxy = false})
      .ValueOrDie();
}

TEST(HttpClient, SendsAndReceives) {
  RawRequest seen;
  RawServer server([&](const RawRequest& request) {
    seen = request;
    return RawReply{http_reply(429, "words", "Retry-After: 7\r\nDate: today\r\n")};
  });
  const auto client = client_of(server.url());
  const auto reply =
      client->send({.method = "PUT", .path = "/a%20b?wait=true", .body = "{}"}, kGoOn).ValueOrDie();
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.body, "words");
  EXPECT_EQ(reply.retry_after, "7");
  EXPECT_EQ(reply.date, "today");
  EXPECT_EQ(reply.content_length, 5U);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.path, "/a%20b?wait=true");
  EXPECT_EQ(seen.body, "{}");
  EXPECT_NE(seen.head.find("api-key: s3cret"), std::string::npos);
  EXPECT_EQ(seen.head.find("Accept-Encoding"), std::string::npos);
  EXPECT_EQ(seen.head.find("Expect"), std::string::npos);
}

TEST(HttpClient, AConnectionIsKept) {
  RawServer server([&](const RawRequest& request) {
    return RawReply{http_reply(200, std::to_string(request.number))};
  });
  const auto client = client_of(server.url());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client->send({.path = "/"}, kGoOn).ValueOrDie().body, std::to_string(i));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, AStaleConnectionIsReplacedOnce) {
  RawServer server([&](const RawRequest& request) {
    // The first connection dies when it is used again.
    return request.connection == 0 && request.number == 1 ? RawReply{.close = true}
                                                          : RawReply{http_reply(200, "fine")};
  });
  const auto client = client_of(server.url());
  EXPECT_EQ(client->send({.path = "/"}, kGoOn).ValueOrDie().body, "fine");
  EXPECT_EQ(client->send({.method = "PUT", .path = "/", .body = "{}"}, kGoOn).ValueOrDie().body,
            "fine");
  EXPECT_EQ(server.connections(), 2);
}

TEST(HttpClient, WhatMustNotHappenTwiceIsSentOnce) {
  std::atomic<int> posts = 0;
  RawServer server([&](const RawRequest& request) {
    if (request.method == "POST") {
      ++posts;
      return RawReply{.close = true};
    }
    return RawReply{http_reply(200, "fine")};
  });
  const auto client = client_of(server.url());
  ASSERT_TRUE(client->send({.path = "/"}, kGoOn).ok());
  const auto sent =
      client->send({.method = "POST", .path = "/make", .body = "{}", .repeatable = false}, kGoOn);
  EXPECT_EQ(kind_of(sent.status()), ErrorKind::kUnavailable);
  EXPECT_EQ(posts, 1);
}

TEST(HttpClient, ACutBodyIsAnError) {
  RawServer server([&](const RawRequest&) {
    return RawReply{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it", true};
  });
  const auto status = client_of(server.url())->send({.path = "/"}, kGoOn).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kUnavailable);
  EXPECT_TRUE(failure_of(status).retryable);
}

TEST(HttpClient, ErrorsSayWhereAndHoldNoKey) {
  std::string url;
  {
    url = RawServer([](const RawRequest&) { return RawReply{}; }).url();
  }  // nobody listens now
  const auto refused = client_of(url)->send({.path = "/collections?x=1"}, kGoOn).status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kUnavailable);
  EXPECT_NE(failure_of(refused).what.find(url), std::string::npos) << refused.ToString();
  EXPECT_NE(failure_of(refused).next.find("vecferry doctor"), std::string::npos);
  EXPECT_EQ(refused.ToString().find("s3cret"), std::string::npos);

  RawServer server([&](const RawRequest&) { return RawReply{"SSH-2.0-hello\r\n", true}; });
  const auto odd = client_of(server.url())->send({.path = "/"}, kGoOn).status();
  EXPECT_EQ(kind_of(odd), ErrorKind::kIncompatible) << odd.ToString();
}

TEST(HttpClient, AStopAndATimeOutEndAWait) {
  arrow::StopSource source;
  RawServer server([&](const RawRequest& request) {
    if (request.path == "/stopped") {
      source.RequestStop();
    }
    return RawReply{.hold = true};
  });
  const auto client = client_of(server.url());
  EXPECT_EQ(kind_of(client->send({.path = "/stopped"}, source.token()).status()),
            ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(client->send({.path = "/"}, source.token()).status()), ErrorKind::kCancelled);
  const auto late =
      client->send({.path = "/", .timeout = std::chrono::milliseconds(50)}, kGoOn).status();
  EXPECT_EQ(kind_of(late), ErrorKind::kTimeout);
  EXPECT_TRUE(failure_of(late).retryable);
}

TEST(HttpClient, AFileStreamsThroughASink) {
  const std::string file(3000000, 'x');
  RawServer server([&](const RawRequest& request) {
    return RawReply{request.path == "/file" ? http_reply(200, file) : http_reply(404, "no")};
  });
  const auto client = client_of(server.url());
  size_t got = 0;
  size_t pieces = 0;
  const auto take = [&](std::string_view piece) {
    got += piece.size();
    ++pieces;
    return Status::OK();
  };
  const auto reply = client->send({.path = "/file", .sink = take}, kGoOn).ValueOrDie();
  EXPECT_EQ(got, file.size());
  EXPECT_GT(pieces, 1U);
  EXPECT_TRUE(reply.body.empty());
  // What is no success is no file.
  EXPECT_EQ(client->send({.path = "/other", .sink = take}, kGoOn).ValueOrDie().body, "no");
  EXPECT_EQ(got, file.size());
  const auto full = client->send(
      {.path = "/file",
       .sink = [](std::string_view) { return fail({.kind = ErrorKind::kIo, .what = "full"}); }},
      kGoOn);
  EXPECT_EQ(failure_of(full.status()).what, "full");
}

TEST(HttpClient, AnUploadIsAFormField) {
  RawRequest seen;
  RawServer server([&](const RawRequest& request) {
    seen = request;
    return RawReply{http_reply(200, "{}")};
  });
  std::string left = "the bytes of a snapshot";
  const auto size = static_cast<int64_t>(left.size());
  const remote::Upload upload{.field = "snapshot",
                              .file_name = "x.snapshot",
                              .size_bytes = size,
                              .read = [&](std::span<char> into) -> Result<size_t> {
                                const size_t count = std::min<size_t>(into.size(), left.size());
                                std::copy_n(left.begin(), count, into.begin());
                                left.erase(0, count);
                                return count;
                              }};
  const auto client = client_of(server.url());
  ASSERT_TRUE(client->send({.method = "POST", .path = "/up", .upload = &upload}, kGoOn).ok());
  EXPECT_NE(seen.head.find("multipart/form-data"), std::string::npos);
  EXPECT_NE(seen.body.find("name=\"snapshot\"; filename=\"x.snapshot\""), std::string::npos);
  EXPECT_NE(seen.body.find("the bytes of a snapshot"), std::string::npos);
}

#ifdef CPPHTTPLIB_OPENSSL_SUPPORT
TEST(HttpClient, ACertificateMustBeTrusted) {
  TempDir dir;
  const std::string key = (dir.path() / "key.pem").string();
  const std::string certificate = (dir.path() / "cert.pem").string();
  const std::string command =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
      " -addext subjectAltName=IP:127.0.0.1 -keyout " +
      key + " -out " + certificate + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT: the test's own words
  httplib::SSLServer server(certificate.c_str(), key.c_str());
  ASSERT_TRUE(server.is_valid());
  server.set_keep_alive_max_count(1);
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("safe", "text/plain");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  const std::string url = "https://127.0.0.1:" + std::to_string(port);
  const auto strange = client_of(url)->send({.path = "/"}, kGoOn).status();
  EXPECT_EQ(kind_of(strange), ErrorKind::kRefused) << strange.ToString();
  EXPECT_NE(failure_of(strange).next.find("--ca-file"), std::string::npos);
  const auto trusting =
      HttpClient::make({.base_url = url, .ca_file = certificate, .use_proxy = false}).ValueOrDie();
  const auto reply = trusting->send({.path = "/"}, kGoOn);
  EXPECT_TRUE(reply.ok() && reply->body == "safe") << reply.status().ToString();
  server.stop();
  thread.join();
}
#endif

}  // namespace
}  // namespace vecferry::testing
