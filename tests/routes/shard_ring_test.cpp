#include "vecferry/routes/shard_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "arrow/record_batch.h"
#include "tests/support/temp_dir.h"
#include "vecferry/engine/snapshot.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/routes/sip_hash.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const StopToken kNever = StopToken::Unstoppable();

ShardRouter router(const std::vector<ShardInfo>& shards) {
  return ShardRouter::make(shards).ValueOrDie();
}

TEST(SipHash, HasThePublishedValueOfTheEmptyInput) {
  EXPECT_EQ(SipHash().value(), 0x1e924b9d737700d7U);
  static_assert(SipHash().value() == 0x1e924b9d737700d7U);
}

TEST(ShardRing, PlacesAsAServerOfFourShards) {
  const std::vector<uint32_t> shards = {0, 1, 2, 3};
  const ShardRing ring(shards);
  std::vector<uint32_t> placed;
  for (uint64_t id = 0; id < 10; ++id) {
    placed.push_back(ring.shard_of(PointId::of(id)));
  }
  EXPECT_THAT(placed, ElementsAre(2, 3, 2, 3, 2, 0, 2, 2, 3, 1));
}

TEST(ShardRing, DoesNotDependOnTheOrderOfShardsAndTellsIdsOfBothKindsApart) {
  const std::vector<uint32_t> up = {0, 1, 2, 3, 4, 5, 6};
  const std::vector<uint32_t> down = {6, 5, 4, 3, 2, 1, 0};
  std::map<uint32_t, int> numbers;
  std::map<uint32_t, int> uuids;
  int apart = 0;
  for (uint64_t id = 0; id < 7000; ++id) {
    const PointId number = PointId::of(id);
    const PointId uuid = PointId::of(uuid_of_name(std::to_string(id)));
    EXPECT_EQ(ShardRing(up).shard_of(number), ShardRing(down).shard_of(number));
    const uint32_t a = ShardRing(up).shard_of(number);
    const uint32_t b = ShardRing(up).shard_of(uuid);
    ++numbers[a];
    ++uuids[b];
    apart += a == b ? 0 : 1;
  }
  EXPECT_GT(apart, 4000);
  ASSERT_EQ(numbers.size(), up.size());
  ASSERT_EQ(uuids.size(), up.size());
  for (const uint32_t shard : up) {  // a hundred nodes each: even to about a third
    EXPECT_GT(numbers[shard], 600) << shard;
    EXPECT_GT(uuids[shard], 600) << shard;
  }
}

// Two shards, as a server filled them: each id must be where we would put it.
TEST(ShardRing, PlacesEachRecordedPointInTheShardThatItLiesIn) {
  const fs::path file =
      fs::path(VECFERRY_SHARED_DIR) / "qdrant" / "snapshots" / "packages_rich-1.18.3.snapshot.zst";
  if (!fs::exists(file)) {
    GTEST_SKIP() << "needs ../shared/qdrant/snapshots/packages_rich";
  }
  const testing::TempDir dir;
  const auto snapshot = engine::unpack_snapshot(file, dir.path() / "out", {}, kNever).ValueOrDie();
  std::vector<ShardInfo> shards;
  for (const auto& shard : snapshot.shards) {
    shards.push_back({.id = shard.id});
  }
  ASSERT_EQ(shards.size(), 2U);
  const auto ours = router(shards);
  std::map<uint32_t, int> counts;
  for (const auto& unpacked : snapshot.shards) {
    const auto shard =
        engine::Shard::open(unpacked.folder, *snapshot.config, {.wal = false}).ValueOrDie();
    const auto page =
        shard->scan({.byte_limit = int64_t{1} << 30, .vectors = std::vector<std::string>()})
            .ValueOrDie();
    ASSERT_FALSE(page.next);
    const auto points = PointsView::make(*page.points).ValueOrDie();
    for (int64_t row = 0; row < points.rows(); ++row) {
      EXPECT_EQ(ours.shard_of(points.id(row)), unpacked.id) << to_string(points.id(row));
      ++counts[unpacked.id];
    }
  }
  EXPECT_EQ(counts[0], 333);
  EXPECT_EQ(counts[1], 267);
}

TEST(ShardRouter, HasARingForEachKey) {
  const auto keyed = router(
      {{.id = 1, .key = "a"}, {.id = 2, .key = "a"}, {.id = 3, .key = "b"}, {.id = 4, .key = "b"}});
  const std::vector<uint32_t> of_b = {3, 4};
  const ShardRing ring(of_b);
  for (uint64_t id = 0; id < 100; ++id) {
    EXPECT_EQ(keyed.shard_of(PointId::of(id), "b"), ring.shard_of(PointId::of(id)));
  }
  EXPECT_EQ(keyed.shard_of(PointId::of(1), "c"), std::nullopt);
  EXPECT_EQ(keyed.shard_of(PointId::of(1)), std::nullopt);
  EXPECT_THAT(keyed.shards_of(PointId::of(7)),
              UnorderedElementsAre(*keyed.shard_of(PointId::of(7), "a"),
                                   *keyed.shard_of(PointId::of(7), "b")));
  const auto plain = router({{.id = 0}});
  EXPECT_EQ(plain.shard_of(PointId::of(1)), 0U);
  EXPECT_EQ(plain.shard_of(PointId::of(1), "a"), std::nullopt);
  EXPECT_EQ(
      kind_of(ShardRouter::make(std::vector<ShardInfo>{{.id = 0}, {.id = 1, .key = "a"}}).status()),
      ErrorKind::kIncompatible);
}

}  // namespace
}  // namespace vecferry
