#include "vecferry/wire/rest_points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "arrow/record_batch.h"
#include "tests/support/points.h"

namespace vecferry::wire {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<PointsBuilder> builder_for(const CollectionConfig& config) {
  return PointsBuilder::make(points_schema(config).ValueOrDie()).ValueOrDie();
}
PointsView view_of(const arrow::RecordBatch& batch) {
  return PointsView::make(batch).ValueOrDie();
}

CollectionConfig one_vector(uint32_t dim = 4) {
  return default_config({{.name = "", .dim = dim, .distance = Distance::kDot}});
}

Result<std::vector<TestPoint>> read_reply(const CollectionConfig& config, std::string body,
                                          PointsReply* reply = nullptr) {
  auto builder = builder_for(config);
  RestPointsReader reader(builder.get(), Direction::kReply);
  ARROW_ASSIGN_OR_RAISE(auto read, reader.reply(&body));
  if (reply != nullptr) {
    *reply = std::move(read);
  }
  ARROW_ASSIGN_OR_RAISE(const auto batch, builder->finish());
  return to_points(*batch);
}

Result<std::vector<TestPoint>> read_upsert(const CollectionConfig& config, std::string body,
                                           UpsertBody* head = nullptr) {
  auto builder = builder_for(config);
  RestPointsReader reader(builder.get(), Direction::kRequest);
  ARROW_ASSIGN_OR_RAISE(auto read, reader.upsert(&body));
  if (head != nullptr) {
    *head = std::move(read);
  }
  ARROW_ASSIGN_OR_RAISE(const auto batch, builder->finish());
  return to_points(*batch);
}

TEST(RestPoints, RepliesComeBackTheSame) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Generator generator(seed);
    const auto config = seed == 1 ? Generator::every_kind() : generator.config();
    GeneratorOptions options;
    options.long_floats = true;
    options.shard_keys = seed % 2 == 0;
    const auto points = generator.points(config, 20, options);
    const auto batch = to_batch(config, points);
    std::string body = R"({"time":0.5,"result":{"points":[)";
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      body += row == 0 ? "" : " ,\n";
      append_record(view_of(*batch), row, {}, std::nullopt, &body);
    }
    body += R"(],"next_page_offset":"550e8400-e29b-41d4-a716-446655440000"},"status":"ok"})";
    EXPECT_TRUE(json::accept(body)) << body;
    PointsReply reply;
    EXPECT_EQ(read_reply(config, body, &reply).ValueOrDie(), points) << "seed " << seed;
    EXPECT_EQ(reply.points, batch->num_rows());
    EXPECT_EQ(to_string(*reply.next_page), "550e8400-e29b-41d4-a716-446655440000");
  }
}

TEST(RestPoints, UpsertsComeBackTheSame) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Generator generator(seed);
    const auto config = seed == 1 ? Generator::every_kind() : generator.config();
    const auto points = generator.points(config, 20);
    const auto batch = to_batch(config, points);
    std::vector<TestPoint> back;
    for (int64_t row = 0; row < batch->num_rows();) {
      const auto request = write_upsert(view_of(*batch), row, 3000, {}).ValueOrDie();
      ASSERT_GT(request.next_row, row);
      EXPECT_TRUE(request.body.size() <= 3000 || request.points == 1);
      UpsertBody head;
      for (auto& point : read_upsert(config, request.body, &head).ValueOrDie()) {
        back.push_back(std::move(point));
      }
      EXPECT_EQ(head.points, request.points);
      row = request.next_row;
    }
    EXPECT_EQ(back, points) << "seed " << seed;
  }
}

TEST(RestPoints, UpsertsSayWhatAServerMustNotGuess) {
  const auto config = default_config(
      {{.name = "m", .kind = VectorKind::kMulti, .dim = 2, .distance = Distance::kDot}});
  const auto batch = to_batch(
      config,
      {{.id = PointId::of(uint64_t{1}), .shard_key = "5", .vectors = {{"m", dense({3, 4, 0, 0})}}},
       {.id = PointId::of(uint64_t{2}), .shard_key = "\"5\""}});
  // Whole numbers with a dot, an explicit empty payload, one request a shard key.
  EXPECT_EQ(
      write_upsert(view_of(*batch), 0, 1 << 20, {.update_mode = "insert_only"}).ValueOrDie().body,
      R"({"points":[{"id":1,"vector":{"m":[[3.0,4.0],[0.0,0.0]]},"payload":{}}],)"
      R"("shard_key":5,"update_mode":"insert_only"})");
  EXPECT_EQ(write_upsert(view_of(*batch), 1, 1 << 20, {}).ValueOrDie().body,
            R"({"points":[{"id":2,"vector":{},"payload":{}}],"shard_key":"5"})");
}

TEST(RestPoints, WhatJsonCannotSayIsAnError) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto batch =
      to_batch(one_vector(1), {{.id = PointId::of(uint64_t{7}), .vectors = {{"", dense({nan})}}}});
  const auto request = write_upsert(view_of(*batch), 0, 1000, {});
  EXPECT_EQ(kind_of(request.status()), ErrorKind::kIncompatible);
  EXPECT_THAT(failure_of(request.status()).where, HasSubstr("point 7"));
  std::string record;
  append_record(view_of(*batch), 0, {}, std::nullopt, &record);
  EXPECT_EQ(record, R"({"id":7,"payload":{},"vector":[null]})");
  const auto reply = read_reply(one_vector(1), R"({"result":[)" + record + "]}");
  EXPECT_EQ(kind_of(reply.status()), ErrorKind::kIncompatible);
  EXPECT_THAT(failure_of(reply.status()).next, HasSubstr("gRPC"));
}

TEST(RestPoints, EveryShapeOfAReply) {
  const auto config =
      default_config({{.name = "", .dim = 2, .distance = Distance::kDot},
                      {.name = "s", .kind = VectorKind::kSparse, .distance = Distance::kDot}});
  PointsReply page;
  const auto points =
      read_reply(
          config,
          R"({"result":{"next_page_offset":null,"points":[{"id":1,"vector":[1,2e0]},)"
          R"({"vector":{"":[0.5,-0.0],"s":{"values":[],"indices":[]}},"id":2,"payload":null},)"
          R"({"id":3,"vector":{},"payload":{"b":[1.0],"a":1}},{"id":4,"vector":null},)"
          R"({"id":5,"order_value":1.5}]},"status":"ok","usage":{}})",
          &page)
          .ValueOrDie();
  ASSERT_EQ(points.size(), 5U);
  EXPECT_FALSE(page.next_page);
  EXPECT_EQ(points[0].vectors.at(""), dense({1, 2}));
  EXPECT_EQ(points[1].vectors.at(""), dense({0.5F, -0.0F}));
  EXPECT_EQ(points[1].vectors.at("s"), sparse({}, {}));
  EXPECT_EQ(points[2].payload, R"({"a":1,"b":[1.0]})");
  EXPECT_TRUE(points[2].vectors.empty());
  // A lone record, and a list of none.
  EXPECT_EQ(read_reply(config, R"({"result":{"id":9,"payload":{}}})").ValueOrDie().at(0).id,
            PointId::of(uint64_t{9}));
  EXPECT_TRUE(read_reply(config, R"({"result":[]})").ValueOrDie().empty());
}

TEST(RestPoints, RepliesThatAreNone) {
  for (const char* body :
       {"", "x", "[]", "{}", R"({"result":5})", R"({"result":[{"vector":[1]}]})",
        R"({"result":[{"id":-1}]})", R"({"result":[{"id":1.0}]})", R"({"result":[{"id":"1"}]})",
        R"({"result":[{"id":1,"vector":[1,2,3,)", R"({"result":[{"id":1,"vector":[1,2,3,x]}]})",
        R"({"result":[{"id":1,"vector":[1,2,3,01]}]})",
        R"({"result":[{"id":1,"vector":[1,2,3,4.]}]})",
        R"({"result":[{"id":1,"vector":[1,2,3,.4]}]})", R"({"result":[{"id":1,"vector":"x"}]})",
        R"({"result":[{"id":1,"payload":[]}]})", R"({"result":[]} {})"}) {
    const auto reply = read_reply(one_vector(), body);
    ASSERT_FALSE(reply.ok()) << body;
    EXPECT_EQ(kind_of(reply.status()), ErrorKind::kCorrupt) << body << reply.status();
  }
  EXPECT_EQ(kind_of(read_reply(one_vector(), R"({"result":[{"id":1,"vector":[1,2,3]}]})").status()),
            ErrorKind::kIncompatible);
}

TEST(RestPoints, NumbersOfAnySizeAreTakenAsTheServerTakesThem) {
  const auto points =
      read_upsert(one_vector(), R"({"points":[{"id":1,"vector":[1e39,-1e999,1e-60,-1e-999]}]})")
          .ValueOrDie();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(points[0].vectors.at(""), dense({inf, -inf, 0.0F, -0.0F}));
}

TEST(RestPoints, BatchForm) {
  const auto config =
      default_config({{.name = "", .dim = 2, .distance = Distance::kDot},
                      {.name = "s", .kind = VectorKind::kSparse, .distance = Distance::kDot}});
  UpsertBody head;
  const auto points =
      read_upsert(config,
                  R"({"points":[],"batch":{"ids":[1,"550E8400e29b41d4a716446655440000"],)"
                  R"("vectors":{"":[[1,2],[3,4]],"s":[{"indices":[5,1],"values":[1,2]},)"
                  R"({"indices":[],"values":[]}]},"payloads":[{"n":1},null]},)"
                  R"("shard_key":["a",5],"update_mode":"update_only","update_filter":{"must":[]}})",
                  &head)
          .ValueOrDie();
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].vectors.at("s"), sparse({1, 5}, {2, 1}));
  EXPECT_EQ(points[0].payload, R"({"n":1})");
  EXPECT_EQ(points[1].vectors.at(""), dense({3, 4}));
  EXPECT_EQ(to_string(points[1].id), "550e8400-e29b-41d4-a716-446655440000");
  EXPECT_EQ(head.points, 2);
  EXPECT_EQ(head.update_mode, "update_only");
  EXPECT_EQ(head.update_filter, R"({"must":[]})");
  EXPECT_THAT(head.shard_keys, ElementsAre("a", "5"));
  EXPECT_EQ(read_upsert(one_vector(1), R"({"batch":{"ids":[1,2],"vectors":[[1],[2]]}})")
                .ValueOrDie()
                .size(),
            2U);
  const auto uneven = read_upsert(one_vector(1), R"({"batch":{"ids":[1,2],"vectors":[[1]]}})");
  EXPECT_THAT(failure_of(uneven.status()).what, HasSubstr("Validation error"));
}

}  // namespace
}  // namespace vecferry::wire
