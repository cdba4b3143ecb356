#include "vecferry/model/json_number.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace vecferry {
namespace {

std::string text_of(float value) {
  std::string text;
  append_float32(value, &text);
  return text;
}

// The bits that `text` reads as, all of it; those of a NaN when it is no number.
uint32_t bits_of(std::string_view text) {
  float value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc::result_out_of_range) {
    value = std::strtof(std::string(text).c_str(), nullptr);  // a subnormal, for GCC 12
  }
  return read.ptr == text.data() + text.size() ? std::bit_cast<uint32_t>(value) : 0xFFFFFFFFU;
}

TEST(JsonNumber, HasADotOrAnExponent) {
  EXPECT_EQ(text_of(1), "1.0");
  EXPECT_EQ(text_of(-0.0F), "-0.0");
  EXPECT_EQ(text_of(0.1F), "0.1");
  EXPECT_EQ(text_of(16777216.0F), "16777216.0");
  for (const float value : {1e20F, 3.4028235e38F, 1e-45F, 123456.0F}) {
    EXPECT_NE(text_of(value).find_first_of(".e"), std::string::npos) << text_of(value);
  }
}

TEST(JsonNumber, WhatIsNotFiniteIsNull) {
  using Limits = std::numeric_limits<float>;
  for (const float value : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    EXPECT_EQ(text_of(value), "null");
  }
}

TEST(JsonNumber, AStrideThroughAllFloat32ComesBack) {
  for (uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 65'537 * 7) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isfinite(value)) {
      ASSERT_EQ(bits_of(text_of(value)), static_cast<uint32_t>(bits)) << text_of(value);
    }
  }
}

RC_GTEST_PROP(JsonNumber, AListIsItsNumbersOneByOne, (std::vector<uint32_t> patterns)) {
  std::vector<float> values;
  std::string expected = "before[";
  for (const uint32_t bits : patterns) {
    const auto value = std::bit_cast<float>(bits);
    values.push_back(std::isfinite(value) ? value : std::bit_cast<float>(bits & 0x807FFFFFU));
    expected += (values.size() > 1 ? "," : "") + text_of(values.back());
  }
  std::string text = "before";
  RC_ASSERT(append_float32_list(values.data(), values.size(), &text) == values.size());
  RC_ASSERT(text == expected + "]");
}

TEST(JsonNumber, AListStopsAtTheFirstThatIsNotFinite) {
  const std::vector<float> values = {1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F};
  std::string text;
  EXPECT_EQ(append_float32_list(values.data(), values.size(), &text), 1U);
}

}  // namespace
}  // namespace vecferry
