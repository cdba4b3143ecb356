#include "vecferry/ops/peek.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/backends.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry {
namespace {

using testing::dense;
using testing::must;

const StopToken kNoStop = StopToken::Unstoppable();

// Points on a line, so that neighbours are known: id i lies at (i, 1).
class PeekTest : public ::testing::Test {
 protected:
  void fill(Distance distance) {
    const auto config =
        default_config({{"", VectorKind::kDense, ElementType::kFloat32, 2, distance}});
    std::vector<testing::TestPoint> points;
    for (uint64_t i = 0; i < 50; ++i) {
      points.push_back({.id = PointId::of(i),
                        .vectors = {{"", dense({static_cast<float>(i), 1.0F})}},
                        .payload = "{\"n\":" + std::to_string(i) + "}"});
    }
    must(testing::fill(*backend_, "c", config, points));
  }

  std::vector<nlohmann::ordered_json> look(const PeekOptions& options) const {
    return peek({.backend = backend_.get(), .collection = "c", .batch_bytes = 256}, options,
                kNoStop)
        .ValueOrDie();
  }

  static std::vector<uint64_t> ids(const std::vector<nlohmann::ordered_json>& points) {
    std::vector<uint64_t> all;
    for (const auto& point : points) {
      all.push_back(point["id"].get<uint64_t>());
    }
    return all;
  }

  std::unique_ptr<Backend> backend_ = memory_backend();
};

TEST_F(PeekTest, FirstPointsInOrder) {
  fill(Distance::kDot);
  const auto points = look({.limit = 3, .with_vectors = true});
  EXPECT_EQ(ids(points), (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_EQ(points[2].dump(), R"({"id":2,"payload":{"n":2},"vectors":{"":[2.0,1.0]}})");
  EXPECT_TRUE(look({.limit = 0}).empty());
}

TEST_F(PeekTest, NeighboursByDistance) {
  fill(Distance::kEuclid);
  const auto points = look({.limit = 5, .near = PointId::of(20)});
  EXPECT_EQ(ids(points), (std::vector<uint64_t>{20, 19, 21, 18, 22}));
  EXPECT_EQ(points[0]["score"], 0.0);
  EXPECT_EQ(points[4]["score"], 2.0);
}

TEST_F(PeekTest, NeighboursByDotProduct) {
  fill(Distance::kDot);
  EXPECT_EQ(ids(look({.limit = 3, .near = PointId::of(5)})), (std::vector<uint64_t>{49, 48, 47}));
}

TEST_F(PeekTest, NeighboursByCosine) {
  fill(Distance::kCosine);
  const auto points = look({.limit = 3, .near = PointId::of(1)});
  EXPECT_EQ(ids(points).front(), 1U);
  EXPECT_NEAR(points[0]["score"].get<double>(), 1.0, 1e-6);
}

TEST_F(PeekTest, UnknownPointIsNotFound) {
  fill(Distance::kDot);
  const auto points =
      peek({.backend = backend_.get(), .collection = "c"}, {.near = PointId::of(99)}, kNoStop);
  EXPECT_EQ(kind_of(points.status()), ErrorKind::kNotFound);
}

TEST_F(PeekTest, SeveralVectorsNeedAName) {
  const auto config =
      default_config({{"a", VectorKind::kDense, ElementType::kFloat32, 1, Distance::kDot},
                      {"m", VectorKind::kMulti, ElementType::kFloat32, 1, Distance::kDot},
                      {"s", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot}});
  std::vector<testing::TestPoint> points = {
      {.id = PointId::of(1),
       .vectors = {{"a", dense({1})},
                   {"m", dense({1, 3})},
                   {"s", testing::sparse({2, 5}, {1, 2})}}},
      {.id = PointId::of(2),
       .vectors = {{"m", dense({2})}, {"s", testing::sparse({5, 9}, {4, 4})}}}};
  must(testing::fill(*backend_, "c", config, points));
  const Source source{.backend = backend_.get(), .collection = "c"};
  EXPECT_EQ(kind_of(peek(source, {.near = PointId::of(1)}, kNoStop).status()), ErrorKind::kUsage);
  const auto sparse =
      peek(source, {.near = PointId::of(1), .using_vector = "s"}, kNoStop).ValueOrDie();
  ASSERT_EQ(ids(sparse), (std::vector<uint64_t>{2, 1}));
  EXPECT_EQ(sparse[0]["score"], 8.0);
  const auto multi =
      peek(source, {.near = PointId::of(1), .using_vector = "m"}, kNoStop).ValueOrDie();
  // 1 against {1,3}: 3 and 9; against {2}: 2 and 6.
  EXPECT_EQ(multi[0]["score"], 12.0);
  EXPECT_EQ(multi[1]["score"], 8.0);
  EXPECT_EQ(kind_of(peek(source, {.near = PointId::of(2), .using_vector = "a"}, kNoStop).status()),
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace vecferry
