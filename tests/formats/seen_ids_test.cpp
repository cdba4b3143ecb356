#include <gtest/gtest.h>

#include <random>
#include <set>

#include "vecferry/formats/seen_ids_internal.h"

namespace vecferry::formats {
namespace {

using Verdict = SeenIds::Verdict;

TEST(SeenIds, AscendingIdsAreNew) {
  SeenIds seen;
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(seen.add(PointId::of(i * 3), ""), Verdict::kNew);
  }
  EXPECT_EQ(seen.add(PointId::of(Uuid{1}), ""), Verdict::kNew);
  EXPECT_EQ(seen.add(PointId::of(Uuid{2}), ""), Verdict::kNew);
}

TEST(SeenIds, OneIdMayLiveUnderTwoShardKeys) {
  SeenIds seen;
  EXPECT_EQ(seen.add(PointId::of(1), "a"), Verdict::kNew);
  EXPECT_EQ(seen.add(PointId::of(1), "b"), Verdict::kNew);
  EXPECT_EQ(seen.add(PointId::of(1), "b"), Verdict::kForgotten);
}

TEST(SeenIds, OutOfOrderAsksForThePastOnce) {
  std::mt19937_64 random(5);
  SeenIds seen;
  std::set<uint64_t> expected;
  ASSERT_EQ(seen.add(PointId::of(500'000), ""), Verdict::kNew);
  expected.insert(500'000);
  int forgotten = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t id = random() % 30'000;
    auto verdict = seen.add(PointId::of(id), "");
    if (verdict == Verdict::kForgotten) {
      ++forgotten;
      for (const uint64_t earlier : expected) {
        seen.remember(PointId::of(earlier), "");
      }
      verdict = seen.add(PointId::of(id), "");
    }
    EXPECT_EQ(verdict == Verdict::kNew, expected.insert(id).second);
  }
  EXPECT_EQ(forgotten, 1);
  EXPECT_EQ(seen.add(PointId::of(500'000), ""), Verdict::kSuspect);
}

}  // namespace
}  // namespace vecferry::formats
