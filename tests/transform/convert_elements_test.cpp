#include "vecferry/transform/convert_elements.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>

#include "arrow/util/float16.h"
#include "tests/transform/apply.h"

namespace vecferry {
namespace {

using testing::applied;
using testing::dense;
using testing::TestPoint;

template <typename T>
std::vector<T> elements(const testing::TestVector& vector) {
  std::vector<T> values(vector.elements.size() / sizeof(T));
  std::memcpy(values.data(), vector.elements.data(), vector.elements.size());
  return values;
}

CollectionConfig one(VectorKind kind, ElementType element, uint32_t dim) {
  return default_config({{"v", kind, element, dim, Distance::kDot}});
}

testing::TestVector converted(const CollectionConfig& config, const testing::TestVector& vector,
                              ElementType to) {
  const auto transform = convert_elements({{"v", to}});
  const std::vector<TestPoint> points = {
      {.id = PointId::of(uint64_t{1}), .vectors = {{"v", vector}}},
      {.id = PointId::of(uint64_t{2})},
      {.id = PointId::of(uint64_t{3}), .vectors = {{"v", vector}}}};
  const auto got = applied(*transform, config, points);
  EXPECT_TRUE(got[1].vectors.empty());
  EXPECT_EQ(got[0].vectors, got[2].vectors);
  return got[0].vectors.at("v");
}

TEST(ConvertElementsTest, BytesEndWhereTheyEnd) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto got =
      converted(one(VectorKind::kDense, ElementType::kFloat32, 9),
                dense({0.0F, 0.99F, 1.5F, 254.999F, 255.0F, 1e9F, -3.0F, nan, -infinity}),
                ElementType::kUint8);
  EXPECT_EQ(elements<uint8_t>(got), (std::vector<uint8_t>{0, 0, 1, 254, 255, 255, 0, 0, 0}));
}

TEST(ConvertElementsTest, HalvesRoundToNearestEven) {
  const auto got =
      converted(one(VectorKind::kDense, ElementType::kFloat32, 6),
                dense({1.0F, 1.00048828125F, 1.00146484375F, 65504.0F, 65520.0F, 1e-9F}),
                ElementType::kFloat16);
  EXPECT_EQ(elements<uint16_t>(got),
            (std::vector<uint16_t>{0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7c00, 0x0000}));
}

TEST(ConvertElementsTest, WideningKeepsValues) {
  testing::TestVector bytes;
  for (const int value : {0, 1, 255, 128}) {
    bytes.elements.push_back(static_cast<std::byte>(value));
  }
  EXPECT_EQ(elements<float>(converted(one(VectorKind::kDense, ElementType::kUint8, 4), bytes,
                                      ElementType::kFloat32)),
            (std::vector<float>{0.0F, 1.0F, 255.0F, 128.0F}));
  const auto halves = converted(one(VectorKind::kDense, ElementType::kFloat32, 3),
                                dense({0.1F, -2.5F, 1e-7F}), ElementType::kFloat16);
  const auto wide = elements<float>(
      converted(one(VectorKind::kDense, ElementType::kFloat16, 3), halves, ElementType::kFloat32));
  for (size_t i = 0; i < wide.size(); ++i) {
    EXPECT_EQ(arrow::util::Float16(wide[i]).bits(), elements<uint16_t>(halves)[i]);
  }
}

TEST(ConvertElementsTest, InnerVectorsKeepTheirShape) {
  const auto got = converted(one(VectorKind::kMulti, ElementType::kFloat32, 2),
                             dense({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}), ElementType::kUint8);
  EXPECT_EQ(elements<uint8_t>(got), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ConvertElementsTest, OtherVectorsStay) {
  const auto config = testing::Generator::every_kind();
  testing::Generator random(4);
  const auto points = random.points(config, 50, {.non_finite = true});
  const auto transform =
      convert_elements({{"euclid", ElementType::kFloat16}, {"multi.half", ElementType::kFloat32}});
  const auto got = applied(*transform, config, points);
  for (size_t i = 0; i < points.size(); ++i) {
    for (const auto& [name, vector] : points[i].vectors) {
      if (name == "euclid" || name == "multi.half") {
        EXPECT_EQ(got[i].vectors.at(name).elements.size(),
                  name == "euclid" ? vector.elements.size() / 2 : vector.elements.size() * 2);
      } else {
        EXPECT_EQ(got[i].vectors.at(name), vector);
      }
    }
    EXPECT_EQ(got[i].vectors.size(), points[i].vectors.size());
    EXPECT_EQ(got[i].payload, points[i].payload);
  }
  const auto after = transform->config(config).ValueOrDie();
  EXPECT_EQ(after.vector("euclid").ValueOrDie().element, ElementType::kFloat16);
  EXPECT_EQ(parse_collection_config(to_json(after)).ValueOrDie().vectors, after.vectors);
}

TEST(ConvertElementsTest, WhatCannotBeConverted) {
  const auto config = testing::Generator::every_kind();
  EXPECT_EQ(kind_of(convert_elements({{"none", ElementType::kUint8}})->config(config).status()),
            ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(convert_elements({{"words", ElementType::kUint8}})->config(config).status()),
            ErrorKind::kIncompatible);
  EXPECT_EQ(
      convert_elements({{"a", ElementType::kUint8}, {"b", ElementType::kFloat16}})->describe(),
      "converts vector 'a' to uint8, vector 'b' to float16");
}

}  // namespace
}  // namespace vecferry
