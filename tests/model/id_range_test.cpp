#include "vecferry/model/id_range.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

namespace vecferry {
namespace {

std::vector<PointId> numbers(const std::vector<uint64_t>& values) {
  std::vector<PointId> ids;
  for (const uint64_t value : values) {
    ids.push_back(PointId::of(value));
  }
  return ids;
}

TEST(IdRange, IsHalfOpen) {
  const IdRange range{.from = PointId::of(uint64_t{5}), .to = PointId::of(uint64_t{9})};
  EXPECT_FALSE(range.contains(PointId::of(uint64_t{4})));
  EXPECT_TRUE(range.contains(PointId::of(uint64_t{5})));
  EXPECT_TRUE(range.contains(PointId::of(uint64_t{8})));
  EXPECT_FALSE(range.contains(PointId::of(uint64_t{9})));
  EXPECT_FALSE(range.contains(PointId::of(Uuid{})));
  EXPECT_TRUE(IdRange{}.contains(PointId::of(Uuid{})));
}

TEST(IdRange, KnowsWhenItIsEmpty) {
  EXPECT_FALSE(IdRange{}.empty());
  EXPECT_FALSE((IdRange{.from = PointId::of(uint64_t{5})}.empty()));
  EXPECT_TRUE((IdRange{.from = PointId::of(uint64_t{5}), .to = PointId::of(uint64_t{5})}.empty()));
}

TEST(IdRange, PrintsForPeople) {
  EXPECT_EQ(to_string(IdRange{}), "all ids");
  EXPECT_EQ(to_string(IdRange{.from = PointId::of(uint64_t{5}), .to = PointId::of(uint64_t{90})}),
            "ids from 5 up to 90 (exclusive)");
  EXPECT_EQ(to_string(IdRange{.to = PointId::of(Uuid{})}),
            "ids up to 00000000-0000-0000-0000-000000000000 (exclusive)");
}

TEST(SplitByQuantiles, GivesPartsOfTheSameSize) {
  std::vector<PointId> sample;
  for (uint64_t i = 0; i < 100; ++i) {
    sample.push_back(PointId::of(99 - i));
  }
  const auto ranges = split_by_quantiles(sample, 4);
  ASSERT_EQ(ranges.size(), 4U);
  for (const IdRange& range : ranges) {
    EXPECT_EQ(std::count_if(sample.begin(), sample.end(),
                            [&](const PointId& id) { return range.contains(id); }),
              25);
  }
}

TEST(SplitByQuantiles, GivesFewerPartsWhenThereIsLittleToSplit) {
  EXPECT_EQ(split_by_quantiles({}, 4), std::vector<IdRange>{IdRange{}});
  EXPECT_EQ(split_by_quantiles(numbers({7, 7, 7}), 4), std::vector<IdRange>{IdRange{}});
  EXPECT_EQ(split_by_quantiles(numbers({1, 2}), 8).size(), 2U);
  EXPECT_EQ(split_by_quantiles(numbers({1, 2, 3}), 0).size(), 1U);
}

RC_GTEST_PROP(SplitByQuantilesProperty, CoversEveryIdOnce,
              (const std::vector<uint64_t>& values, uint8_t parts, uint64_t probe)) {
  const auto ranges = split_by_quantiles(numbers(values), parts);
  RC_ASSERT(!ranges.empty());
  RC_ASSERT(ranges.size() <= std::max<size_t>(parts, 1));
  auto probes = numbers(values);
  probes.push_back(PointId::of(probe));
  probes.push_back(PointId::of(Uuid{}));
  for (const PointId& id : probes) {
    RC_ASSERT(std::count_if(ranges.begin(), ranges.end(),
                            [&](const IdRange& range) { return range.contains(id); }) == 1);
  }
  for (const IdRange& range : ranges) {
    RC_ASSERT(!range.empty());
  }
}

}  // namespace
}  // namespace vecferry
