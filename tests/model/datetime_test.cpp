#include "vecferry/model/datetime.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDay = 86400 * kSecond;

TEST(Datetime, ReadsTheFormsThatQdrantReads) {
  const int64_t noon = 19723 * kDay + 12 * 3600 * kSecond;  // 2024-01-01T12:00:00Z
  for (const char* text :
       {"2024-01-01T12:00:00Z", "2024-01-01t12:00:00z", "2024-01-01 12:00:00Z",
        "2024-01-01T12:00:00+00:00", "2024-01-01T14:00:00+02:00", "2024-01-01T14:00:00+0200",
        "2024-01-01T14:00:00+02", "2024-01-01 06:30:00-05:30", "2024-01-01T12:00:00",
        "2024-01-01 12:00:00", "2024-01-01T12:00", "2024-01-01 12:00", "2024-01-01T12:00:00.000Z",
        "2024-01-01 12:00:00 UTC", "2024-1-1T12:00:00", "2024-01-01T12:00:00 +00:00"}) {
    EXPECT_EQ(parse_datetime(text), noon) << text;
  }
  EXPECT_EQ(parse_datetime("2024-01-01"), 19723 * kDay);
}

TEST(Datetime, KnowsTheCalendar) {
  EXPECT_EQ(parse_datetime("1970-01-01"), 0);
  EXPECT_EQ(parse_datetime("1969-12-31T23:59:59.999999Z"), -1);
  EXPECT_EQ(parse_datetime("2000-02-29"), 11016 * kDay);
  EXPECT_EQ(parse_datetime("0001-01-01"), -719162 * kDay);
  EXPECT_EQ(parse_datetime("2016-12-31T23:59:60Z"), 17167 * kDay);  // leap second
  EXPECT_EQ(parse_datetime("1900-02-29"), std::nullopt);
  EXPECT_EQ(parse_datetime("2023-02-29"), std::nullopt);
}

TEST(Datetime, CutsBelowAMicrosecond) {
  EXPECT_EQ(parse_datetime("1970-01-01T00:00:00.123456999Z"), 123456);
  EXPECT_EQ(parse_datetime("1970-01-01T00:00:00.5Z"), 500000);
}

TEST(Datetime, RefusesTheRest) {
  for (const char* text : {"",
                           "2024",
                           "2024-01",
                           "24-01-01",
                           "2024-13-01",
                           "2024-00-01",
                           "2024-01-32",
                           "2024-01-01T",
                           "2024-01-01T24:00:00",
                           "2024-01-01T12:60:00",
                           "2024-01-01T12:00:61",
                           "2024-01-01T12:00Z",
                           "2024-01-01T12:00:00.",
                           "2024-01-01T12:00:00+2",
                           "2024-01-01T12:00:00+24:00",
                           "2024-01-01T12:00:00+02:",
                           "2024-01-01T12:00:00Zx",
                           "2024/01/01",
                           "now",
                           "2024-01-01x",
                           "999999-01-01"}) {
    EXPECT_EQ(parse_datetime(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace vecferry
