#include "vecferry/wire/grpc_filter.h"

#include <gtest/gtest.h>
#include <points.pb.h>

#include <string>

#include "tests/wire/messages.h"
#include "tests/wire/recordings.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using vecferry::testing::from_base64;
using vecferry::testing::parse;
using vecferry::testing::recording;

qdrant::Filter message_of(const std::string& text) {
  qdrant::Filter message;
  const Status status = read_filter(text, &message);
  EXPECT_TRUE(status.ok()) << status << text;
  return message;
}

json back(const std::string& text) {
  return json::parse(filter_json_of(message_of(text)).ValueOrDie());
}

// A lone condition stands for a list of one.
json listed(json filter) {
  for (const char* key : {"must", "should", "must_not"}) {
    if (filter.contains(key) && filter[key].is_object()) {
      filter[key] = json::array({filter[key]});
    }
  }
  return filter;
}

TEST(GrpcFilter, EveryConditionComesBack) {
  for (
      const char* condition :
      {R"({"key":"a","match":{"value":"x"}})",
       R"({"key":"a","match":{"value":-5}})",
       R"({"key":"a","match":{"value":true}})",
       R"({"key":"a","match":{"text":"x y"}})",
       R"({"key":"a","match":{"text_any":"x"}})",
       R"({"key":"a","match":{"phrase":"x"}})",
       R"({"key":"a","match":{"prefix":"x"}})",
       R"({"key":"a","match":{"substring":"x"}})",
       R"({"key":"a","match":{"any":["x","y"]}})",
       R"({"key":"a","match":{"any":[1,2]}})",
       R"({"key":"a","match":{"except":["x"]}})",
       R"({"key":"a","match":{"except":[1]}})",
       R"({"key":"a","match":{"any":[]}})",
       R"({"key":"a[].b","range":{"lt":1.5,"gte":-2.0}})",
       R"({"key":"a","range":{"gt":1.0,"lte":2.0},"values_count":{"lt":3,"gt":1}})",
       R"({"key":"a","range":{"gte":"2024-06-01T00:00:00Z","lt":"2024-06-01T00:00:00.250Z"}})",
       R"({"key":"a","geo_bounding_box":{"top_left":{"lat":53.0,"lon":13.0},"bottom_right":{"lat":52.0,"lon":14.0}}})",
       R"({"key":"a","geo_radius":{"center":{"lat":52.5,"lon":13.25},"radius":5000.0}})",
       R"({"key":"a","geo_polygon":{"exterior":{"points":[{"lat":1.0,"lon":2.0}]},"interiors":[{"points":[]}]}})",
       R"({"key":"a","is_empty":false})",
       R"({"key":"a","is_null":true})",
       R"({"is_empty":{"key":"a"}})",
       R"({"is_null":{"key":"a"}})",
       R"({"has_vector":""})",
       R"({"has_id":[1,18446744073709551615,"550e8400-e29b-41d4-a716-446655440000"]})",
       R"({"slice":{"total":4,"index":1}})",
       R"({"nested":{"key":"a[]","filter":{"must":[{"has_vector":"x"}]}}})",
       R"({"must_not":[{"is_null":{"key":"a"}}],"should":[{"has_vector":"v"}]})"}) {
    const std::string text = std::string(R"({"must":[)") + condition + "]}";
    EXPECT_EQ(back(text), json::parse(text));
    const auto message = message_of(text);
    EXPECT_EQ(json::parse(filter_json_of(message.SerializeAsString()).ValueOrDie()),
              json::parse(text));
  }
  const std::string least =
      R"({"min_should":{"conditions":[{"has_vector":"a"},{"has_vector":"b"}],"min_count":1}})";
  EXPECT_EQ(back(least), json::parse(least));
  EXPECT_EQ(back("{}"), json::object());
  EXPECT_EQ(filter_json_of(std::string_view()).ValueOrDie(), "");
}

TEST(GrpcFilter, ShorterDates) {
  for (const char* date :
       {"2024-06-01", "2024-06-01 00:00:00", "2024-06-01T00:00:00", "2024-06-01T02:00:00+0200",
        "2024-06-01T00:00", "2024-06-01T00:00:00z"}) {
    const auto filter =
        message_of(std::string(R"({"must":{"key":"a","range":{"gt":")") + date + R"("}}})");
    EXPECT_EQ(filter.must(0).field().datetime_range().gt().seconds(), 1717200000) << date;
  }
}

TEST(GrpcFilter, RecordedRestFiltersComeBack) {
  size_t seen = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (!exchange.contains("request") || !exchange["request"].is_object() ||
        !exchange["request"].contains("filter") || exchange["status"] != 200) {
      continue;
    }
    ++seen;
    const auto& filter = exchange["request"]["filter"];
    // Whole numbers become floats in a range, shorter dates whole ones: numbers compare equal.
    EXPECT_EQ(back(filter.dump()), listed(filter));
  }
  EXPECT_GT(seen, 25U);
}

TEST(GrpcFilter, RecordedGrpcFiltersComeBack) {
  size_t seen = 0;
  const auto check = [&](const qdrant::Filter& filter) {
    ++seen;
    qdrant::Filter again;
    ASSERT_TRUE(read_filter(filter_json_of(filter).ValueOrDie(), &again).ok());
    EXPECT_EQ(again.SerializeAsString(), filter.SerializeAsString());
  };
  for (const auto& exchange : recording("grpc-1.18.3.jsonl")) {
    const auto bytes = from_base64(exchange["request"].get<std::string>());
    qdrant::ScrollPoints scroll;
    qdrant::CountPoints count;
    if (exchange["method"] == "Scroll" && parse(bytes, &scroll) && scroll.has_filter()) {
      check(scroll.filter());
    } else if (exchange["method"] == "Count" && parse(bytes, &count) && count.has_filter()) {
      check(count.filter());
    }
  }
  EXPECT_EQ(seen, 3U);
}

TEST(GrpcFilter, WhatGrpcCannotSay) {
  qdrant::Filter message;
  for (const char* text :
       {"", "[]", "x", R"({"foo":[]})",
        R"({"must":[{"key":"a","match":{"value":9223372036854775808}}]})",
        R"({"must":[{"key":"a","match":{"value":1.5}}]})", R"({"must":[{"key":"a","match":{}}]})",
        R"({"must":[{"key":5}]})", R"({"must":[{"nested":{}}]})", R"({"must":[5]})",
        R"({"must":[{"key":"a","range":{"gt":"tomorrow"}}]})",
        R"({"must":[{"key":"a","values_count":{"gt":-1}}]})"}) {
    EXPECT_EQ(kind_of(read_filter(text, &message)), ErrorKind::kIncompatible) << text;
  }
  std::string deep = "{}";
  for (int i = 0; i < 120; ++i) {
    deep = R"({"must":[)" + deep + "]}";
  }
  EXPECT_EQ(kind_of(read_filter(deep, &message)), ErrorKind::kIncompatible);
}

TEST(GrpcFilter, WhatAServerRefuses) {
  qdrant::Filter filter;
  filter.add_must();
  EXPECT_EQ(kind_of(filter_json_of(filter).status()), ErrorKind::kUsage);
  filter.mutable_must(0)->mutable_field()->set_key("a");
  EXPECT_EQ(kind_of(filter_json_of(filter).status()), ErrorKind::kUsage);
  filter.mutable_must(0)->mutable_has_id()->add_has_id()->set_uuid("x");
  EXPECT_EQ(failure_of(filter_json_of(filter).status()).what, "Unable to parse UUID: x");
  EXPECT_EQ(kind_of(filter_json_of(std::string_view("\xff")).status()), ErrorKind::kCorrupt);
  auto* inner = &filter;
  for (int i = 0; i < 120; ++i) {
    inner = inner->add_must()->mutable_filter();
  }
  EXPECT_FALSE(filter_json_of(filter.SerializeAsString()).ok());
}

}  // namespace
}  // namespace vecferry::wire
