#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "vecferry/formats/float_text_internal.h"

namespace vecferry::formats {
namespace {

std::string text_of(float value) {
  std::string text;
  append_float32(value, &text);
  return text;
}

Result<std::vector<float>> values_of(const std::string& text) {
  NumberLists lists;
  ARROW_ASSIGN_OR_RAISE(const size_t length, parse_number_lists(text, &lists));
  EXPECT_LE(length, text.size());
  return lists.values;
}

TEST(FloatText, HasADotOrAnExponent) {
  EXPECT_EQ(text_of(1), "1.0");
  EXPECT_EQ(text_of(-0.0F), "-0.0");
  EXPECT_EQ(text_of(0.1F), "0.1");
  EXPECT_EQ(text_of(16777216.0F), "16777216.0");
  for (const float value : {1e20F, 3.4028235e38F, 1e-45F, 123456.0F}) {
    EXPECT_NE(text_of(value).find_first_of(".e"), std::string::npos) << text_of(value);
  }
}

RC_GTEST_PROP(FloatText, EveryFloat32ComesBackBitForBit, (std::vector<uint32_t> patterns)) {
  std::vector<float> values;
  for (const uint32_t bits : patterns) {
    const auto value = std::bit_cast<float>(bits);
    values.push_back(std::isfinite(value) ? value : std::bit_cast<float>(bits & 0x807FFFFFU));
  }
  std::string text;
  RC_ASSERT(append_float32_list(values.data(), values.size(), &text) == values.size());
  const auto back = values_of(text);
  RC_ASSERT(back.ok());
  RC_ASSERT(back->size() == values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    RC_ASSERT(std::bit_cast<uint32_t>((*back)[i]) == std::bit_cast<uint32_t>(values[i]));
  }
}

TEST(FloatText, AStrideThroughAllFloat32ComesBack) {
  for (uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 65'537 * 7) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::isfinite(value)) {
      const auto back = values_of("[" + text_of(value) + "]");
      ASSERT_TRUE(back.ok()) << text_of(value);
      ASSERT_EQ(std::bit_cast<uint32_t>(back->front()), static_cast<uint32_t>(bits));
    }
  }
}

TEST(FloatText, RoundsOnceAndNotByWayOfDouble) {
  // Just above the middle of 1 and the next float32; as a double it is the middle itself.
  const auto values = values_of("[1.000000059604644775390626]");
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(values->front(), std::nextafter(1.0F, 2.0F));
}

TEST(FloatText, PrintsUpToTheFirstThatIsNotFinite) {
  const std::vector<float> values = {1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F};
  std::string text;
  EXPECT_EQ(append_float32_list(values.data(), values.size(), &text), 1U);
}

TEST(FloatText, ReadsWhatJsonAllows) {
  EXPECT_EQ(*values_of("[]"), std::vector<float>{});
  EXPECT_EQ(*values_of("[ 1 ,\n-2.5e1\t, 0.5E-1]"), (std::vector<float>{1, -25, 0.05F}));
  EXPECT_EQ(*values_of("[1e-60, -1e-60]"), (std::vector<float>{0.0F, -0.0F}));
  NumberLists lists;
  ASSERT_TRUE(parse_number_lists("[[1,2],[3,4], [5,6]]", &lists).ok());
  EXPECT_EQ(lists.lists, 3U);
  EXPECT_EQ(lists.values.size(), 6U);
}

TEST(FloatText, RefusesTheRestAndNamesTheElement) {
  struct Case {
    const char* text;
    const char* words;
  };
  for (const auto& [text, words] :
       std::initializer_list<Case>{{"[1,NaN]", "element 2 is not a finite number: NaN"},
                                   {"[Infinity]", "element 1"},
                                   {"[-Infinity]", "element 1"},
                                   {"[1,null]", "element 2"},
                                   {"[\"0.1\"]", "element 1"},
                                   {"[1e39]", "beyond the range of a float32: 1e39"},
                                   {"[1e999]", "beyond the range"},
                                   {"[01]", "element 1"},
                                   {"[1.]", "element 1"},
                                   {"[.5]", "element 1"},
                                   {"[+1]", "element 1"},
                                   {"[1 2]", "after element 1"},
                                   {"[1,]", "element 2"},
                                   {"[1", "ends inside"},
                                   {"[", "ends inside"},
                                   {"[[1,2],[3]]", "inner vector 2 has 1 values, the first has 2"},
                                   {"[[1],2]", "element 2 is not a list"},
                                   {"[[1],", "ends inside"},
                                   {"[[[1]]]", "element 1"}}) {
    const auto values = values_of(text);
    ASSERT_FALSE(values.ok()) << text;
    EXPECT_EQ(kind_of(values.status()), ErrorKind::kCorrupt);
    EXPECT_NE(values.status().message().find(words), std::string::npos)
        << text << ": " << values.status().message();
  }
}

}  // namespace
}  // namespace vecferry::formats
