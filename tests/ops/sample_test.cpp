#include "vecferry/ops/sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/backends.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry {
namespace {

using testing::dense;
using testing::must;
using testing::TestPoint;

const StopToken kNoStop = StopToken::Unstoppable();

class SampleTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const CollectionConfig& config,
           const std::vector<TestPoint>& points) {
    must(testing::fill(*place_, name, config, points));
  }

  Result<SampleReport> compare(const std::string& a, const std::string& b, uint64_t queries = 100,
                               uint64_t limit = 3,
                               std::optional<std::string> vector = std::nullopt) {
    return compare_neighbours({.a = {.backend = place_.get(), .collection = a, .label = a},
                               .b = {.backend = place_.get(), .collection = b, .label = b},
                               .vector = std::move(vector),
                               .queries = queries,
                               .limit = limit},
                              kNoStop);
  }

  std::unique_ptr<Backend> place_ = memory_backend();
};

CollectionConfig of_dim(uint32_t dim, Distance distance = Distance::kEuclid) {
  return default_config({{.dim = dim, .distance = distance}});
}

// Points on a line: the nearest of one are those beside it.
std::vector<TestPoint> on_a_line(uint64_t count, float step = 1) {
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < count; ++id) {
    const auto place = static_cast<float>(id);
    points.push_back(
        {.id = PointId::of(id), .vectors = {{"", dense({place * step, place * place * 0.01F})}}});
  }
  return points;
}

TEST_F(SampleTest, TheSameVectorsHaveTheSameNeighbours) {
  put("a", of_dim(2), on_a_line(50));
  put("b", of_dim(2), on_a_line(50, 1.5F));
  const auto report = compare("a", "b").ValueOrDie();
  EXPECT_EQ(report.queries.size(), 50U);
  EXPECT_EQ(report.overlap, 1);
}

TEST_F(SampleTest, NeighboursAreExactAndWithoutThePointItself) {
  put("a", of_dim(2), on_a_line(10));
  // On the other side the point 9 stands beside 0.
  auto moved = on_a_line(10);
  moved[9].vectors[""] = dense({0.5F, 0});
  put("b", of_dim(2), moved);
  const auto report = compare("a", "b", 100, 1).ValueOrDie();
  for (const auto& query : report.queries) {
    ASSERT_EQ(query.nearest_a.size(), 1U);
    EXPECT_NE(query.nearest_a[0], query.id);
    if (query.id.number == 0) {
      EXPECT_EQ(query.nearest_a[0], PointId::of(uint64_t{1}));
      EXPECT_EQ(query.nearest_b[0], PointId::of(uint64_t{9}));
      EXPECT_EQ(query.overlap, 0);
    }
  }
  // 0, 1 and 9 have another nearest now; the least alike come first.
  EXPECT_DOUBLE_EQ(report.overlap, 0.7);
  EXPECT_EQ(report.queries.front().overlap, 0);
  EXPECT_EQ(report.queries.back().overlap, 1);
  EXPECT_EQ(to_json(report)["queries"].size(), 10U);
}

TEST_F(SampleTest, DimensionsAndDistancesMayDiffer) {
  std::mt19937 random(1);
  std::normal_distribution<float> number;
  std::vector<TestPoint> flat;
  std::vector<TestPoint> deep;
  for (uint64_t id = 0; id < 80; ++id) {
    const float x = number(random);
    const float y = number(random);
    const float length = std::sqrt(x * x + y * y);
    flat.push_back({.id = PointId::of(id), .vectors = {{"", dense({x / length, y / length})}}});
    deep.push_back(
        {.id = PointId::of(id), .vectors = {{"", dense({0, x / length, 0, y / length, 0})}}});
  }
  put("a", of_dim(2, Distance::kCosine), flat);
  put("b", of_dim(5, Distance::kEuclid), deep);
  EXPECT_EQ(compare("a", "b").ValueOrDie().overlap, 1);
}

TEST_F(SampleTest, OnlyPointsThatBothHaveAreAsked) {
  auto some = on_a_line(40);
  put("a", of_dim(2), some);
  some.erase(some.begin(), some.begin() + 20);
  some.back().vectors.clear();
  some.push_back({.id = PointId::of(uint64_t{99}), .vectors = {{"", dense({1, 1})}}});
  put("b", of_dim(2), some);
  const auto report = compare("a", "b").ValueOrDie();
  EXPECT_EQ(report.queries.size(), 19U);
  for (const auto& query : report.queries) {
    EXPECT_GE(query.id.number, 20U);
    EXPECT_LT(query.id.number, 39U);
  }
  const auto few = compare("a", "b", 5).ValueOrDie();
  ASSERT_EQ(few.queries.size(), 5U);
  EXPECT_EQ(to_json(few), to_json(compare("a", "b", 5).ValueOrDie()));  // the same ones again
}

TEST_F(SampleTest, ALonePointHasNoNeighboursToLose) {
  put("a", of_dim(2), on_a_line(1));
  put("b", of_dim(2), on_a_line(1));
  EXPECT_EQ(compare("a", "b").ValueOrDie().overlap, 1);
}

TEST_F(SampleTest, WhatCannotBeComparedSaysSo) {
  put("a", of_dim(2), on_a_line(3));
  put("none", of_dim(2), {});
  EXPECT_EQ(kind_of(compare("a", "none").status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(compare("a", "a", 5, 3, "title").status()), ErrorKind::kNotFound);
  put("several", default_config({{.name = "x", .dim = 2}, {.name = "y", .dim = 2}}), {});
  EXPECT_EQ(kind_of(compare("a", "several").status()), ErrorKind::kUsage);
  put("empty", default_config({}), {});
  EXPECT_EQ(kind_of(compare("a", "empty").status()), ErrorKind::kIncompatible);
}

}  // namespace
}  // namespace vecferry
