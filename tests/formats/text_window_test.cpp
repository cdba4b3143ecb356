#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/formats/text_inputs.h"
#include "vecferry/formats/text_window_internal.h"

namespace vecferry::formats {
namespace {

Result<size_t> length_of(const std::string& text, int64_t step) {
  TextWindow window(std::make_shared<testing::DrippingStream>(text, step), "test");
  ARROW_RETURN_NOT_OK(window.more().status());
  return window.value_length();
}

TEST(TextWindow, FindsTheEndOfAValueHoweverTheTextArrives) {
  const std::vector<std::string> values = {
      "{}",
      "[]",
      "{\"a\":{\"b\":[1,{}]}}",
      "[[1,2],[3]]",
      "\"text\"",
      "\"a\\\"b\\\\\"",
      "{\"brace\":\"}\",\"quote\":\"\\\"}\"}",
      "{\"end\":\"\\\\\"}",
      "[\"]\",\"\\\"]\"]",
      "{\"long\":\"" + std::string(300, '}') + "\"}",
      "[" + std::string(200, '1') + ",[" + std::string(200, ' ') + "]]"};
  for (const auto& value : values) {
    for (const int64_t step : {1, 2, 3, 7, 64, 1000}) {
      const auto length = length_of(value + ",\"rest\":{}", step);
      ASSERT_TRUE(length.ok());
      EXPECT_EQ(*length, value.size()) << value << " by " << step;
    }
  }
  EXPECT_EQ(*length_of("12.5e3, 4", 1), 6U);
  EXPECT_EQ(*length_of("true}", 2), 4U);
}

TEST(TextWindow, SaysZeroWhenTheStreamEndsInside) {
  for (const std::string text :
       {"{", "{\"a\":1", "[[1]", "\"abc", "\"abc\\\"", "{\"a\":\"}", "{\"a\\"}) {
    EXPECT_EQ(*length_of(text, 1), 0U) << text;
  }
}

TEST(TextWindow, OffsetsCountTheWholeStream) {
  const std::string text = "  {\"a\":1}\n\t[2]";
  TextWindow window(std::make_shared<testing::DrippingStream>(text, 3), "test");
  EXPECT_EQ(*window.next_byte(), '{');
  EXPECT_EQ(window.offset(), 2);
  window.consume(*window.value_length());
  EXPECT_EQ(*window.next_byte(), '[');
  EXPECT_EQ(window.offset(), 11);
  window.consume(*window.value_length());
  EXPECT_EQ(*window.next_byte(), -1);
}

TEST(TextWindow, LinesEndWithANewlineOrTheStream) {
  TextWindow window(std::make_shared<testing::DrippingStream>("ab\n\nc", 1), "test");
  bool terminated = false;
  EXPECT_EQ(*window.line_length(&terminated), 2U);
  EXPECT_TRUE(terminated);
  window.consume(3);
  EXPECT_EQ(*window.line_length(&terminated), 0U);
  window.consume(1);
  EXPECT_EQ(*window.line_length(&terminated), 1U);
  EXPECT_FALSE(terminated);
}

}  // namespace
}  // namespace vecferry::formats
