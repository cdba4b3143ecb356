#include "vecferry/transform/normalise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "arrow/util/float16.h"
#include "tests/transform/apply.h"

namespace vecferry {
namespace {

using testing::applied;
using testing::dense;
using testing::TestPoint;

std::vector<float> random_vector(std::mt19937_64& random, size_t dim) {
  // From tiny to huge, balanced or around one large element.
  std::uniform_real_distribution<float> element(-1.0F, 1.0F);
  const float scale = std::pow(10.0F, static_cast<float>(random() % 30) - 12.0F);
  std::vector<float> vector(dim);
  for (float& x : vector) {
    x = element(random) * scale;
  }
  if (random() % 4 == 0) {
    vector[random() % dim] = 3.0F * scale;
  }
  return vector;
}

double length(const std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) {
    sum += static_cast<double>(x) * static_cast<double>(x);
  }
  return std::sqrt(sum);
}

TEST(NormaliseTest, TheEngineKeepsWhatComesOutInEveryDimension) {
  std::mt19937_64 random(1);
  for (size_t dim = 1; dim <= 4096; dim += dim < 600 ? 1 : 37) {
    for (int i = 0; i < 4; ++i) {
      std::vector<float> vector = random_vector(random, dim);
      const std::vector<float> original = vector;
      ASSERT_TRUE(normalise_vector(vector));
      EXPECT_TRUE(engine_keeps(vector)) << dim;
      const std::vector<float> once = vector;
      ASSERT_TRUE(normalise_vector(vector));
      EXPECT_EQ(vector, once) << dim;
      if (vector != original) {
        EXPECT_NEAR(length(vector), 1.0, 2e-7) << dim;
      }
    }
  }
}

// The margins: what is kept has room for another order of summing and for fused multiply-adds.
TEST(NormaliseTest, WhatComesOutIsWellInsideTheTolerance) {
  std::mt19937_64 random(2);
  for (const size_t dim : {1U, 2U, 3U, 7U, 15U, 16U, 31U, 32U, 33U, 384U, 768U, 1536U, 4096U}) {
    for (int i = 0; i < 200; ++i) {
      std::vector<float> vector = random_vector(random, dim);
      ASSERT_TRUE(normalise_vector(vector));
      if (length(vector) > 1e-3) {
        EXPECT_NEAR(length(vector) * length(vector), 1.0, 9.6e-7) << dim;
      }
    }
  }
}

TEST(NormaliseTest, LeavesAloneWhatTheEngineLeavesAlone) {
  for (std::vector<float> vector : {std::vector<float>{0.0F, -0.0F},
                                    {1.0F, 0.0F},
                                    {0.6F, 0.8F},
                                    {3e-4F, 1e-4F},
                                    {1e-30F, 0.0F}}) {
    const auto before = vector;
    ASSERT_TRUE(normalise_vector(vector));
    EXPECT_EQ(std::memcmp(vector.data(), before.data(), 8), 0);
  }
}

TEST(NormaliseTest, LengthsBeyondFloatAreNormalised) {
  std::vector<float> vector = {1e20F, 1e20F, 0.0F, 0.0F};
  ASSERT_TRUE(normalise_vector(vector));
  EXPECT_NEAR(length(vector), 1.0, 1e-7);
  EXPECT_EQ(vector[2], 0.0F);
}

CollectionConfig config_of_two(VectorKind kind, ElementType element, uint32_t dim) {
  return default_config(
      {{"c", kind, element, dim, Distance::kCosine}, {"d", kind, element, dim, Distance::kCosine}});
}

TEST(NormaliseTest, NormalisesTheNamedColumnsOnly) {
  const auto config = config_of_two(VectorKind::kDense, ElementType::kFloat32, 2);
  const std::vector<TestPoint> points = {
      {.id = PointId::of(uint64_t{1}), .vectors = {{"c", dense({3, 4})}, {"d", dense({3, 4})}}},
      {.id = PointId::of(uint64_t{2}), .vectors = {{"d", dense({3, 4})}}},
      {.id = PointId::of(uint64_t{3}), .vectors = {{"c", dense({0, 1})}}},
      {.id = PointId::of(uint64_t{4}), .vectors = {{"c", dense({0, -5})}}}};
  auto expected = points;
  expected[0].vectors["c"] = dense({0.6F, 0.8F});
  expected[3].vectors["c"] = dense({0, -1});
  const auto transform = normalise({"c"});
  const auto batch = testing::to_batch(config, points);
  EXPECT_EQ(applied(*transform, batch), expected);
  EXPECT_EQ(transform->counts().at("vectors_normalised"), 2U);
  // What is normal already is the same batch.
  const auto again = testing::to_batch(config, expected);
  EXPECT_EQ(transform->apply(again).ValueOrDie(), again);
}

TEST(NormaliseTest, NormalisesEachInnerVector) {
  const auto config = config_of_two(VectorKind::kMulti, ElementType::kFloat32, 2);
  const std::vector<TestPoint> points = {
      {.id = PointId::of(uint64_t{1}), .vectors = {{"c", dense({3, 4, 0, 0, 0, 2})}}},
      {.id = PointId::of(uint64_t{2})},
      {.id = PointId::of(uint64_t{3}), .vectors = {{"c", dense({-4, 3})}}}};
  const auto got = applied(*normalise({"c"}), config, points);
  EXPECT_EQ(got[0].vectors.at("c"), dense({0.6F, 0.8F, 0, 0, 0, 1}));
  EXPECT_TRUE(got[1].vectors.empty());
  EXPECT_EQ(got[2].vectors.at("c"), dense({-0.8F, 0.6F}));
}

// As the engine does it, on the path that the dimension takes on a machine with AVX.
std::vector<uint16_t> stored_by_engine(const std::vector<uint16_t>& halves, size_t lanes) {
  std::vector<float> values;
  for (const uint16_t half : halves) {
    values.push_back(arrow::util::Float16::FromBits(half).ToFloat());
  }
  std::vector<float> sums(lanes);
  size_t i = 0;
  for (; i + lanes <= values.size(); ++i) {
    sums[i % lanes] = std::fma(values[i], values[i], sums[i % lanes]);
  }
  float sum = std::accumulate(sums.begin(), sums.end(), 0.0F);
  for (; i < values.size(); ++i) {
    sum += values[i] * values[i];
  }
  if (sum < std::numeric_limits<float>::epsilon() || std::abs(sum - 1.0F) <= 1e-6F) {
    return halves;
  }
  std::vector<uint16_t> stored;
  for (const float value : values) {
    stored.push_back(arrow::util::Float16::FromFloat(value / std::sqrt(sum)).bits());
  }
  return stored;
}

TEST(NormaliseTest, HalvesAreStoredAsTheyComeOut) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  for (const uint32_t dim : {1U, 2U, 3U, 4U, 5U, 8U, 16U, 31U, 32U, 64U, 100U, 384U, 1536U}) {
    const auto config = config_of_two(VectorKind::kDense, ElementType::kFloat16, dim);
    std::vector<TestPoint> points;
    for (uint64_t id = 0; id < (dim < 40 ? 3000U : 200U); ++id) {
      std::vector<uint16_t> halves;
      const bool mixed = random() % 2 == 0;
      for (uint32_t i = 0; i < dim; ++i) {
        const float scale = mixed ? std::ldexp(1.0F, static_cast<int>(random() % 24) - 14) : 1.0F;
        halves.push_back(arrow::util::Float16(normal(random) * scale).bits());
      }
      TestPoint point{.id = PointId::of(id)};
      auto& elements = point.vectors["c"].elements;
      elements.resize(halves.size() * 2);
      std::memcpy(elements.data(), halves.data(), elements.size());
      points.push_back(std::move(point));
    }
    const auto once = applied(*normalise({"c"}), config, points);
    const auto again = normalise({"c"});
    EXPECT_EQ(applied(*again, config, once), once) << dim;
    EXPECT_EQ(again->counts().at("vectors_normalised"), 0U) << dim;
    int moved = 0;
    for (const TestPoint& point : once) {
      const auto& elements = point.vectors.at("c").elements;
      std::vector<uint16_t> halves(dim);
      std::memcpy(halves.data(), elements.data(), elements.size());
      for (const size_t lanes : {1U, 16U, 32U}) {
        moved += stored_by_engine(halves, lanes) != halves ? 1 : 0;
      }
    }
    EXPECT_EQ(moved, 0) << dim;
  }
}

TEST(NormaliseTest, ANanIsRefusedByName) {
  const auto config = config_of_two(VectorKind::kDense, ElementType::kFloat32, 2);
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto batch = testing::to_batch(
        config, {{.id = PointId::of(uint64_t{8}), .vectors = {{"c", dense({odd, 1})}}}});
    const Status status = normalise({"c"})->apply(batch).status();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
    EXPECT_EQ(failure_of(status).where, "point 8");
  }
}

}  // namespace
}  // namespace vecferry
