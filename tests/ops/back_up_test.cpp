#include "vecferry/ops/back_up.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/faulty_backend.h"
#include "tests/support/points.h"
#include "tests/support/temp_dir.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/archive/writer_mark.h"
#include "vecferry/backend/read_only_snapshots.h"
#include "vecferry/backends/archive/archive_backend.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/ops/prune.h"

namespace vecferry::testing {
namespace {

const StopToken kNeverStop = StopToken::Unstoppable();

// Two shards, as a server would give them.
class TwoShards : public ReadOnlySnapshots {
 public:
  SnapshotKind kind() const override { return {.place = "there", .generation = "1.18"}; }
  Result<std::vector<ShardInfo>> shards(std::string_view /*collection*/,
                                        StopToken /*stop*/) override {
    return std::vector<ShardInfo>{{.id = 0}, {.id = 2, .key = "\"eu\""}};
  }
  Status read_shard(std::string_view /*collection*/, uint32_t shard, const PieceSink& sink,
                    StopToken /*stop*/) override {
    ARROW_RETURN_NOT_OK(sink(content(shard)));
    return failure;
  }
  static std::string content(uint32_t shard) { return std::string(2000, shard == 0 ? 'a' : 'b'); }

  Status failure = Status::OK();
};

class WithShards : public FaultyBackend {
 public:
  using FaultyBackend::FaultyBackend;
  SnapshotStore* snapshots() override { return &shards; }
  TwoShards shards;
};

class BackUps : public ::testing::Test {
 protected:
  BackUps() {
    must(memory_->create("docs", config_, kNeverStop));
    upsert(0, 300);
    must(memory_->finish("docs", config_, kNeverStop));
  }

  void upsert(uint64_t from, uint64_t to) {
    std::vector<TestPoint> points;
    for (uint64_t id = from; id < to; ++id) {
      points.push_back({.id = PointId::of(id),
                        .vectors = {{"", dense({static_cast<float>(id), 1})}},
                        .payload = R"({"n":)" + std::to_string(id) + "}"});
    }
    const auto writer = memory_->open_writer("docs", kNeverStop);
    must(writer.status());
    must((*writer)->upsert(*to_batch(config_, points)));
    must((*writer)->checkpoint());
  }

  BackUpRequest request(const std::string& id) {
    BackUpRequest made{
        .config = config_, .collection = "docs", .source = "memory", .id = id, .whole = true};
    made.points.backend = &source_;
    made.points.collection = "docs";
    return made;
  }

  std::vector<std::string> files(const std::string& folder) {
    std::vector<std::string> paths;
    for (const auto& file : repository_->store().list(folder).ValueOrDie()) {
      paths.push_back(file.path);
    }
    return paths;
  }

  CollectionConfig config_ = default_config({{.name = "", .dim = 2}});
  TempDir dir_;
  std::shared_ptr<Repository> repository_ =
      Repository::open(dir_.file("archive"), RepositoryMode::kCreate, nullptr, kNeverStop)
          .ValueOrDie();
  std::unique_ptr<Backend> memory_ = memory_backend({.capabilities = {.shard_keys = false}});
  Faults faults_;
  WithShards source_{*memory_, faults_};
  Progress progress_;
};

constexpr const char* kFirst = "20261121T120000000Z-00000001";
constexpr const char* kSecond = "20261122T120000000Z-00000002";

// The same points make the same segments, under the same names.
TEST_F(BackUps, OneThatFailsTakesNothingFromTheOneBefore) {
  ASSERT_TRUE(back_up(repository_, request(kFirst), progress_, kNeverStop).ok());
  const auto before = files("");
  auto second = request(kSecond);
  second.native = true;
  source_.shards.failure = fail({.kind = ErrorKind::kIo, .what = "gone"});
  const auto failed = back_up(repository_, second, progress_, kNeverStop);
  EXPECT_EQ(kind_of(failed.status()), ErrorKind::kIo) << failed.status().ToString();
  EXPECT_EQ(files(""), before);
  const auto manifest = repository_->manifest("docs", kFirst);
  ASSERT_TRUE(manifest.ok());
  EXPECT_TRUE(prove_backup(*repository_, *manifest, progress_, kNeverStop).ok());
}

TEST_F(BackUps, OneThatFailsBesideAnotherWriterLeavesItsSegmentsToTheNext) {
  auto first = request(kFirst);
  first.native = true;
  source_.shards.failure = fail({.kind = ErrorKind::kIo, .what = "gone"});
  {
    const auto other = WriterMark::take(repository_, Access::kShared, "backup", kNeverStop);
    ASSERT_TRUE(other.ok());
    EXPECT_FALSE(back_up(repository_, first, progress_, kNeverStop).ok());
    EXPECT_FALSE(files("segments/").empty()) << "they may be the other's";
  }
  ASSERT_TRUE(WriterMark::take(repository_, Access::kShared, "backup", kNeverStop).ok());
  EXPECT_TRUE(files("segments/").empty());
  EXPECT_TRUE(files("writers/").empty());
}

TEST_F(BackUps, TheServersOwnFilesAreKeptAndReadThroughTheArchive) {
  auto with_files = request(kFirst);
  with_files.native = true;
  with_files.route = "engine-read";
  ASSERT_TRUE(back_up(repository_, with_files, progress_, kNeverStop).ok());
  ASSERT_TRUE(back_up(repository_, request(kSecond), progress_, kNeverStop).ok());
  EXPECT_EQ(files("native/").size(), 1U);
  const auto manifest = repository_->manifest("docs", kFirst);
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->route, "engine-read");

  const auto archive = archive_backend(repository_, {});
  EXPECT_EQ(archive->snapshots(), nullptr) << "nothing was asked for yet";
  const std::string name = std::string("docs@") + kFirst;
  ASSERT_TRUE(archive->describe(name, kNeverStop).ok());
  SnapshotStore* shards = archive->snapshots();
  ASSERT_NE(shards, nullptr);
  EXPECT_EQ(shards->kind().generation, "1.18");
  const auto listed = shards->shards(name, kNeverStop);
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[1].key, "\"eu\"");
  for (const auto& shard : *listed) {
    std::string content;
    ASSERT_TRUE(shards
                    ->read_shard(
                        name, shard.id,
                        [&](std::string_view piece) {
                          content += piece;
                          return Status::OK();
                        },
                        kNeverStop)
                    .ok());
    EXPECT_EQ(content, TwoShards::content(shard.id));
  }
  EXPECT_EQ(kind_of(shards->address_of(name, 0, kNeverStop).status()), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(shards->may_write(kNeverStop)), ErrorKind::kIncompatible);
  // A backup without them, and there are none to choose from.
  ASSERT_TRUE(archive->describe("docs", kNeverStop).ok());
  EXPECT_EQ(archive->snapshots(), nullptr);

  ASSERT_TRUE(remove_backup(repository_, "docs", kFirst, kNeverStop).ok());
  EXPECT_TRUE(files("native/").empty());
}

TEST_F(BackUps, APlaceWithoutFilesOfItsOwnIsRefused) {
  auto wanted = request(kFirst);
  wanted.native = true;
  wanted.points.backend = memory_.get();
  const auto refused = back_up(repository_, wanted, progress_, kNeverStop);
  EXPECT_EQ(kind_of(refused.status()), ErrorKind::kIncompatible);
  EXPECT_EQ(files("").size(), 1U);
}

// A fold of layers may make the very segments of an older backup.
TEST_F(BackUps, ACompactThatFailsTakesNothingFromAnotherBackup) {
  ASSERT_TRUE(back_up(repository_, request(kFirst), progress_, kNeverStop).ok());
  upsert(300, 310);
  auto second = request(kSecond);
  second.whole = false;
  ASSERT_TRUE(back_up(repository_, second, progress_, kNeverStop).ok());
  arrow::StopSource stop;
  stop.RequestStop();
  const auto before = files("segments/");
  EXPECT_FALSE(compact(repository_, "docs", progress_, stop.token()).ok());
  EXPECT_EQ(files("segments/"), before);
  EXPECT_TRUE(*compact(repository_, "docs", progress_, kNeverStop));
  for (const char* id : {kFirst, kSecond}) {
    const auto manifest = repository_->manifest("docs", id);
    ASSERT_TRUE(manifest.ok());
    EXPECT_TRUE(prove_backup(*repository_, *manifest, progress_, kNeverStop).ok());
  }
}

}  // namespace
}  // namespace vecferry::testing
