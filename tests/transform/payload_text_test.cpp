#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

using Parts = std::vector<std::pair<std::string, std::string>>;

Parts parts_of(std::string_view json) {
  Parts parts;
  PartWalker walker(json);
  while (walker.next()) {
    parts.emplace_back(walker.key(), walker.value());
  }
  if (walker.broken()) {
    parts.emplace_back("broken", "");
  }
  return parts;
}

TEST(PayloadTextTest, WalksObjectsAndArrays) {
  EXPECT_EQ(parts_of(R"({"a":1,"b":{"c":[1,2]},"d":"},\"{"})"),
            (Parts{{"\"a\"", "1"}, {"\"b\"", R"({"c":[1,2]})"}, {"\"d\"", R"("},\"{")"}}));
  EXPECT_EQ(parts_of(R"([1,[2,3],{},"x",null])"),
            (Parts{{"", "1"}, {"", "[2,3]"}, {"", "{}"}, {"", "\"x\""}, {"", "null"}}));
  EXPECT_EQ(parts_of("{}"), Parts{});
  EXPECT_EQ(parts_of("[]"), Parts{});
  EXPECT_EQ(parts_of("12"), Parts{});
  EXPECT_EQ(parts_of(""), Parts{});
}

TEST(PayloadTextTest, BrokenTextEndsTheWalk) {
  for (const char* text : {"{", "[", "{\"a\"}", "{\"a\":}", "[1", "[1,", "{\"a\":1}}", "[]]", "{}x",
                           "[1,]", "{\"a\":\"\\", "[{]", "{1:2}"}) {
    const auto parts = parts_of(text);
    ASSERT_FALSE(parts.empty()) << text;
    EXPECT_EQ(parts.back().first, "broken") << text;
  }
}

TEST(PayloadTextTest, EveryPrefixIsSafe) {
  const std::string text = R"({"a\"b":[1,{"x":"\u0001\\"},[[]]],"c":-1.5e-7,"d":null})";
  EXPECT_EQ(parts_of(text).size(), 3U);
  for (size_t length = 1; length < text.size(); ++length) {
    EXPECT_EQ(parts_of(text.substr(0, length)).back().first, "broken") << length;
  }
}

TEST(PayloadTextTest, StringsBothWays) {
  const std::string odd = "plain \" \\ \b\f\n\r\t \x01\x1f\x7f naïve / 日本";
  std::string quoted;
  append_string(odd, &quoted);
  EXPECT_EQ(quoted, "\"plain \\\" \\\\ \\b\\f\\n\\r\\t \\u0001\\u001f\x7f naïve / 日本\"");
  std::string buffer;
  EXPECT_EQ(unescaped(quoted, &buffer), odd);
  EXPECT_EQ(unescaped("\"\"", &buffer), "");
}

}  // namespace
}  // namespace vecferry
