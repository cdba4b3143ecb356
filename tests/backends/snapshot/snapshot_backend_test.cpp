#include "vecferry/backends/snapshot/snapshot_backend.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

const StopToken kNoStop = StopToken::Unstoppable();

fs::path recorded(const std::string& name) {
  return fs::path(VECFERRY_SHARED_DIR) / "qdrant" / "snapshots" / name;
}

#define NEEDS_RECORDED(path)                                                           \
  if (!fs::exists(path)) {                                                             \
    GTEST_SKIP() << "needs ../shared/qdrant/snapshots/" << (path).filename().string(); \
  }

TEST(SnapshotName, IsThatOfTheCollection) {
  EXPECT_EQ(collection_of_snapshot("a/docs-71234-2026-11-22-10-15-00.snapshot"), "docs");
  EXPECT_EQ(collection_of_snapshot("docs-v2-71234-2026-11-22-10-15-00.snapshot.zst"), "docs-v2");
  EXPECT_EQ(collection_of_snapshot("docs-shard-3-2026-11-22-10-15-00.snapshot"), "docs");
  EXPECT_EQ(collection_of_snapshot("packages-1.18.3.snapshot.zst"), "packages-1.18.3");
  EXPECT_EQ(collection_of_snapshot("plain.snapshot"), "plain");
}

struct Recorded {
  std::string file;
  uint64_t points;
  size_t vectors;
};

class RecordedSnapshots : public ::testing::TestWithParam<Recorded> {};

TEST_P(RecordedSnapshots, OpenAndReadWhole) {
  const auto path = recorded(GetParam().file);
  NEEDS_RECORDED(path)
  const auto backend = open_snapshot(path);
  const std::string name = collection_of_snapshot(path);
  const auto config = backend->describe(name, kNoStop);
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->vectors.size(), GetParam().vectors);
  EXPECT_EQ(backend->count(name, nullptr, kNoStop).ValueOrDie(), GetParam().points);
  const auto points = testing::read_all(*backend, name);
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  EXPECT_EQ(points->size(), GetParam().points);
}

// Small batches make the merge stop and go on at many places.
TEST_P(RecordedSnapshots, AnyBatchAndAnyCursorGiveTheSamePoints) {
  const auto path = recorded(GetParam().file);
  NEEDS_RECORDED(path)
  const auto backend = open_snapshot(path);
  const std::string name = collection_of_snapshot(path);
  const auto whole = testing::read_all(*backend, name).ValueOrDie();
  testing::PointMap pieces;
  ScanOptions options{.batch_bytes = 40'000};
  for (;;) {
    const auto reader = backend->open_reader(name, options, kNoStop).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    ASSERT_TRUE(reader->ReadNext(&batch).ok());
    if (batch == nullptr) {
      break;
    }
    for (const auto& point : testing::to_points(*batch)) {
      EXPECT_TRUE(pieces.emplace(testing::PointKey{point.id, point.shard_key}, point).second);
    }
    options.range = reader->cursor();
  }
  EXPECT_TRUE(testing::same_points(whole, pieces));
}

TEST_P(RecordedSnapshots, RangesCoverEverythingOnce) {
  const auto path = recorded(GetParam().file);
  NEEDS_RECORDED(path)
  const auto backend = open_snapshot(path);
  const std::string name = collection_of_snapshot(path);
  uint64_t total = 0;
  for (const auto& range : backend->plan_scan(name, nullptr, 4, kNoStop).ValueOrDie()) {
    total += testing::read_all(*backend, name, {.range = range}).ValueOrDie().size();
  }
  EXPECT_EQ(total, GetParam().points);
}

INSTANTIATE_TEST_SUITE_P(
    Files, RecordedSnapshots,
    ::testing::Values(Recorded{"packages-1.18.3.snapshot.zst", 3000, 1},
                      Recorded{"packages_rich-1.18.3.snapshot.zst", 600, 4},
                      Recorded{"packages_rich-shard-0-1.18.3.snapshot.zst", 333, 4},
                      Recorded{"packages_rich-shard-1-1.18.3.snapshot.zst", 267, 4}));

TEST(Snapshot, CollectionIsTheSumOfItsShards) {
  const auto whole_path = recorded("packages_rich-1.18.3.snapshot.zst");
  NEEDS_RECORDED(whole_path)
  const auto read = [](const fs::path& path) {
    const auto backend = open_snapshot(path);
    return testing::read_all(*backend, collection_of_snapshot(path)).ValueOrDie();
  };
  auto parts = read(recorded("packages_rich-shard-0-1.18.3.snapshot.zst"));
  parts.merge(read(recorded("packages_rich-shard-1-1.18.3.snapshot.zst")));
  EXPECT_TRUE(testing::same_points(read(whole_path), parts));
}

TEST(Snapshot, IsReadOnly) {
  const auto backend = open_snapshot("any.snapshot");
  EXPECT_FALSE(backend->capabilities().writable);
  EXPECT_EQ(kind_of(backend->create("any", {}, kNoStop)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->drop("any", kNoStop)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->open_writer("any", kNoStop).status()), ErrorKind::kIncompatible);
}

TEST(Snapshot, DamageIsOneErrorThatNamesTheFile) {
  const testing::TempDir dir;
  EXPECT_EQ(kind_of(open_snapshot(dir.file("x.snapshot"))->describe("x", kNoStop).status()),
            ErrorKind::kNotFound);
  std::ofstream(dir.file("x.snapshot")) << "this is no tar";
  const Status garbage = open_snapshot(dir.file("x.snapshot"))->describe("x", kNoStop).status();
  EXPECT_EQ(kind_of(garbage), ErrorKind::kCorrupt);
  EXPECT_NE(failure_of(garbage).where.find("x.snapshot"), std::string::npos);
}

TEST(Snapshot, CutShortIsCorruptAndLeavesNoSpool) {
  const auto path = recorded("packages_rich-shard-1-1.18.3.snapshot.zst");
  NEEDS_RECORDED(path)
  const testing::TempDir dir;
  ASSERT_EQ(::setenv("TMPDIR", dir.path().c_str(), 1), 0);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const fs::path cut = dir.file("cut.snapshot.zst");
  std::ofstream(cut, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_EQ(kind_of(open_snapshot(cut)->describe("cut", kNoStop).status()), ErrorKind::kCorrupt);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace vecferry
