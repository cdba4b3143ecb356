#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/model/filter_points.h"
#include "vecferry/model/filter.h"

namespace vecferry {
namespace {

using testing::batch_of;
using testing::filter_of;

// Does this filter match a point with this payload? Its id is 1 and it has the vector "v".
bool matches(std::string_view filter, const std::string& payload) {
  const auto batch = batch_of({payload});
  const auto points = PointsView::make(*batch).ValueOrDie();
  const auto result = filter_of(filter)->matches(points, 0);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ValueOr(false);
}

// The same for one condition.
bool holds(const std::string& condition, const std::string& payload) {
  return matches(R"({"must":[)" + condition + "]}", payload);
}

struct Case {
  const char* condition;
  const char* payload;
  bool expected;
};

void expect_all(const std::vector<Case>& cases) {
  for (const auto& [condition, payload, expected] : cases) {
    EXPECT_EQ(holds(condition, payload), expected) << condition << " on " << payload;
  }
}

TEST(FilterMatch, Value) {
  expect_all({
      {R"({"key":"a","match":{"value":"x"}})", R"({"a":"x"})", true},
      {R"({"key":"a","match":{"value":"x"}})", R"({"a":"X"})", false},
      {R"({"key":"a","match":{"value":"x"}})", R"({"a":["y","x"]})", true},
      {R"({"key":"a","match":{"value":"x"}})", R"({"a":[["x"]]})", false},
      {R"({"key":"a","match":{"value":"x"}})", R"({"b":"x"})", false},
      {R"({"key":"a","match":{"value":"x"}})", "{}", false},
      {R"({"key":"a","match":{"value":1}})", R"({"a":1})", true},
      {R"({"key":"a","match":{"value":1}})", R"({"a":1.0})", false},
      {R"({"key":"a","match":{"value":1}})", R"({"a":"1"})", false},
      {R"({"key":"a","match":{"value":1}})", R"({"a":true})", false},
      {R"({"key":"a","match":{"value":-9223372036854775808}})", R"({"a":-9223372036854775808})",
       true},
      {R"({"key":"a","match":{"value":9223372036854775807}})", R"({"a":9223372036854775808})",
       false},
      {R"({"key":"a","match":{"value":true}})", R"({"a":true})", true},
      {R"({"key":"a","match":{"value":true}})", R"({"a":1})", false},
      {R"({"key":"a","match":{"value":false}})", R"({"a":false})", true},
  });
}

TEST(FilterMatch, AnyAndExcept) {
  expect_all({
      {R"({"key":"a","match":{"any":["x","y"]}})", R"({"a":"y"})", true},
      {R"({"key":"a","match":{"any":["x","y"]}})", R"({"a":"z"})", false},
      {R"({"key":"a","match":{"any":[3,1]}})", R"({"a":[7,3]})", true},
      {R"({"key":"a","match":{"any":[3,1]}})", R"({"a":3.0})", false},
      {R"({"key":"a","match":{"any":[]}})", R"({"a":"x"})", false},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":"y"})", true},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":"x"})", false},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":["x","y"]})", true},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":1})", true},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":null})", false},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"a":{}})", true},
      {R"({"key":"a","match":{"except":["x"]}})", R"({"b":1})", false},
      {R"({"key":"a","match":{"except":[1]}})", R"({"a":1})", false},
      {R"({"key":"a","match":{"except":[1]}})", R"({"a":1.0})", true},
      {R"({"key":"a","match":{"except":[]}})", R"({"a":"x"})", true},
      {R"({"key":"a","match":{"except":[]}})", R"({"a":[]})", false},
  });
}

TEST(FilterMatch, Words) {
  expect_all({
      {R"({"key":"a","match":{"text":"good cheap"}})", R"({"a":"Cheap, and good!"})", true},
      {R"({"key":"a","match":{"text":"good cheap"}})", R"({"a":"good"})", false},
      {R"({"key":"a","match":{"text":"heap"}})", R"({"a":"cheap"})", false},
      {R"({"key":"a","match":{"text":""}})", R"({"a":"cheap"})", false},
      {R"({"key":"a","match":{"text":"ÄPFEL"}})", R"({"a":"rote äpfel"})", true},
      {R"({"key":"a","match":{"text":"x"}})", R"({"a":["y","x z"]})", true},
      {R"({"key":"a","match":{"text":"1"}})", R"({"a":1})", false},
      {R"({"key":"a","match":{"text_any":"red blue"}})", R"({"a":"deep blue"})", true},
      {R"({"key":"a","match":{"text_any":"red blue"}})", R"({"a":"green"})", false},
      {R"({"key":"a","match":{"phrase":"quick brown"}})", R"({"a":"The quick, brown fox"})", true},
      {R"({"key":"a","match":{"phrase":"quick brown"}})", R"({"a":"brown quick"})", false},
      {R"({"key":"a","match":{"phrase":"quick fox"}})", R"({"a":"quick brown fox"})", false},
      {R"({"key":"a","match":{"phrase":"..."}})", R"({"a":"quick"})", false},
      {R"({"key":"a","match":{"prefix":"lib"}})", R"({"a":"libfoo"})", true},
      {R"({"key":"a","match":{"prefix":"lib"}})", R"({"a":"Libfoo"})", false},
      {R"({"key":"a","match":{"substring":"bf"}})", R"({"a":"libfoo"})", true},
      {R"({"key":"a","match":{"substring":"x"}})", R"({"a":"libfoo"})", false},
  });
}

TEST(FilterMatch, NumberRange) {
  expect_all({
      {R"({"key":"a","range":{"gt":1}})", R"({"a":2})", true},
      {R"({"key":"a","range":{"gt":1}})", R"({"a":1})", false},
      {R"({"key":"a","range":{"gte":1,"lte":1}})", R"({"a":1.0})", true},
      {R"({"key":"a","range":{"lt":0.5}})", R"({"a":[3,0.25]})", true},
      {R"({"key":"a","range":{"gt":1}})", R"({"a":"2"})", false},
      {R"({"key":"a","range":{"gt":1}})", R"({"a":18446744073709551615})", true},
      {R"({"key":"a","range":{}})", R"({"a":1})", true},
      {R"({"key":"a","range":{}})", R"({"a":"x"})", false},
      {R"({"key":"a","range":{"gt":null,"lt":5}})", R"({"a":1})", true},
      // 2^53 and 2^53+1 are one double
      {R"({"key":"a","range":{"gt":9007199254740992}})", R"({"a":9007199254740993})", false},
  });
}

TEST(FilterMatch, TimeRange) {
  expect_all({
      {R"({"key":"a","range":{"gte":"2024-01-01"}})", R"({"a":"2024-01-01T00:00:00Z"})", true},
      {R"({"key":"a","range":{"gt":"2024-01-01"}})", R"({"a":"2024-01-01T00:00:00Z"})", false},
      {R"({"key":"a","range":{"lt":"2024-01-01"}})", R"({"a":"2024-01-01T00:30:00+01:00"})", true},
      {R"({"key":"a","range":{"lt":"2024-01-01"}})", R"({"a":"not a date"})", false},
      {R"({"key":"a","range":{"lt":"2024-01-01"}})", R"({"a":5})", false},
  });
}

TEST(FilterMatch, Geo) {
  constexpr const char* kBerlin = R"({"a":{"lon":13.404954,"lat":52.520008}})";
  constexpr const char* kSquare =
      R"({"key":"a","geo_polygon":{"exterior":{"points":[{"lon":0,"lat":0},{"lon":4,"lat":0},
         {"lon":4,"lat":4},{"lon":0,"lat":4},{"lon":0,"lat":0}]},"interiors":[{"points":[
         {"lon":1,"lat":1},{"lon":2,"lat":1},{"lon":2,"lat":2},{"lon":1,"lat":2},{"lon":1,"lat":1}]}]}})";
  expect_all({
      {R"({"key":"a","geo_radius":{"center":{"lon":13.41,"lat":52.52},"radius":1000}})", kBerlin,
       true},
      {R"({"key":"a","geo_radius":{"center":{"lon":13.41,"lat":52.52},"radius":100}})", kBerlin,
       false},
      {R"({"key":"a","geo_radius":{"center":{"lon":13.41,"lat":52.52},"radius":1000}})",
       R"({"a":{"lon":"13.4","lat":52.5}})", false},
      {R"({"key":"a","geo_bounding_box":{"top_left":{"lon":13,"lat":53},"bottom_right":{"lon":14,"lat":52}}})",
       kBerlin, true},
      {R"({"key":"a","geo_bounding_box":{"top_left":{"lon":13,"lat":53},"bottom_right":{"lon":14,"lat":52.6}}})",
       kBerlin, false},
      // over the antimeridian
      {R"({"key":"a","geo_bounding_box":{"top_left":{"lon":170,"lat":10},"bottom_right":{"lon":-170,"lat":-10}}})",
       R"({"a":{"lon":179,"lat":0}})", true},
      {R"({"key":"a","geo_bounding_box":{"top_left":{"lon":170,"lat":10},"bottom_right":{"lon":-170,"lat":-10}}})",
       R"({"a":{"lon":0,"lat":0}})", false},
      {kSquare, R"({"a":{"lon":3,"lat":3}})", true},
      {kSquare, R"({"a":{"lon":5,"lat":3}})", false},
      {kSquare, R"({"a":{"lon":1.5,"lat":1.5}})", false},  // in the hole
      {kSquare, R"({"a":{"lon":0,"lat":2}})", false},      // on the edge
      {kSquare, R"({"a":{"lon":1,"lat":1.5}})", false},    // on the hole's edge
      // at the height of a corner
      {R"({"key":"a","geo_polygon":{"exterior":{"points":[{"lat":3.75,"lon":7},{"lat":3.75,"lon":6.5},{"lat":4,"lon":2.25},{"lat":3.75,"lon":7}]}}})",
       R"({"a":{"lat":4,"lon":5.25}})", false},
      {kSquare, R"({"a":[{"lon":5,"lat":3},{"lon":3,"lat":1}]})", true},
  });
}

TEST(FilterMatch, Emptiness) {
  expect_all({
      {R"({"is_empty":{"key":"a"}})", "{}", true},
      {R"({"is_empty":{"key":"a"}})", R"({"a":null})", true},
      {R"({"is_empty":{"key":"a"}})", R"({"a":[]})", true},
      {R"({"is_empty":{"key":"a"}})", R"({"a":[null]})", false},
      {R"({"is_empty":{"key":"a"}})", R"({"a":""})", false},
      {R"({"is_empty":{"key":"a"}})", R"({"a":{}})", false},
      {R"({"is_null":{"key":"a"}})", "{}", false},
      {R"({"is_null":{"key":"a"}})", R"({"a":null})", true},
      {R"({"is_null":{"key":"a"}})", R"({"a":[1,null]})", true},
      {R"({"is_null":{"key":"a"}})", R"({"a":[]})", false},
      {R"({"key":"a","is_empty":true})", "{}", true},
      {R"({"key":"a","is_empty":false})", "{}", false},
      {R"({"key":"a","is_empty":false})", R"({"a":[1]})", true},
      {R"({"key":"a","is_null":true})", "{}", false},
      {R"({"key":"a","is_null":false})", "{}", true},
      {R"({"key":"a","is_null":true})", R"({"a":[null]})", true},
  });
}

TEST(FilterMatch, ValuesCount) {
  expect_all({
      {R"({"key":"a","values_count":{"gte":2}})", R"({"a":[1,2]})", true},
      {R"({"key":"a","values_count":{"gt":2}})", R"({"a":[1,2]})", false},
      {R"({"key":"a","values_count":{"lt":1}})", R"({"a":[]})", true},
      {R"({"key":"a","values_count":{"lt":1}})", R"({"a":null})", true},
      {R"({"key":"a","values_count":{"lt":1}})", "{}", true},
      {R"({"key":"a","values_count":{"gte":1,"lte":1}})", R"({"a":{"b":1}})", true},
  });
}

TEST(FilterMatch, Paths) {
  expect_all({
      {R"({"key":"a.b","match":{"value":1}})", R"({"a":{"b":1}})", true},
      {R"({"key":"a.b","match":{"value":1}})", R"({"a.b":1})", false},
      {R"({"key":"\"a.b\"","match":{"value":1}})", R"({"a.b":1})", true},
      {R"({"key":"a.b","match":{"value":1}})", R"({"a":[{"b":1}]})", false},
      {R"({"key":"a[].b","match":{"value":1}})", R"({"a":[{"b":0},{"b":1}]})", true},
      {R"({"key":"a[1].b","match":{"value":1}})", R"({"a":[{"b":0},{"b":1}]})", true},
      {R"({"key":"a[0].b","match":{"value":1}})", R"({"a":[{"b":0},{"b":1}]})", false},
      {R"({"key":"a[2].b","match":{"value":1}})", R"({"a":[{"b":0},{"b":1}]})", false},
      {R"({"key":"a[][]","match":{"value":1}})", R"({"a":[[0],[1]]})", true},
      {R"({"key":"größe","range":{"gt":1}})", R"({"größe":2})", true},
  });
}

TEST(FilterMatch, ConditionsOnThePointItself) {
  expect_all({
      {R"({"has_id":[1,2]})", "{}", true},
      {R"({"has_id":[2,"00000000-0000-0000-0000-000000000001"]})", "{}", false},
      {R"({"has_id":[]})", "{}", false},
      {R"({"has_vector":"v"})", "{}", true},
      {R"({"has_vector":"w"})", "{}", false},
      {R"({"has_vector":"nowhere"})", "{}", false},
      {R"({"slice":{"total":1,"index":0}})", "{}", true},
  });
}

TEST(FilterMatch, SlicesAreTheServers) {
  // SipHash-2-4 of id 42 with a zero key, from the engine's own tests; clients may rely on it.
  constexpr uint64_t kHash = 0x0fc2553f07619dd3;
  constexpr uint64_t kTotal = 4294967291;
  const auto batch = batch_of(std::vector<std::string>(42, "{}"));
  const auto kept =
      keep_matching(batch, *filter_of(R"({"must":{"slice":{"total":)" + std::to_string(kTotal) +
                                      R"(,"index":)" + std::to_string(kHash % kTotal) + "}}}"))
          .ValueOrDie();
  ASSERT_EQ(kept->num_rows(), 1);
  EXPECT_EQ(PointsView::make(*kept).ValueOrDie().id(0), PointId::of(uint64_t{42}));
}

TEST(FilterMatch, SlicesCoverEveryPointOnce) {
  const auto batch = batch_of(std::vector<std::string>(100, "{}"));
  const auto points = PointsView::make(*batch).ValueOrDie();
  std::vector<int> found(100);
  std::vector<int> sizes;
  for (int index = 0; index < 4; ++index) {
    const auto filter =
        filter_of(R"({"must":{"slice":{"total":4,"index":)" + std::to_string(index) + "}}}");
    int size = 0;
    for (int64_t row = 0; row < 100; ++row) {
      const bool match = filter->matches(points, row).ValueOrDie();
      found[static_cast<size_t>(row)] += match ? 1 : 0;
      size += match ? 1 : 0;
    }
    sizes.push_back(size);
  }
  EXPECT_EQ(found, std::vector<int>(100, 1));
  for (const int size : sizes) {
    EXPECT_GT(size, 10);
  }
}

TEST(FilterMatch, Clauses) {
  const std::string a = R"({"key":"a","match":{"value":1}})";
  const std::string b = R"({"key":"b","match":{"value":1}})";
  const std::string both = R"({"a":1,"b":1})";
  const std::string only_a = R"({"a":1})";
  EXPECT_TRUE(matches("{}", only_a));
  EXPECT_TRUE(matches(R"({"must":[]})", only_a));
  EXPECT_TRUE(matches(R"({"must":[)" + a + "," + b + "]}", both));
  EXPECT_FALSE(matches(R"({"must":[)" + a + "," + b + "]}", only_a));
  EXPECT_TRUE(matches(R"({"must":)" + a + "}", only_a));
  EXPECT_TRUE(matches(R"({"should":[)" + a + "," + b + "]}", only_a));
  EXPECT_FALSE(matches(R"({"should":[)" + a + "," + b + "]}", "{}"));
  EXPECT_TRUE(matches(R"({"should":[]})", "{}"));
  EXPECT_TRUE(matches(R"({"must_not":[)" + b + "]}", only_a));
  EXPECT_FALSE(matches(R"({"must_not":[)" + a + "," + b + "]}", only_a));
  EXPECT_TRUE(matches(R"({"must":null,"must_not":)" + b + "}", only_a));
  EXPECT_TRUE(
      matches(R"({"min_should":{"conditions":[)" + a + "," + b + R"(],"min_count":2}})", both));
  EXPECT_FALSE(
      matches(R"({"min_should":{"conditions":[)" + a + "," + b + R"(],"min_count":2}})", only_a));
  EXPECT_FALSE(matches(R"({"min_should":{"conditions":[)" + a + R"(],"min_count":2}})", only_a));
  EXPECT_TRUE(matches(R"({"must":[{"should":[)" + b + "," + a + "]}]}", only_a));
  EXPECT_TRUE(matches(R"({"must":[{}]})", only_a));
}

TEST(FilterMatch, Nested) {
  const std::string diet =
      R"({"diet":[{"food":"leaves","likes":false},{"food":"meat","likes":true}]})";
  const std::string meat = R"({"key":"food","match":{"value":"meat"}})";
  const std::string likes = R"({"key":"likes","match":{"value":true}})";
  const std::string leaves = R"({"key":"food","match":{"value":"leaves"}})";
  const auto nested = [](const std::string& key, const std::string& filter) {
    return R"({"nested":{"key":")" + key + R"(","filter":)" + filter + "}}";
  };
  EXPECT_TRUE(holds(nested("diet", R"({"must":[)" + meat + "," + likes + "]}"), diet));
  EXPECT_TRUE(holds(nested("diet[]", R"({"must":[)" + meat + "," + likes + "]}"), diet));
  EXPECT_FALSE(holds(nested("diet", R"({"must":[)" + leaves + "," + likes + "]}"), diet));
  EXPECT_FALSE(holds(nested("diet", R"({"must":[{"has_id":[1]}]})"), diet));
  EXPECT_FALSE(holds(nested("diet", R"({"must":[{"has_vector":"v"}]})"), diet));
  EXPECT_TRUE(holds(nested("diet", R"({"must_not":[)" + likes + "]}"), diet));
  EXPECT_FALSE(holds(nested("diet", R"({"should":[]})"), diet));
  EXPECT_FALSE(holds(nested("diet", "{}"), R"({"diet":[1,2]})"));
  EXPECT_FALSE(holds(nested("diet", "{}"), R"({"diet":{"food":"meat"}})"));
  EXPECT_TRUE(holds(nested("a[].b", R"({"must":{"key":"c","match":{"value":2}}})"),
                    R"({"a":[{"b":[{"c":1}]},{"b":[{"c":2}]}]})"));
}

}  // namespace
}  // namespace vecferry
