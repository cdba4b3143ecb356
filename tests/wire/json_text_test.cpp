#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "vecferry/model/json_number.h"
#include "vecferry/wire/json_text_internal.h"

namespace vecferry::wire {
namespace {

TEST(JsonText, EveryFloatComesBack) {
  std::mt19937 random(5);
  Numbers numbers;
  for (int i = 0; i < 200000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (!std::isfinite(value)) {
      continue;
    }
    std::string text = "[";
    append_float32(value, &text);
    text += "]";
    ASSERT_NE(text.find_first_of(".e"), std::string::npos) << text;
    parse_numbers(text, &numbers);
    ASSERT_EQ(numbers.problem, NumbersProblem::kNone) << text;
    ASSERT_EQ(std::bit_cast<uint32_t>(numbers.values.at(0)), std::bit_cast<uint32_t>(value))
        << text;
  }
}

TEST(JsonText, ListsAndListsOfLists) {
  Numbers numbers;
  parse_numbers(" [ 1 , -2.5e-1 ] ", &numbers);
  EXPECT_EQ(numbers.values, (std::vector<float>{1, -0.25F}));
  EXPECT_FALSE(numbers.nested);
  parse_numbers("[[1,2],[3,4],[5,6]]", &numbers);
  EXPECT_EQ(numbers.values.size(), 6U);
  EXPECT_EQ(numbers.lists, 3U);
  EXPECT_TRUE(numbers.nested);
  parse_numbers("[]", &numbers);
  EXPECT_EQ(numbers.problem, NumbersProblem::kNone);
  EXPECT_TRUE(numbers.values.empty());
}

TEST(JsonText, NamesWhatIsWrong) {
  Numbers numbers;
  const auto problem = [&](const char* text) {
    parse_numbers(text, &numbers);
    return numbers.problem;
  };
  EXPECT_EQ(problem("[1,null]"), NumbersProblem::kNull);
  EXPECT_EQ(problem("[[1,2],[3]]"), NumbersProblem::kUneven);
  for (const char* text :
       {"", "1", "[", "[1", "[1,]", "[1 2]", "[1]]", "[+1]", "[1.]", "[.5]", "[01]", "[-]", "[inf]",
        "[NaN]", "[0x1]", "[1e]", "[\"1\"]", "[[1],2]", "[[[1]]]"}) {
    EXPECT_EQ(problem(text), NumbersProblem::kNotNumbers) << text;
  }
}

TEST(JsonText, Indices) {
  std::vector<uint32_t> indices;
  EXPECT_TRUE(parse_indices("[0, 7,4294967295]", &indices));
  EXPECT_EQ(indices, (std::vector<uint32_t>{0, 7, 4294967295U}));
  EXPECT_TRUE(parse_indices("[]", &indices));
  for (const char* text :
       {"", "[", "[1,]", "[-1]", "[1.0]", "[4294967296]", "[01]", "[null]", "[1]x"}) {
    EXPECT_FALSE(parse_indices(text, &indices)) << text;
  }
}

}  // namespace
}  // namespace vecferry::wire
