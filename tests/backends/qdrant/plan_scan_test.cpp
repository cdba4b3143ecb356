#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "vecferry/backends/qdrant/plan_scan_internal.h"

namespace vecferry::testing {
namespace {

using remote::probe_ids;

struct Asked {
  std::set<PointId> ids{};
  int questions = 0;

  std::vector<PointId> probe(int wanted) {
    return probe_ids(
               [this](const PointId& from) -> Result<std::optional<PointId>> {
                 ++questions;
                 const auto found = ids.lower_bound(from);
                 return found == ids.end() ? std::optional<PointId>() : *found;
               },
               wanted)
        .ValueOrDie();
  }
  // How many ids the fullest of `parts` ranges has.
  size_t fullest(int parts) {
    size_t most = 0;
    for (const auto& range : split_by_quantiles(probe(128), parts)) {
      most = std::max(
          most, static_cast<size_t>(std::count_if(ids.begin(), ids.end(), [&](const PointId& id) {
            return range.contains(id);
          })));
    }
    return most;
  }
};

TEST(ProbeIds, NumbersInARowAreCutEvenly) {
  Asked asked;
  for (uint64_t i = 1; i <= 10000; ++i) {
    asked.ids.insert(PointId::of(i));
  }
  EXPECT_LE(asked.fullest(4), 2700U);
  EXPECT_LT(asked.questions, 400);
}

TEST(ProbeIds, UuidsAreCutEvenly) {
  Asked asked;
  std::mt19937_64 random(5);
  for (int i = 0; i < 10000; ++i) {
    Uuid uuid{};
    for (auto& byte : uuid) {
      byte = static_cast<uint8_t>(random());
    }
    asked.ids.insert(PointId::of(uuid));
  }
  EXPECT_LE(asked.fullest(4), 2900U);
}

TEST(ProbeIds, BothKindsAndTheEdgesAreFound) {
  Asked asked;
  Uuid last{};
  last.fill(0xff);
  asked.ids = {PointId::of(uint64_t{0}), PointId::of(UINT64_MAX), PointId::of(Uuid{}),
               PointId::of(last)};
  const auto found = asked.probe(8);
  EXPECT_EQ(std::set<PointId>(found.begin(), found.end()), asked.ids);
}

TEST(ProbeIds, NothingAndOneAreFine) {
  Asked asked;
  EXPECT_TRUE(asked.probe(128).empty());
  EXPECT_LE(asked.questions, 2);
  asked.ids = {PointId::of(uint64_t{77})};
  EXPECT_EQ(asked.probe(128), std::vector<PointId>{PointId::of(uint64_t{77})});
}

}  // namespace
}  // namespace vecferry::testing
