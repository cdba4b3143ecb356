#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "arrow/record_batch.h"
#include "tests/backends/qdrant/fake_qdrant.h"
#include "tests/support/points.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/backends/qdrant/qdrant_writer_internal.h"

namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();
constexpr const char* kUpsert = "PUT /collections/shop/points";

CollectionConfig config() {
  return default_config({{.dim = 2, .distance = Distance::kDot}});
}

std::shared_ptr<arrow::RecordBatch> points_from(uint64_t first, uint64_t count) {
  std::vector<TestPoint> points;
  for (uint64_t id = first; id < first + count; ++id) {
    points.push_back(
        {.id = PointId::of(id), .vectors = {{"", dense({1.0F, 2.0F})}}, .payload = R"({"a":1})"});
  }
  return to_batch(config(), points);
}

std::set<uint64_t> numbers(uint64_t first, uint64_t count) {
  std::set<uint64_t> ids;
  for (uint64_t id = first; id < first + count; ++id) {
    ids.insert(id);
  }
  return ids;
}

Status write(Backend& backend, const std::shared_ptr<arrow::RecordBatch>& batch) {
  ARROW_ASSIGN_OR_RAISE(const auto writer, backend.open_writer("shop", kGoOn));
  ARROW_RETURN_NOT_OK(writer->upsert(*batch));
  return writer->checkpoint();
}

TEST(QdrantWriter, APointThatTheServerRefusesIsFoundAndNamed) {
  FakeQdrant server(config(), [](const RawRequest& request, const auto& ids) {
    const bool poisoned = std::find(ids.begin(), ids.end(), 77) != ids.end();
    return poisoned && request.method == "PUT"
               ? RawReply{error_reply(400, "Wrong input: that point is odd")}
               : RawReply{};
  });
  const auto status = write(*server.connect(), points_from(1, 100));
  ASSERT_FALSE(status.ok());
  const auto failure = failure_of(status);
  EXPECT_NE(failure.what.find("that point is odd"), std::string::npos);
  EXPECT_NE(failure.where.find("point 77"), std::string::npos) << failure.where;
  EXPECT_EQ(server.stored().count(77), 0U);
  EXPECT_LE(server.count_of(kUpsert), 16U);
}

TEST(QdrantWriter, WhatIsTooManyGoesInPartsAndIsRemembered) {
  FakeQdrant server(config(), [](const RawRequest& request, const auto& ids) {
    return request.method == "PUT" && ids.size() > 10
               ? RawReply{error_reply(
                     400, R"(Bad request: Limit exceeded 100 > 10 for \"upsert limit\". Help: x)")}
               : RawReply{};
  });
  const auto backend = server.connect();
  const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
  ASSERT_TRUE(writer->upsert(*points_from(1, 100)).ok());
  EXPECT_EQ(server.stored(), numbers(1, 100));
  const size_t before = server.count_of(kUpsert);
  ASSERT_TRUE(writer->upsert(*points_from(101, 60)).ok());
  EXPECT_EQ(server.stored(), numbers(1, 160));
  EXPECT_EQ(server.count_of(kUpsert) - before, 10U);  // six each, none refused
}

TEST(QdrantWriter, AServerThatDiedIsNotWaitedForTwice) {
  std::atomic<bool> dead = false;
  std::atomic<int> hellos = 0;
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) -> RawReply {
    hellos += dead && request.path == "/" ? 1 : 0;
    dead = dead || request.method == "PUT";
    return dead ? RawReply{.close = true} : RawReply{};
  });
  const auto backend = server.connect();
  EXPECT_EQ(kind_of(write(*backend, points_from(1, 3))), ErrorKind::kUnavailable);
  EXPECT_GT(server.count_of(kUpsert), 2U);
  EXPECT_EQ(kind_of(backend->drop("shop", kGoOn)), ErrorKind::kUnavailable);
  EXPECT_EQ(hellos, 1);
  EXPECT_EQ(server.count_of("DELETE"), 0U);
  dead = false;  // it is back
  EXPECT_EQ(kind_of(backend->drop("shop", kGoOn)), ErrorKind::kNotFound);
  EXPECT_EQ(server.count_of("DELETE"), 1U);
}

TEST(QdrantWriter, TheServerIsAskedOnceForAllReadersAndWriters) {
  std::atomic<bool> refuse = false;
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) {
    return refuse && request.method == "PUT" ? RawReply{error_reply(400, "Wrong input: no")}
                                             : RawReply{};
  });
  const auto backend = server.connect();
  const auto asked = [&] {
    return std::pair(server.count_of("GET /collections/shop"), server.count_of("GET /aliases"));
  };
  const auto open_all = [&] {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(backend->open_reader("shop", {}, kGoOn).ok());
      ASSERT_TRUE(write(*backend, points_from(1, 3)).ok());
    }
  };
  open_all();
  EXPECT_EQ(asked(), std::pair(size_t{1}, size_t{1}));

  // What failed may have failed because the collection is another one now.
  refuse = true;
  EXPECT_FALSE(write(*backend, points_from(1, 1)).ok());
  refuse = false;
  open_all();
  EXPECT_EQ(asked(), std::pair(size_t{2}, size_t{2}));

  const AliasChange gone{"none", std::nullopt};
  EXPECT_TRUE(backend->change_aliases({&gone, 1}, kGoOn).ok());
  const auto before = asked();
  open_all();
  EXPECT_EQ(asked(), std::pair(before.first + 1, before.second + 1));
}

TEST(QdrantBackend, AListIsNoReasonToCount) {
  const FakeQdrant server(config(), {});
  const auto listed = server.connect()->list(kGoOn).ValueOrDie();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].name, "shop");
  EXPECT_FALSE(listed[0].points_count.has_value());
  EXPECT_EQ(server.count_of("POST"), 0U);
}

TEST(QdrantWriter, PassingFailuresPass) {
  std::atomic<int> tries = 0;
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) -> RawReply {
    if (request.method != "PUT") {
      return {};
    }
    switch (tries++) {
      case 0:
        return {error_reply(429, "Rate limiting exceeded", "Retry-After: 0\r\n")};
      case 1:
        return {error_reply(500, "Service internal error: 1 of 2 shards failed")};
      case 2:
        return {.close = true};
      case 3:
        return {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"result\":", true};
      case 4:
        return {ok_reply(R"({"operation_id":3,"status":"wait_timeout"})")};
      case 5:
        return {ok_reply(R"({"operation_id":3,"status":"acknowledged"})")};
      default:
        return {};
    }
  });
  const auto status = write(*server.connect(), points_from(1, 5));
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(server.stored(), numbers(1, 5));
  EXPECT_GE(tries, 7);
}

TEST(QdrantWriter, OrderingIsAskedForWhenItWasAskedFor) {
  const FakeQdrant server(config(), {});
  const auto backend = open_qdrant({.url = server.url(),
                                    .transport = Transport::kRest,
                                    .write_ordering = WriteOrdering::kMedium},
                                   kGoOn)
                           .ValueOrDie();
  ASSERT_TRUE(write(*server.connect(), points_from(1, 1)).ok());
  ASSERT_TRUE(write(*backend, points_from(2, 1)).ok());
  std::vector<std::string> upserts = server.requests();
  std::erase_if(upserts, [](const std::string& line) { return line.rfind(kUpsert, 0) != 0; });
  const std::vector<std::string> expected = {
      "PUT /collections/shop/points?wait=true",
      "PUT /collections/shop/points?wait=true&ordering=medium"};
  EXPECT_EQ(upserts, expected);
}

TEST(QdrantWriter, AServerThatStaysDownIsGivenUp) {
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) {
    return request.method == "PUT" ? RawReply{error_reply(503, "Shard temporarily unavailable")}
                                   : RawReply{};
  });
  const auto status = write(*server.connect(), points_from(5, 5));
  EXPECT_EQ(kind_of(status), ErrorKind::kUnavailable);
  EXPECT_NE(failure_of(status).where.find("points 5 to 9"), std::string::npos) << status.ToString();
}

TEST(QdrantWriter, AMissingRightIsSaidOnce) {
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) {
    return request.method == "PUT" ? RawReply{error_reply(403, "Forbidden: Write access")}
                                   : RawReply{};
  });
  const auto status = write(*server.connect(), points_from(1, 64));
  EXPECT_EQ(kind_of(status), ErrorKind::kRefused);
  EXPECT_EQ(server.count_of(kUpsert), 1U);
}

TEST(QdrantWriter, AStopEndsRetries) {
  arrow::StopSource source;
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) {
    if (request.method != "PUT") {
      return RawReply{};
    }
    source.RequestStop();
    return RawReply{error_reply(429, "later", "Retry-After: 3000\r\n")};
  });
  const auto backend = server.connect();
  const auto writer = backend->open_writer("shop", source.token()).ValueOrDie();
  EXPECT_EQ(kind_of(writer->upsert(*points_from(1, 5))), ErrorKind::kCancelled);
}

TEST(QdrantWriter, OlderServersForgetAPointBeforeItIsReplacedByLess) {
  const auto deletes_of = [](const std::string& version) {
    FakeQdrant server(config(), {}, version);
    std::vector<TestPoint> points = to_points(*points_from(1, 3));
    points[1].payload.clear();
    EXPECT_TRUE(write(*server.connect(), to_batch(config(), points)).ok());
    EXPECT_EQ(server.stored(), numbers(1, 3));
    return server.bodies_of("POST /collections/shop/points/delete?wait=true");
  };
  EXPECT_EQ(deletes_of("1.18.3"), std::vector<std::string>{R"({"points":[2]})"});
  EXPECT_TRUE(deletes_of("1.19.0").empty());
}

TEST(QdrantWriter, IdsAreRemovedInParts) {
  FakeQdrant server(config(), {});
  const auto backend = server.connect();
  const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
  std::vector<PointId> ids;
  for (uint64_t id = 0; id < 25000; ++id) {
    ids.push_back(PointId::of(id));
  }
  ASSERT_TRUE(writer->remove(ids).ok());
  EXPECT_EQ(server.count_of("POST /collections/shop/points/delete"), 3U);
}

TEST(QdrantBackend, ErrorsHoldNoKey) {
  FakeQdrant server(config(), [](const RawRequest& request, const auto&) {
    return request.path == "/collections" ? RawReply{http_reply(401, "Invalid API key or JWT")}
                                          : RawReply{};
  });
  const auto backend = server.connect();
  const auto status = backend->list(kGoOn).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kRefused);
  EXPECT_EQ(failure_of(status).what, "Invalid API key or JWT");
}

TEST(QdrantBackend, AFailedAliasChangeIsTakenBack) {
  std::atomic<bool> set = false;
  FakeQdrant server(config(), [&](const RawRequest& request, const auto&) -> RawReply {
    if (request.path.rfind("/collections/aliases", 0) == 0) {
      const bool first = !set.exchange(true);
      return {first ? error_reply(400, "Wrong input: no") : ok_reply("true")};
    }
    if (request.path == "/aliases") {
      return {ok_reply(R"({"aliases":[{"alias_name":"now","collection_name":"old"}]})")};
    }
    return {};
  });
  const std::vector<AliasChange> changes = {{"now", "shop"}, {"next", "shop"}};
  const auto status = server.connect()->change_aliases(changes, kGoOn);
  EXPECT_EQ(failure_of(status).what, "Wrong input: no");
  const auto bodies = server.bodies_of("POST /collections/aliases");
  ASSERT_EQ(bodies.size(), 2U);
  EXPECT_NE(bodies[1].find(R"("collection_name":"old")"), std::string::npos) << bodies[1];
  EXPECT_EQ(bodies[1].find(R"("collection_name":"shop")"), std::string::npos) << bodies[1];
}

}  // namespace
}  // namespace vecferry::testing
