#include "vecferry/ops/payload_field.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

std::vector<std::string> values(std::string_view path, std::string_view payload) {
  auto field = PayloadField::make(path).ValueOrDie();
  std::vector<std::string> found;
  const auto count = field.values(payload, [&](const FieldValue& value) {
    found.push_back(to_string(value));
    return Status::OK();
  });
  EXPECT_EQ(static_cast<size_t>(count.ValueOrDie()), found.size());
  return found;
}

using Words = std::vector<std::string>;

TEST(PayloadField, ScalarsAsPayloadsHaveThem) {
  const auto* payload =
      R"({"a":"x y","b":-5,"c":18446744073709551615,"d":1.5,"e":true,"f":null,"g":1e20})";
  EXPECT_EQ(values("a", payload), Words{"x y"});
  EXPECT_EQ(values("b", payload), Words{"-5"});
  EXPECT_EQ(values("c", payload), Words{"18446744073709551615"});
  EXPECT_EQ(values("d", payload), Words{"1.5"});
  EXPECT_EQ(values("e", payload), Words{"true"});
  EXPECT_EQ(values("f", payload), Words{});
  EXPECT_EQ(values("missing", payload), Words{});
  EXPECT_EQ(values("a", ""), Words{});
}

TEST(PayloadField, PathsAndArrays) {
  const auto* payload =
      R"({"list":[{"x":1},{"x":[2,null,3]},{"y":4}],"m":{"k.k":"v"},"t":["a","b"]})";
  EXPECT_EQ(values("list[].x", payload), (Words{"1", "2", "3"}));
  EXPECT_EQ(values("list[1].x", payload), (Words{"2", "3"}));
  EXPECT_EQ(values("m.\"k.k\"", payload), Words{"v"});
  EXPECT_EQ(values("t", payload), (Words{"a", "b"}));
  EXPECT_EQ(values("t[]", payload), (Words{"a", "b"}));
  EXPECT_EQ(values("t.x", payload), Words{});
}

TEST(PayloadField, ErrorsSayWhere) {
  const auto ignore = [](const FieldValue& /*value*/) { return Status::OK(); };
  auto field = PayloadField::make("m").ValueOrDie();
  const auto object = field.values(R"({"m":{"k":1}})", ignore).status();
  EXPECT_EQ(kind_of(object), ErrorKind::kIncompatible);
  EXPECT_EQ(failure_of(object).where, "payload 'm'");
  EXPECT_EQ(kind_of(field.values("{", ignore).status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(PayloadField::make("a..b").status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace vecferry
