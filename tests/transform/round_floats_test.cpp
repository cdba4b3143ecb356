#include "vecferry/transform/round_floats.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <random>

#include "tests/transform/apply.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

using testing::payload_after;

std::string rounded(std::string payload) {
  return payload_after(*round_floats(), std::move(payload));
}

double engine(std::string_view text) {
  double value = 0;
  EXPECT_TRUE(parse_as_engine(text, &value)) << text;
  return value;
}

TEST(RoundFloatsTest, ShortFloatsStay) {
  for (const std::string payload :
       {R"({"a":0.1})", R"({"a":1e-7,"b":-0.0,"c":123456.789,"d":1e16,"e":0.30000000000000004})",
        R"({"a":"0.123456789012345678","b":18446744073709551615,"c":-9223372036854775808})", "",
        R"({"a":[1.5,[2.25,{"b":-3.75e-5}]],"tricky\"0.12345678901234567":1})"}) {
    const std::string canonical = canonical_payload(payload).ValueOrDie();
    if (canonical.find("0000004") == std::string::npos) {
      EXPECT_EQ(rounded(canonical), canonical);
    }
  }
}

// The parser is one multiplication or division, so it is wrong exactly where that rounds twice.
TEST(RoundFloatsTest, MovesWhatTheParserMoves) {
  // 17 digits do not fit the 53 bits of a double, and are rounded before they are divided.
  const std::string text = "0.18340298122352466";
  const double expected = 18340298122352466.0 / 1e17;
  EXPECT_EQ(engine(text), expected);
  EXPECT_EQ(engine("-" + text), -expected);
}

TEST(RoundFloatsTest, AboutOneInTenMovesByOneBitAndThenStays) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> element(0.0, 1.0);
  int moved = 0;
  int long_ones = 0;
  const auto transform = round_floats();
  for (int i = 0; i < 5000; ++i) {
    const double value = element(random);
    std::string text = R"({"a":)";
    append_float(value, &text);
    text += "}";
    long_ones += text.size() > 23 ? 1 : 0;
    const std::string once = payload_after(*transform, text);
    if (once == text) {
      continue;
    }
    ++moved;
    const double after = std::strtod(once.c_str() + 5, nullptr);
    EXPECT_LE(std::abs(std::bit_cast<int64_t>(after) - std::bit_cast<int64_t>(value)), 2) << text;
  }
  EXPECT_EQ(transform->counts().at("floats_rounded"), static_cast<uint64_t>(moved));
  EXPECT_GT(moved, long_ones / 30);
  EXPECT_LT(moved, long_ones / 3);
}

TEST(RoundFloatsTest, EditsOnlyTheNumber) {
  // Found by trying numbers in order; the neighbours must stay as they are.
  std::mt19937_64 random(9);
  std::uniform_real_distribution<double> element(0.0, 1.0);
  for (int found = 0; found < 50;) {
    std::string number;
    append_float(element(random), &number);
    double value = engine(number);
    std::string printed;
    append_float(value, &printed);
    value = engine(printed);
    printed.clear();
    append_float(value, &printed);
    if (printed == number) {
      continue;
    }
    ++found;
    const auto payload = [](const std::string& each) {
      return fmt::format(R"({{"a":[{0},1,"{1}"],"b":{{"{1}":{0},"z":{0}}},"c":true}})", each,
                         "0.12345678901234567");
    };
    EXPECT_EQ(rounded(payload(number)), payload(printed));
  }
}

TEST(RoundFloatsTest, FollowsTheParserPastItsDigits) {
  // 19 digits fit; the 20th that does not is dropped, as a power of ten before the dot.
  EXPECT_EQ(engine("18446744073709551616"), 1844674407370955161.0 * 10.0);
  EXPECT_EQ(engine("123456789012345678901234"), 12345678901234567890.0 * 1e4);
  EXPECT_EQ(engine("0.123456789012345678901234"), 12345678901234567890.0 / 1e20);
  EXPECT_EQ(engine("-9223372036854775809"), -9223372036854775809.0);
  EXPECT_EQ(engine("1e308"), 1e308);
  EXPECT_EQ(engine("5e-324"), 5.0 / 1e308 / 1e16);
  EXPECT_EQ(engine("123e-400"), 0.0);
  EXPECT_EQ(engine("0e99999999999"), 0.0);
  EXPECT_EQ(engine("1e-99999999999"), 0.0);
  EXPECT_TRUE(std::signbit(engine("-0.0")));
  double value = 0;
  EXPECT_FALSE(parse_as_engine("1e309", &value));
  EXPECT_FALSE(parse_as_engine("1e99999999999", &value));
  EXPECT_FALSE(parse_as_engine("18446744073709551616e300", &value));
}

TEST(RoundFloatsTest, ANumberThatTheParserRefusesIsNamed) {
  const std::string number = "1.5e309";
  const auto batch = testing::to_batch(
      default_config({}),
      {{.id = PointId::of(uint64_t{5}), .payload = R"({"a":1,"b":)" + number + "}"}});
  const auto made = round_floats()->apply(batch);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(kind_of(made.status()), ErrorKind::kIncompatible);
  EXPECT_EQ(failure_of(made.status()).where, "point 5");
  EXPECT_NE(failure_of(made.status()).what.find(number), std::string::npos);
}

TEST(RoundFloatsTest, WhatComesOutIsCanonical) {
  testing::Generator random(6);
  const auto transform = round_floats();
  for (int i = 0; i < 2000; ++i) {
    const std::string payload = random.payload({.long_floats = true});
    const std::string once = payload_after(*transform, payload);
    EXPECT_EQ(once, once.empty() ? "" : canonical_payload(once).ValueOrDie());
  }
  EXPECT_GT(transform->counts().at("floats_rounded"), 10U);
}

}  // namespace
}  // namespace vecferry
