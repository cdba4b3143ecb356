#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "vecferry/model/filter.h"

namespace vecferry {
namespace {

using ::testing::HasSubstr;

std::string json_of(const std::string& text) {
  const auto filter = Filter::parse(text);
  EXPECT_TRUE(filter.ok()) << filter.status().message();
  return filter.ok() ? (*filter)->json() : "";
}

// The JSON of a filter with one condition.
std::string must(const std::string& condition) {
  return R"({"must":[)" + condition + "]}";
}
std::string must_not(const std::string& condition) {
  return R"({"must_not":[)" + condition + "]}";
}

TEST(WhereClause, Tests) {
  const std::pair<const char*, std::string> cases[] = {
      {"a = x", must(R"({"key":"a","match":{"value":"x"}})")},
      {"a=x", must(R"({"key":"a","match":{"value":"x"}})")},
      {"a == 'two words'", must(R"({"key":"a","match":{"value":"two words"}})")},
      {R"(a = "say \"hi\"")", must(R"({"key":"a","match":{"value":"say \"hi\""}})")},
      {"a = 1", must(R"({"key":"a","match":{"value":1}})")},
      {"a = -7", must(R"({"key":"a","match":{"value":-7}})")},
      {"a = '1'", must(R"({"key":"a","match":{"value":"1"}})")},
      {"a = 007", must(R"({"key":"a","match":{"value":"007"}})")},
      {"a = 1.", must(R"({"key":"a","match":{"value":"1."}})")},
      {"a = inf", must(R"({"key":"a","match":{"value":"inf"}})")},
      {"a = 1.5", must(R"({"key":"a","range":{"gte":1.5,"lte":1.5}})")},
      {"a = true", must(R"({"key":"a","match":{"value":true}})")},
      {"a = FALSE", must(R"({"key":"a","match":{"value":false}})")},
      {"a = null", must(R"({"is_null":{"key":"a"}})")},
      {"a != x", must_not(R"({"key":"a","match":{"value":"x"}})")},
      {"a <> 1", must_not(R"({"key":"a","match":{"value":1}})")},
      {"a > 1", must(R"({"key":"a","range":{"gt":1}})")},
      {"a>=1.5", must(R"({"key":"a","range":{"gte":1.5}})")},
      {"a < 1e3", must(R"({"key":"a","range":{"lt":1000.0}})")},
      {"a <= 2024-02-29", must(R"({"key":"a","range":{"lte":"2024-02-29"}})")},
      {"a > 2024-01-01T10:00:00Z", must(R"({"key":"a","range":{"gt":"2024-01-01T10:00:00Z"}})")},
      {"a > '2024-01-01 10:00:00'", must(R"({"key":"a","range":{"gt":"2024-01-01 10:00:00"}})")},
      {"a ~ 'good cheap'", must(R"({"key":"a","match":{"text":"good cheap"}})")},
      {"a !~ good", must_not(R"({"key":"a","match":{"text":"good"}})")},
      {"a in (x, 'y z')", must(R"({"key":"a","match":{"any":["x","y z"]}})")},
      {"a in (1,2)", must(R"({"key":"a","match":{"any":[1,2]}})")},
      {"a in (x, 1)",
       R"({"should":[{"key":"a","match":{"any":["x"]}},{"key":"a","match":{"any":[1]}}]})"},
      {"a in (true, 1.5)",
       R"({"should":[{"key":"a","match":{"value":true}},{"key":"a","range":{"gte":1.5,"lte":1.5}}]})"},
      {"a NOT IN (x)", must_not(R"({"key":"a","match":{"any":["x"]}})")},
      {"a is null", must(R"({"is_null":{"key":"a"}})")},
      {"a is not null", must_not(R"({"is_null":{"key":"a"}})")},
      {"a is empty", must(R"({"is_empty":{"key":"a"}})")},
      {"a Is Not Empty", must_not(R"({"is_empty":{"key":"a"}})")},
      {"has a.b[]", must_not(R"({"is_empty":{"key":"a.b[]"}})")},
      {"not has a", must_not(R"({"must_not":[{"is_empty":{"key":"a"}}]})")},
  };
  for (const auto& [text, json] : cases) {
    EXPECT_EQ(json_of(text), json) << text;
  }
}

TEST(WhereClause, Fields) {
  const std::pair<const char*, const char*> cases[] = {
      {"a.b = 1", "a.b"},
      {"list[].x = 1", "list[].x"},
      {"list[0] = 1", "list[0]"},
      {R"("two words".c = 1)", R"(\"two words\".c)"},
      {R"("plain" = 1)", "plain"},
      {"größe = 1", "größe"},
      {"installed-size_2 = 1", "installed-size_2"},
      {"has = 1", "has"},
      {"not = 1", "not"},
      {"is = 1", "is"},
      {R"("id" = 1)", "id"},
      {"id.x = 1", "id.x"},
      {"id_of = 1", "id_of"},
  };
  for (const auto& [text, key] : cases) {
    EXPECT_EQ(json_of(text), must(std::string(R"({"key":")") + key + R"(","match":{"value":1}})"))
        << text;
  }
}

TEST(WhereClause, PointIds) {
  EXPECT_EQ(json_of("id = 5"), must(R"({"has_id":[5]})"));
  EXPECT_EQ(json_of("id = 18446744073709551615"), must(R"({"has_id":[18446744073709551615]})"));
  EXPECT_EQ(json_of("id != 5"), must_not(R"({"has_id":[5]})"));
  EXPECT_EQ(json_of("id not in (5)"), must_not(R"({"has_id":[5]})"));
  EXPECT_EQ(json_of("id in (5, 550E8400-e29b-41d4-a716-446655440000)"),
            must(R"({"has_id":[5,"550e8400-e29b-41d4-a716-446655440000"]})"));
}

TEST(WhereClause, BindsNotThenAndThenOr) {
  const std::string a = R"({"key":"a","match":{"value":1}})";
  const std::string b = R"({"key":"b","match":{"value":1}})";
  const std::string c = R"({"key":"c","match":{"value":1}})";
  EXPECT_EQ(json_of("a=1 and b=1"), R"({"must":[)" + a + "," + b + "]}");
  EXPECT_EQ(json_of("a=1 or b=1"), R"({"should":[)" + a + "," + b + "]}");
  EXPECT_EQ(json_of("a=1 or b=1 and c=1"),
            R"({"should":[)" + a + R"(,{"must":[)" + b + "," + c + "]}]}");
  EXPECT_EQ(json_of("(a=1 or b=1) and c=1"),
            R"({"must":[{"should":[)" + a + "," + b + "]}," + c + "]}");
  EXPECT_EQ(json_of("not a=1 and b=1"), R"({"must":[)" + b + R"(],"must_not":[)" + a + "]}");
  EXPECT_EQ(json_of("not (a=1 or b=1)"), R"({"must_not":[{"should":[)" + a + "," + b + "]}]}");
  EXPECT_EQ(json_of("a=1 AND b=1 And c!=1"),
            R"({"must":[)" + a + "," + b + R"(],"must_not":[)" + c + "]}");
  EXPECT_EQ(json_of("section=libs and installed_size>1000"),
            R"({"must":[{"key":"section","match":{"value":"libs"}},)"
            R"({"key":"installed_size","range":{"gt":1000}}]})");
}

struct BadClause {
  std::string text;
  size_t offset;
  std::string message;
};

TEST(WhereClause, PointsAtTheMistake) {
  const BadClause cases[] = {
      {"", 0, "the filter is empty"},
      {"   ", 3, "the filter is empty"},
      {"a", 1, "expected a test after 'a'"},
      {"a x", 2, "expected a test after 'a'"},
      {"a ni (1)", 2, "did you mean 'in'?"},
      {"a =", 3, "expected a value"},
      {"a = 1 adn b = 2", 6, "expected 'and' or 'or'; did you mean 'and'?"},
      {"a = two words", 8, "expected 'and' or 'or'"},
      {"a = 1 and", 9, "expected a field"},
      {"a = 1)", 5, "a closing bracket without an opening one"},
      {"(a = 1", 6, "expected ')'"},
      {"a in 1", 5, "expected a list in brackets"},
      {"a in (1", 7, "expected ',' or ')'"},
      {"a in ()", 6, "expected a value"},
      {"a not 5", 6, "expected 'in' after 'not'"},
      {"a is nul", 5, "expected 'null' or 'empty'; did you mean 'null'?"},
      {"a > abc", 4, "'abc' is neither a number nor a date"},
      {"a > '5'", 4, "'5' is neither a number nor a date"},
      {"a = 'open", 4, "a quote that is not closed"},
      {"\"open = 1", 0, "a quote that is not closed"},
      {"a..b = 1", 0, "'a..b' is no payload field"},
      {"= 1", 0, "expected a field"},
      {"id > 5", 3, "takes =, !=, in and not in"},
      {"id = abc", 5, "'abc' is no point id"},
      {"id in (1, x)", 10, "'x' is no point id"},
      {"größe > abc", 10, "'abc' is neither a number nor a date"},
  };
  for (const auto& [text, offset, message] : cases) {
    const auto result = Filter::parse(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kUsage) << text;
    const std::string got = result.status().message();
    EXPECT_THAT(got, HasSubstr(message)) << text;
    // The caret stands under the offset, two blanks in; columns are code points.
    size_t column = 0;
    for (const char c : text.substr(0, offset)) {
      column += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
    }
    EXPECT_THAT(got, HasSubstr("\n  " + text + "\n  " + std::string(column, ' ') + "^")) << got;
  }
}

TEST(WhereClause, RefusesDepthInsteadOfOverflowing) {
  const auto deep = [](size_t depth) {
    return std::string(depth, '(') + "a=1" + std::string(depth, ')');
  };
  EXPECT_TRUE(Filter::parse(deep(45)).ok());
  EXPECT_FALSE(Filter::parse(deep(46)).ok());
  EXPECT_FALSE(Filter::parse(deep(100'000)).ok());
  std::string mixed;  // every level makes two filters
  for (int i = 0; i < 45; ++i) {
    mixed += "(a=1 or b=1 and ";
  }
  EXPECT_TRUE(Filter::parse(mixed + "c=1" + std::string(45, ')')).ok());
}

TEST(WhereClause, RefusesBytesThatAreNotUtf8) {
  const auto result = Filter::parse("a = '\xFF'");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(kind_of(result.status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace vecferry
