#include "vecferry/engine/snapshot.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "arrow/record_batch.h"
#include "arrow/util/cancel.h"
#include "tests/support/points.h"
#include "tests/support/temp_dir.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

using engine::Shard;
using engine::unpack_snapshot;
using testing::TempDir;
using testing::TestPoint;

const auto kNever = StopToken::Unstoppable();

fs::path recorded(const std::string& name) {
  return fs::path(VECFERRY_SHARED_DIR) / "qdrant" / "snapshots" / (name + "-1.18.3.snapshot.zst");
}

#define VECFERRY_NEED_RECORDED(name)                               \
  if (!fs::exists(recorded(name))) {                               \
    GTEST_SKIP() << "needs ../shared/qdrant/snapshots/" << (name); \
  }

// Every point of the shards, in their order, checked as a batch from outside.
std::vector<TestPoint> points_of(const Shard& shard) {
  std::vector<TestPoint> points;
  engine::ScanRequest request;
  for (;;) {
    const auto page = shard.scan(request).ValueOrDie();
    testing::must(validate_points(*page.points));
    const auto more = testing::to_points(*page.points);
    points.insert(points.end(), more.begin(), more.end());
    if (!page.next) {
      return points;
    }
    request.range.from = page.next;
  }
}

TEST(Snapshot, OfACollectionOpensWithItsConfiguration) {
  VECFERRY_NEED_RECORDED("packages");
  const TempDir dir;
  uint64_t last = 0;
  uint64_t total = 0;
  const auto progress = [&](uint64_t done, uint64_t all) {
    last = done;
    total = all;
  };
  const auto snapshot =
      unpack_snapshot(recorded("packages"), dir.path() / "out", progress, kNever).ValueOrDie();
  EXPECT_EQ(total, fs::file_size(recorded("packages")));
  EXPECT_EQ(last, total);
  ASSERT_TRUE(snapshot.config);
  ASSERT_EQ(snapshot.config->vectors.size(), 1U);
  EXPECT_EQ(snapshot.config->vectors[0].dim, 384U);
  EXPECT_EQ(snapshot.config->payload_indexes.size(), 3U);
  ASSERT_EQ(snapshot.shards.size(), 1U);
  EXPECT_EQ(snapshot.shards[0].replica_state, "Active");
  const auto shard = Shard::open(snapshot.shards[0].folder, *snapshot.config, {}).ValueOrDie();
  const auto points = points_of(*shard);
  EXPECT_EQ(points.size(), 3000U);
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), 3000U);
  EXPECT_EQ(shard->config().ValueOrDie().vectors, snapshot.config->vectors);
}

TEST(Snapshot, OfTwoShardsHoldsThePointsOfItsShardSnapshots) {
  VECFERRY_NEED_RECORDED("packages_rich");
  const TempDir dir;
  const auto snapshot =
      unpack_snapshot(recorded("packages_rich"), dir.path() / "all", {}, kNever).ValueOrDie();
  ASSERT_EQ(snapshot.shards.size(), 2U);
  size_t points = 0;
  for (const auto& unpacked : snapshot.shards) {
    const std::string name = "packages_rich-shard-" + std::to_string(unpacked.id);
    VECFERRY_NEED_RECORDED(name);
    const auto alone = unpack_snapshot(recorded(name), dir.path() / name, {}, kNever).ValueOrDie();
    EXPECT_FALSE(alone.config);
    ASSERT_EQ(alone.shards.size(), 1U);
    const auto shard = Shard::open(alone.shards[0].folder, {}).ValueOrDie();
    const auto beside = Shard::open(unpacked.folder, *snapshot.config, {}).ValueOrDie();
    const auto expected = points_of(*shard);
    EXPECT_EQ(points_of(*beside), expected);
    EXPECT_EQ(shard->config().ValueOrDie().vectors, snapshot.config->vectors);
    points += expected.size();
  }
  EXPECT_EQ(points, 600U);
}

TEST(Snapshot, PackedByUsUnpacksToTheSamePoints) {
  const TempDir dir;
  testing::Generator generator(7);
  const auto config = testing::Generator::every_kind();
  const auto points = generator.points(config, 300);
  const auto file = dir.path() / "shard.snapshot";
  uint64_t next = 0;
  {
    const auto shard = Shard::create(dir.path() / "built", config, {.wal = false}).ValueOrDie();
    ASSERT_TRUE(shard->upsert(*testing::to_batch(config, points)).ok());
    next = shard->pack_snapshot(file, 0, {}, kNever).ValueOrDie();
    EXPECT_EQ(kind_of(shard->pack_snapshot(file, 0, {}, kNever).status()), ErrorKind::kExists);
  }
  EXPECT_GE(next, 1'000'000U);
  EXPECT_LT(fs::file_size(file), 4'000'000U) << "holes were packed";
  const auto snapshot = unpack_snapshot(file, dir.path() / "out", {}, kNever).ValueOrDie();
  const auto shard = Shard::open(snapshot.shards[0].folder, config, {}).ValueOrDie();
  EXPECT_EQ(points_of(*shard), points);
}

TEST(Snapshot, CutOrForeignIsAnErrorAndLeavesNothing) {
  const TempDir dir;
  const auto file = dir.path() / "cut.snapshot";
  const auto out = dir.path() / "out";
  const auto refuse = [&](const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
    const Status status = unpack_snapshot(file, out, {}, kNever).status();
    EXPECT_EQ(kind_of(status), ErrorKind::kCorrupt) << status.ToString();
    EXPECT_NE(failure_of(status).where.find("cut.snapshot"), std::string::npos);
    EXPECT_FALSE(fs::exists(out));
  };
  refuse("");
  refuse("{}");
  refuse(std::string(5000, '\0'));
  refuse("\x28\xb5\x2f\xfd and no more zstd");
  EXPECT_EQ(kind_of(unpack_snapshot(dir.path() / "none", out, {}, kNever).status()),
            ErrorKind::kNotFound);

  VECFERRY_NEED_RECORDED("packages_rich-shard-0");
  std::ifstream source(recorded("packages_rich-shard-0"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(source), {}};
  for (const size_t left : {whole.size() / 3, whole.size() - 1}) {
    refuse(whole.substr(0, left));
  }
}

TEST(Snapshot, StopsUnpackingWhenToldTo) {
  VECFERRY_NEED_RECORDED("packages");
  const TempDir dir;
  arrow::StopSource source;
  source.RequestStop();
  const auto out = dir.path() / "out";
  const Status status = unpack_snapshot(recorded("packages"), out, {}, source.token()).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kCancelled) << status.ToString();
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace vecferry
