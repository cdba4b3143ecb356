#include "vecferry/model/point_id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace vecferry {
namespace {

constexpr const char* kUuid = "550e8400-e29b-41d4-a716-446655440000";

PointId id(std::string_view text) {
  const auto parsed = parse_point_id(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(PointId{});
}

TEST(PointId, ReadsNumbersAndTheFourFormsOfUuids) {
  EXPECT_EQ(id("0"), PointId::of(uint64_t{0}));
  EXPECT_EQ(id("18446744073709551615"), PointId::of(std::numeric_limits<uint64_t>::max()));
  for (const char* text :
       {kUuid, "550e8400e29b41d4a716446655440000", "{550e8400-e29b-41d4-a716-446655440000}",
        "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "550E8400-E29B-41D4-A716-446655440000"}) {
    EXPECT_TRUE(id(text).is_uuid);
    EXPECT_EQ(to_string(id(text)), kUuid) << text;
  }
  // 32 decimal digits are a UUID
  EXPECT_TRUE(id("12345678901234567890123456789012").is_uuid);
}

TEST(PointId, RefusesEverythingElse) {
  for (const char* text :
       {"", "-1", "+1", "1.0", " 1", "1 ", "0x10", "18446744073709551616", "abc",
        "550e8400-e29b-41d4-a716-44665544000", "550e8400-e29b-41d4-a716-4466554400000",
        "550e8400-e29b41d4-a716-446655440000-", "g50e8400-e29b-41d4-a716-446655440000",
        "{550e8400e29b41d4a716446655440000}", "URN:UUID:550e8400-e29b-41d4-a716-446655440000",
        "urn:uuid:550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716_446655440000"}) {
    EXPECT_FALSE(parse_point_id(text)) << text;
  }
}

TEST(PointId, OrdersNumbersBeforeUuids) {
  const std::vector<PointId> sorted = {id("0"),
                                       id("9"),
                                       id("10"),
                                       id("18446744073709551615"),
                                       id("00000000-0000-0000-0000-000000000000"),
                                       id("00000000-0000-0000-0000-000000000001"),
                                       id("7fffffff-0000-0000-0000-000000000000"),
                                       id("80000000-0000-0000-0000-000000000000")};
  EXPECT_TRUE(std::is_sorted(sorted.begin(), sorted.end()));
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
}

TEST(PointId, HasASuccessorUnlessItIsTheLast) {
  EXPECT_EQ(successor(id("0")), id("1"));
  EXPECT_EQ(successor(id("18446744073709551615")), id("00000000-0000-0000-0000-000000000000"));
  EXPECT_EQ(successor(id("00000000-0000-0000-0000-0000000000ff")),
            id("00000000-0000-0000-0000-000000000100"));
  EXPECT_EQ(successor(id("ffffffff-ffff-ffff-ffff-ffffffffffff")), std::nullopt);
}

// UUIDv5 as RFC 4122 has it, in our own name space; stored ids depend on it.
TEST(PointId, NamesGiveTheSameUuidForEver) {
  const PointId first = PointId::of(uuid_of_name("document 1"));
  EXPECT_EQ(first, PointId::of(uuid_of_name("document 1")));
  EXPECT_NE(first, PointId::of(uuid_of_name("document 2")));
  const std::string text = to_string(first);
  EXPECT_EQ(text[14], '5');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
}

RC_GTEST_PROP(PointIdProperty, ReadsWhatItPrints, (uint64_t number)) {
  const PointId number_id = PointId::of(number);
  RC_ASSERT(parse_point_id(to_string(number_id)) == number_id);
  const auto bytes = *rc::gen::container<std::vector<uint8_t>>(16, rc::gen::arbitrary<uint8_t>());
  Uuid uuid{};
  std::copy(bytes.begin(), bytes.end(), uuid.begin());
  RC_ASSERT(parse_point_id(to_string(PointId::of(uuid))) == PointId::of(uuid));
}

RC_GTEST_PROP(PointIdProperty, UuidsOrderAsTheirText, ()) {
  const auto bytes = *rc::gen::container<std::vector<uint8_t>>(32, rc::gen::arbitrary<uint8_t>());
  Uuid a{};
  Uuid b{};
  std::copy(bytes.begin(), bytes.begin() + 16, a.begin());
  std::copy(bytes.begin() + 16, bytes.end(), b.begin());
  RC_ASSERT((PointId::of(a) < PointId::of(b)) ==
            (to_string(PointId::of(a)) < to_string(PointId::of(b))));
}

RC_GTEST_PROP(PointIdProperty, NothingLiesBetweenAnIdAndItsSuccessor, (uint64_t number)) {
  const auto next = successor(PointId::of(number));
  RC_ASSERT(next.has_value());
  RC_ASSERT(PointId::of(number) < *next);
  RC_ASSERT(next->is_uuid || next->number == number + 1);
}

}  // namespace
}  // namespace vecferry
