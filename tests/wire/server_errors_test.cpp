#include "vecferry/wire/server_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/wire/recordings.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using vecferry::testing::recording;

ServerFailure rest(int status, std::string_view body, std::string_view retry_after = {}) {
  return rest_failure({.status = status, .body = body, .retry_after = retry_after}, "PUT /x");
}
ServerFailure grpc(int code, std::string_view message, std::string_view retry_after = {}) {
  return grpc_failure({.code = code, .message = message, .retry_after = retry_after}, "Upsert");
}

TEST(ServerErrors, PlainTextEnvelopeOrNothing) {
  const auto key = rest(401, "Must provide an API key or an Authorization bearer token");
  EXPECT_EQ(key.failure.kind, ErrorKind::kRefused);
  EXPECT_EQ(key.failure.what, "Must provide an API key or an Authorization bearer token");
  EXPECT_THAT(key.failure.next, HasSubstr("API key"));
  EXPECT_EQ(rest(403, R"({"status":{"error":"Forbidden: Global manage access is required"}})")
                .failure.what,
            "Forbidden: Global manage access is required");
  const auto route = rest(404, "");
  EXPECT_EQ(route.failure.kind, ErrorKind::kIncompatible);
  EXPECT_EQ(rest(404, "Not found").failure.kind, ErrorKind::kNotFound);
  EXPECT_EQ(rest(302, "<html>\n</html>").failure.kind, ErrorKind::kIncompatible);
  EXPECT_EQ(rest(500, "").failure.what, "the server answered 500 without a word");
  EXPECT_EQ(rest(400, std::string(9000, 'x')).failure.what.size(), 503U);
}

TEST(ServerErrors, TooLargeAsksForSmallerBatches) {
  for (
      const char* body :
      {R"({"status":{"error":"JSON payload (40000000 bytes) is larger than allowed (limit: 33554432 bytes)."}})",
       R"({"status":{"error":"JSON payload has exceeded limit (33554432 bytes)."}})",
       R"({"status":{"error":"Bad request: Limit exceeded 11 > 10 for \"upsert limit\". Help: Reduce"}})"}) {
    const auto failure = rest(400, body);
    EXPECT_TRUE(failure.too_large) << body;
    EXPECT_FALSE(failure.failure.retryable);
  }
  EXPECT_TRUE(rest(413, "").too_large);
  EXPECT_FALSE(rest(400, "Wrong input: x").too_large);
  EXPECT_TRUE(grpc(8, "Received message larger than max").too_large);
}

TEST(ServerErrors, RateLimits) {
  const auto soon = rest(429, "Rate limiting exceeded: …", "12");
  EXPECT_TRUE(soon.failure.retryable);
  EXPECT_EQ(soon.retry_after, std::chrono::seconds(12));
  EXPECT_FALSE(soon.too_large);
  const auto never = rest(429, "Rate limiting exceeded: …");
  EXPECT_FALSE(never.failure.retryable);
  EXPECT_TRUE(never.too_large);
  const auto over_grpc = grpc(8, "Rate limiting exceeded: …", "3");
  EXPECT_EQ(over_grpc.failure.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(over_grpc.retry_after, std::chrono::seconds(3));
  const auto full =
      grpc_failure({.code = 8, .message = "quota", .insufficient_storage = true}, "Upsert");
  EXPECT_EQ(full.failure.kind, ErrorKind::kRefused);
  EXPECT_FALSE(full.too_large);
}

TEST(ServerErrors, WhatMayPassNextTime) {
  for (const int status : {408, 500, 502, 503, 504}) {
    EXPECT_TRUE(rest(status, "x").failure.retryable) << status;
  }
  for (const int status : {400, 401, 403, 404, 405, 409, 422, 507}) {
    EXPECT_FALSE(rest(status, "x").failure.retryable) << status;
  }
  EXPECT_FALSE(rest(500, "Service internal error: task 9 panicked with …").failure.retryable);
  for (const int code : {4, 10, 13, 14}) {
    EXPECT_TRUE(grpc(code, "x").failure.retryable) << code;
  }
  for (const int code : {1, 2, 3, 5, 6, 7, 9, 11, 12, 15, 16}) {
    EXPECT_FALSE(grpc(code, "x").failure.retryable) << code;
  }
}

TEST(ServerErrors, RecordedOnesBecomeTheirKind) {
  const std::map<int, ErrorKind> kinds = {
      {404, ErrorKind::kNotFound}, {409, ErrorKind::kExists}, {422, ErrorKind::kRefused}};
  size_t seen = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    const int status = exchange["status"].get<int>();
    if (status < 300 || !exchange.contains("response")) {
      continue;
    }
    ++seen;
    const auto failure = rest(status, exchange["response"].dump()).failure;
    EXPECT_EQ(failure.what, exchange["response"]["status"]["error"].get<std::string>());
    if (kinds.count(status) > 0) {
      EXPECT_EQ(failure.kind, kinds.at(status));
    } else {
      EXPECT_TRUE(failure.kind == ErrorKind::kRefused || failure.kind == ErrorKind::kIncompatible);
    }
    // A server of ours would say the same with the same status.
    EXPECT_EQ(json::parse(error_body(failure.what, 0.0))["status"], exchange["response"]["status"]);
    if (kinds.count(status) > 0 && status != 422) {
      EXPECT_EQ(http_status_of(failure), status);
    }
  }
  EXPECT_GT(seen, 30U);
}

TEST(ServerErrors, ResultOfAnEnvelope) {
  size_t seen = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (exchange["status"] == 200 && exchange.contains("response") &&
        exchange["response"].contains("result")) {
      ++seen;
      EXPECT_EQ(json::parse(result_of(exchange["response"].dump(1)).ValueOrDie()),
                exchange["response"]["result"]);
    }
  }
  EXPECT_GT(seen, 100U);
  EXPECT_EQ(result_of(ok_body("[1]", 0.25)).ValueOrDie(), "[1]");
  for (const char* body : {"", "x", "[]", "{}", R"({"status":{"error":"x"}})", R"({"result":)"}) {
    EXPECT_EQ(kind_of(result_of(body).status()), ErrorKind::kCorrupt) << body;
  }
}

TEST(ServerErrors, StatusesOfAServer) {
  EXPECT_EQ(http_status_of({.kind = ErrorKind::kUsage, .what = "Wrong input: x"}), 400);
  EXPECT_EQ(http_status_of(
                {.kind = ErrorKind::kUsage, .what = "Validation error in JSON body: [limit: x]"}),
            422);
  EXPECT_EQ(http_status_of({.kind = ErrorKind::kNotFound}), 404);
  EXPECT_EQ(grpc_code_of({.kind = ErrorKind::kUsage}), 3);
  EXPECT_EQ(grpc_code_of({.kind = ErrorKind::kNotFound}), 5);
  EXPECT_EQ(grpc_code_of({.kind = ErrorKind::kExists}), 6);
}

}  // namespace
}  // namespace vecferry::wire
