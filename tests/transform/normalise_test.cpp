#include "vecferry/transform/normalise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

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

TEST(NormaliseTest, HalvesAreStable) {
  testing::Generator random(7);
  for (const uint32_t dim : {1U, 2U, 3U, 5U, 16U, 33U, 64U, 384U, 1536U}) {
    const auto config = config_of_two(VectorKind::kDense, ElementType::kFloat16, dim);
    const auto points = random.points(config, 60, {.unit_cosine = false});
    const auto once = applied(*normalise({"c", "d"}), config, points);
    const auto again = normalise({"c", "d"});
    EXPECT_EQ(applied(*again, config, once), once) << dim;
    EXPECT_EQ(again->counts().at("vectors_normalised"), 0U) << dim;
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
