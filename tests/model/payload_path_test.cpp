#include "vecferry/model/payload_path.h"

#include <gtest/gtest.h>

#include <string>

namespace vecferry {
namespace {

using Kind = PathStep::Kind;

TEST(PayloadPath, ReadsKeysIndexesAndQuotes) {
  const PayloadPath expected{{{.key = "foo"},
                              {.kind = Kind::kIndex, .index = 1},
                              {.kind = Kind::kIndex, .index = 50},
                              {.key = "bar-baz"},
                              {.kind = Kind::kEach},
                              {.key = "qux[.]quux"}}};
  EXPECT_EQ(parse_payload_path(R"(foo[1][50].bar-baz[]."qux[.]quux")"), expected);
  EXPECT_EQ(parse_payload_path(R"("")"), (PayloadPath{{{.key = ""}}}));
  EXPECT_EQ(parse_payload_path("größe_2"), (PayloadPath{{{.key = "größe_2"}}}));
}

TEST(PayloadPath, RefusesWhatTheServerRefuses) {
  for (const char* text :
       {"", " a", "a b", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a[ 1]", "[0]", "a]", "\"a",
        "\"a\\\"b\"", "a\"b\"", "a[18446744073709551616]", "a$", "\xFF"}) {
    EXPECT_EQ(parse_payload_path(text), std::nullopt) << text;
  }
}

TEST(PayloadPath, PrintsWithQuotesWhereNeeded) {
  for (const std::string text :
       {"a", "a.b", "a[].b[3]", R"("a b".c)", R"("")", R"(a."x.y"[])", "größe"}) {
    const auto path = parse_payload_path(text);
    ASSERT_TRUE(path) << text;
    EXPECT_EQ(to_string(*path), text);
  }
  EXPECT_EQ(to_string(*parse_payload_path(R"("a"."b")")), "a.b");
}

}  // namespace
}  // namespace vecferry
