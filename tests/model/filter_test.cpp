#include "vecferry/model/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "arrow/array.h"
#include "tests/model/filter_points.h"

namespace vecferry {
namespace {

using testing::batch_of;
using testing::filter_of;
using ::testing::HasSubstr;

TEST(Filter, KeepsItsJsonInCanonicalForm) {
  EXPECT_EQ(filter_of(R"( { "must" : [ { "match" : { "value" : 1 } , "key" : "a" } ] } )")->json(),
            R"({"must":[{"key":"a","match":{"value":1}}]})");
  EXPECT_EQ(filter_of("{}")->json(), "{}");
  EXPECT_EQ(filter_of("a = 1")->json(), R"({"must":[{"key":"a","match":{"value":1}}]})");
}

struct BadFilter {
  std::string filter;
  std::string message;
};

TEST(Filter, RefusesWhatTheServerWouldNotUnderstand) {
  const BadFilter cases[] = {
      {R"({"mst":[]})", "mst: unknown key; did you mean 'must'?"},
      {R"({"must":[{"key":"a","match":{"vaule":1}}]})",
       "must[0].match.vaule: unknown key; did you mean 'value'?"},
      {R"({"must":[{"key":"a","mach":{"value":1}}]})",
       "must[0].mach: unknown key; did you mean 'match'?"},
      {R"({"must":[{"match":{"value":1}}]})", "must[0]: 'match' without 'key'"},
      {R"({"must":[{"hasid":[1]}]})", "must[0].hasid: unknown key; did you mean 'has_id'?"},
      {R"({"must":[{"has_id":[1],"key2":3}]})", "unknown key"},
      {R"({"must":[1]})", "must[0]: expected an object"},
      {R"({"must":[{"key":"a"}]})", "a field without a condition"},
      {R"({"must":[{"key":"a b","match":{"value":1}}]})", "'a b' is no payload field"},
      {R"({"must":[{"key":"","match":{"value":1}}]})", "'' is no payload field"},
      {R"({"must":[{"key":5,"match":{"value":1}}]})", "expected 'key'"},
      {R"({"must":[{"key":"a","match":{}}]})", "expected exactly one of"},
      {R"({"must":[{"key":"a","match":{"value":1,"text":"x"}}]})", "expected exactly one of"},
      {R"({"must":[{"key":"a","match":{"value":1.5}}]})", "1.5 cannot be matched"},
      {R"({"must":[{"key":"a","match":{"value":9223372036854775808}}]})", "cannot be matched"},
      {R"({"must":[{"key":"a","match":{"value":null}}]})", "null cannot be matched"},
      {R"({"must":[{"key":"a","match":{"any":[1,"x"]}}]})", "strings and numbers in one list"},
      {R"({"must":[{"key":"a","match":{"any":[1.5]}}]})", "1.5 cannot be matched"},
      {R"({"must":[{"key":"a","match":{"any":1}}]})", "expected a list"},
      {R"({"must":[{"key":"a","match":{"text":1}}]})", "match.text: expected a string"},
      {R"({"must":[{"key":"a","range":{"gt":true}}]})", "range.gt: expected a number"},
      {R"({"must":[{"key":"a","range":{"gt":"soon"}}]})", "\"soon\" is no date"},
      {R"({"must":[{"key":"a","range":{"gt":"2024-01-01","lt":5}}]})", "5 is no date"},
      {R"({"must":[{"key":"a","range":{"ge":5}}]})", "range.ge: unknown key; did you mean 'gt'?"},
      {R"({"must":[{"key":"a","values_count":{"gt":-1}}]})", "expected a whole number"},
      {R"({"must":[{"key":"a","is_null":1}]})", "expected true or false"},
      {R"({"must":[{"is_empty":"a"}]})", "is_empty: expected an object"},
      {R"({"must":[{"has_id":[1.5]}]})", "1.5 is no point id"},
      {R"({"must":[{"has_id":["abc"]}]})", "\"abc\" is no point id"},
      {R"({"must":[{"has_id":[-1]}]})", "-1 is no point id"},
      {R"({"must":[{"has_id":5}]})", "expected a list of ids"},
      {R"({"must":[{"has_vector":5}]})", "expected the name of a vector"},
      {R"({"must":[{"slice":{"total":4,"index":4}}]})", "'index' has to be below 'total'"},
      {R"({"must":[{"slice":{"total":0,"index":0}}]})", "'index' has to be below 'total'"},
      {R"({"must":[{"slice":{"total":4}}]})", "expected 'index'"},
      {R"({"must":[{"nested":{"key":"a"}}]})", "expected 'filter'"},
      {R"({"min_should":{"conditions":[],"min_count":0}})", "a whole number above 0"},
      {R"({"min_should":{"min_count":1}})", "expected a list of 'conditions'"},
      {R"({"must":[{"key":"a","geo_radius":{"center":{"lon":181,"lat":0},"radius":1}}]})",
       "geo_radius.center: expected 'lon' within -180..180"},
      {R"({"must":[{"key":"a","geo_radius":{"center":{"lon":1,"lat":0}}}]})", "expected 'radius'"},
      {R"({"must":[{"key":"a","geo_bounding_box":{"top_left":{"lon":1,"lat":0}}}]})",
       "expected 'bottom_right'"},
      {R"({"must":[{"key":"a","geo_polygon":{"exterior":{"points":[{"lon":1,"lat":0}]}}}]})",
       "at least 4 points"},
      {R"({"must":[})", "not valid JSON"},
      {R"({"must":[]} x)", "not valid JSON"},
      {R"({"must":[{"key":"a","match":{"any":[-0]}}]})", "-0.0 cannot be matched"},
      {R"({"must":[{"key":"a","range":{"gt":1e400}}]})", "not valid JSON"},
      {std::string("{}\0x", 4), "not valid JSON"},
      {"{\"must\":[{\"key\":\"\xFF\",\"match\":{\"value\":1}}]}", "not valid JSON"},
  };
  for (const auto& [filter, message] : cases) {
    const auto result = Filter::parse(filter);
    ASSERT_FALSE(result.ok()) << filter;
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kUsage) << filter;
    EXPECT_THAT(result.status().message(), HasSubstr(message)) << filter;
    EXPECT_THAT(result.status().message(), HasSubstr("^")) << filter;
    EXPECT_FALSE(failure_of(result.status()).next.empty());
  }
}

TEST(Filter, PointsAtThePlace) {
  const auto result = Filter::parse(R"({"must":[{"key":"a","match":{"vaule":1}}]})");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().message(),
            "cannot read the filter: must[0].match.vaule: unknown key; did you mean 'value'?\n"
            "  {\"must\":[{\"key\":\"a\",\"match\":{\"vaule\":1}}]}\n"
            "                               ^");
}

TEST(Filter, ShowsOnlyThePlaceOfALongFilter) {
  std::string filter = R"({"must":[)";
  for (int i = 0; i < 50; ++i) {
    filter += R"({"key":"größe","match":{"value":1}},)";
  }
  const auto result = Filter::parse(filter + R"({"key":"a","mach":{"value":1}}]})");
  ASSERT_FALSE(result.ok());
  const std::string message = result.status().message();
  EXPECT_LT(message.size(), 400U);
  EXPECT_THAT(message, HasSubstr("\n  …"));
  EXPECT_THAT(message, HasSubstr("\"mach\""));
}

TEST(Filter, RefusesDepthInsteadOfOverflowing) {
  const auto deep = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) {
      text += R"({"must":[)";
    }
    for (int i = 0; i < depth; ++i) {
      text += "]}";
    }
    return text;
  };
  EXPECT_TRUE(Filter::parse(deep(100)).ok());
  EXPECT_FALSE(Filter::parse(deep(101)).ok());
  EXPECT_FALSE(Filter::parse(deep(10'000)).ok());
}

TEST(Filter, IsSharedByThreads) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 500; ++i) {
    payloads.push_back(R"({"n":)" + std::to_string(i) + "}");
  }
  const auto batch = batch_of(payloads);
  const auto filter = filter_of("n >= 250");
  std::vector<int64_t> rows(4);
  {
    std::vector<std::jthread> threads;
    for (int64_t& count : rows) {
      threads.emplace_back([&] { count = keep_matching(batch, *filter).ValueOrDie()->num_rows(); });
    }
  }
  EXPECT_EQ(rows, std::vector<int64_t>(4, 250));
}

TEST(Filter, NamesThePointWhosePayloadIsDamaged) {
  const auto schema = points_schema(default_config({})).ValueOrDie();
  const auto builder = PointsBuilder::make(schema).ValueOrDie();
  ASSERT_TRUE(builder->start_point(PointId::of(uint64_t{42})).ok());
  ASSERT_TRUE(builder->append_payload(R"({"a":)").ok());
  const auto batch = builder->finish().ValueOrDie();
  const auto result = keep_matching(batch, *filter_of("a = 1"));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(kind_of(result.status()), ErrorKind::kCorrupt);
  EXPECT_THAT(result.status().message(), HasSubstr("point 42"));
  // A condition that does not ask for the payload does not read it.
  EXPECT_EQ(keep_matching(batch, *filter_of("id = 42")).ValueOrDie()->num_rows(), 1);
}

std::vector<uint64_t> ids_of(const arrow::RecordBatch& batch) {
  const auto points = PointsView::make(batch).ValueOrDie();
  std::vector<uint64_t> ids;
  for (int64_t row = 0; row < points.rows(); ++row) {
    ids.push_back(points.id(row).number);
  }
  return ids;
}

TEST(KeepMatching, TakesRowsOfWholeAndSlicedBatches) {
  const auto batch = batch_of(
      {R"({"a":1})", R"({"a":2})", R"({"a":1,"b":"x"})", "{}", R"({"a":1})", R"({"a":1})"});
  const auto filter = filter_of("a = 1");
  const auto kept = keep_matching(batch, *filter).ValueOrDie();
  EXPECT_TRUE(kept->ValidateFull().ok());
  EXPECT_EQ(ids_of(*kept), (std::vector<uint64_t>{1, 3, 5, 6}));
  EXPECT_TRUE(kept->schema()->Equals(batch->schema(), true));

  const auto sliced = keep_matching(batch->Slice(1, 4), *filter).ValueOrDie();
  EXPECT_TRUE(sliced->ValidateFull().ok());
  EXPECT_EQ(ids_of(*sliced), (std::vector<uint64_t>{3, 5}));
  const auto points = PointsView::make(*sliced).ValueOrDie();
  EXPECT_EQ(points.payload(0), R"({"a":1,"b":"x"})");
  EXPECT_TRUE(points.vectors()[0].present(0));
}

TEST(KeepMatching, GivesTheSameBatchBackWhenAllRowsMatchAndAnEmptyOneWhenNone) {
  const auto batch = batch_of({R"({"a":1})", R"({"a":2})"});
  EXPECT_EQ(keep_matching(batch, *filter_of("has a")).ValueOrDie(), batch);
  const auto none = keep_matching(batch, *filter_of("a = 3")).ValueOrDie();
  EXPECT_EQ(none->num_rows(), 0);
  EXPECT_TRUE(none->schema()->Equals(batch->schema(), true));
  EXPECT_EQ(keep_matching(batch->Slice(0, 0), *filter_of("a = 1")).ValueOrDie()->num_rows(), 0);
}

}  // namespace
}  // namespace vecferry
