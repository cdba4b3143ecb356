// Comparisons have no tolerance, so what the engine does to points is a transform of ours first.
// Here the engine itself says whether the transforms are right: what they make is stored as it is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <string>

#include "arrow/record_batch.h"
#include "arrow/util/float16.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/local/local_backend.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/transform/normalise.h"
#include "vecferry/transform/round_floats.h"

namespace vecferry::testing {
namespace {

const StopToken kGo = StopToken::Unstoppable();

// Store the points in a new collection and read them back.
Result<PointMap> round_trip(const CollectionConfig& config, const std::vector<TestPoint>& points) {
  const TempDir dir;
  ARROW_ASSIGN_OR_RAISE(const auto backend, open_local(dir.path() / "place"));
  ARROW_RETURN_NOT_OK(fill(*backend, "c", config, points));
  return read_all(*backend, "c");
}

Result<std::vector<TestPoint>> transformed(Transform& transform, const CollectionConfig& config,
                                           const std::vector<TestPoint>& points) {
  ARROW_ASSIGN_OR_RAISE(const auto batch, transform.apply(to_batch(config, points)));
  return to_points(*batch);
}

// Lengths that take the engine's different code paths, values of very different sizes.
std::vector<float> any_vector(std::mt19937_64& random, uint32_t dim) {
  std::normal_distribution<float> normal;
  const float scale = std::ldexp(1.0F, static_cast<int>(random() % 60) - 30);
  std::vector<float> values(dim);
  for (float& value : values) {
    value = normal(random) * (random() % 4 == 0 ? 1.0F : scale);
  }
  if (random() % 8 == 0) {
    std::fill(values.begin() + 1, values.end(), 0.0F);
  }
  return values;
}

TestVector halves(const std::vector<float>& values) {
  TestVector vector;
  for (const float value : values) {
    const uint16_t bits = arrow::util::Float16(value).bits();
    vector.elements.push_back(static_cast<std::byte>(bits & 0xFFU));
    vector.elements.push_back(static_cast<std::byte>(bits >> 8));
  }
  return vector;
}

TEST(StoredExactly, CosineVectorsAfterNormalise) {
  for (const uint32_t dim : {1U, 3U, 4U, 7U, 16U, 31U, 32U, 33U, 100U, 384U, 1536U}) {
    SCOPED_TRACE(dim);
    const auto config = default_config(
        {{.name = "float", .dim = dim, .distance = Distance::kCosine},
         {.name = "half",
          .element = ElementType::kFloat16,
          .dim = dim,
          .distance = Distance::kCosine},
         {.name = "multi", .kind = VectorKind::kMulti, .dim = dim, .distance = Distance::kCosine}});
    std::mt19937_64 random(dim);
    std::vector<TestPoint> points;
    for (uint64_t id = 0; id < 300; ++id) {
      auto values = any_vector(random, dim);
      for (float& value : values) {
        value = std::clamp(value, -60000.0F, 60000.0F);
      }
      auto pair = any_vector(random, dim);
      const auto second = any_vector(random, dim);
      pair.insert(pair.end(), second.begin(), second.end());
      points.push_back({.id = PointId::of(id),
                        .vectors = {{"float", dense(any_vector(random, dim))},
                                    {"half", halves(values)},
                                    {"multi", dense(pair)}}});
    }
    const auto transform = normalise({"float", "half", "multi"});
    const auto unit = transformed(*transform, config, points);
    ASSERT_TRUE(unit.ok()) << unit.status();
    EXPECT_GT(transform->counts()["vectors_normalised"], 200u);
    const auto stored = round_trip(config, *unit);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_TRUE(same_points(map_of(*unit), *stored));
  }
}

std::string any_float(std::mt19937_64& random) {
  double value = 0;
  do {
    value = std::bit_cast<double>(random());
  } while (!std::isfinite(value));
  switch (random() % 4) {
    case 0:  // of everyday size
      value = static_cast<double>(random() % 1'000'000'000) / 1e6 +
              static_cast<double>(random() % 1'000'000'000) / 1e15;
      break;
    case 1:
      value = std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 128));
      break;
    default:
      break;
  }
  std::string text;
  append_float(value, &text);
  return text;
}

std::vector<TestPoint> points_with_floats() {
  std::mt19937_64 random(20'26);
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < 4000; ++id) {
    points.push_back(
        {.id = PointId::of(id),
         .payload = fmt::format(R"({{"a":{},"b":[{},{{"c":{}}}],"d":{}}})", any_float(random),
                                any_float(random), any_float(random), random())});
  }
  return points;
}

TEST(StoredExactly, PayloadFloatsAreWhatRoundFloatsSays) {
  const auto config = default_config({{.dim = 1, .distance = Distance::kDot}});
  const auto points = points_with_floats();
  const auto transform = round_floats();
  const auto rounded = transformed(*transform, config, points);
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  EXPECT_GT(transform->counts()["floats_rounded"], 100u);
  const auto stored = round_trip(config, points);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_TRUE(same_points(map_of(*rounded), *stored));
}

// Floats with an exponent move on a second trip, too; those of everyday size do not.
TEST(StoredExactly, PayloadFloatsOnASecondTrip) {
  const auto config = default_config({{.dim = 1, .distance = Distance::kDot}});
  const auto once = transformed(*round_floats(), config, points_with_floats());
  ASSERT_TRUE(once.ok()) << once.status();
  const auto twice = transformed(*round_floats(), config, *once);
  ASSERT_TRUE(twice.ok()) << twice.status();
  const auto stored = round_trip(config, *once);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_TRUE(same_points(map_of(*twice), *stored));
}

TEST(StoredExactly, OddPayloadsOfEveryShape) {
  const auto config = default_config({{.dim = 1, .distance = Distance::kDot}});
  Generator generator(99);
  std::vector<TestPoint> points = generator.points(config, 1000, {.long_floats = true});
  const auto rounded = transformed(*round_floats(), config, points);
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  const auto stored = round_trip(config, points);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_TRUE(same_points(map_of(*rounded), *stored));
}

}  // namespace
}  // namespace vecferry::testing
