#include "vecferry/archive/writer_mark.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include "arrow/buffer.h"
#include "tests/support/temp_dir.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/base/kill_point.h"

namespace vecferry::testing {
namespace {

const StopToken kNeverStop = StopToken::Unstoppable();

class WriterMarks : public ::testing::TestWithParam<bool> {
 protected:
  Result<std::unique_ptr<WriterMark>> take(Access access) {
    return WriterMark::take(repository_, access, "backup", kNeverStop);
  }

  SegmentRef put_segment(const std::string& content) {
    SegmentRef ref{.points = 1, .first = PointId::of(1), .last = PointId::of(1)};
    EXPECT_TRUE(repository_->put_segment(arrow::Buffer::FromString(content), &ref).ok());
    return ref;
  }

  void add_backup(const SegmentRef& segment) {
    Manifest manifest{.collection = "docs",
                      .id = "20261123T132000123Z-1f2e3d4c",
                      .time = "2026-11-23T13:20:00.123Z"};
    manifest.config = default_config({{.name = "", .dim = 2}});
    manifest.segments = {segment};
    const Status added = repository_->add(manifest);
    EXPECT_TRUE(added.ok()) << added.ToString();
  }

  bool has(const std::string& path) { return repository_->store().get(path).ok(); }
  size_t marks() { return repository_->store().list("writers/").ValueOrDie().size(); }

  // A process that is killed while it writes.
  void die_writing() {
    const pid_t child = fork();
    if (child == 0) {
      arm_kill_point("archive.marked");
      discard(take(Access::kShared).status(), "it is killed before");
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  TempDir dir_;
  std::shared_ptr<Repository> repository_ =
      Repository::open(dir_.file("archive"), RepositoryMode::kCreate,
                       GetParam()
                           ? std::make_shared<const ArchiveKey>(
                                 ArchiveKey::parse(std::string(64, '7'), "test").ValueOrDie())
                           : nullptr,
                       kNeverStop)
          .ValueOrDie();
};

TEST_P(WriterMarks, GoesWhenItsOwnerDoes) {
  {
    const auto mark = take(Access::kShared);
    ASSERT_TRUE(mark.ok()) << mark.status().ToString();
    EXPECT_EQ(marks(), 1U);
  }
  EXPECT_EQ(marks(), 0U);
}

TEST_P(WriterMarks, BackupsRunSideBySide) {
  const auto first = take(Access::kShared);
  const auto second = take(Access::kShared);
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(second.ok());
  EXPECT_EQ(marks(), 2U);
}

TEST_P(WriterMarks, WhoRemovesIsAlone) {
  for (const auto& [there, comes] :
       {std::pair(Access::kShared, Access::kAlone), std::pair(Access::kAlone, Access::kShared),
        std::pair(Access::kAlone, Access::kAlone)}) {
    const auto first = take(there);
    ASSERT_TRUE(first.ok());
    const auto second = take(comes);
    ASSERT_EQ(kind_of(second.status()), ErrorKind::kConflict);
    const auto failure = failure_of(second.status());
    EXPECT_NE(failure.what.find(std::to_string(getpid())), std::string::npos) << failure.what;
    EXPECT_NE(failure.next.find("writers/"), std::string::npos) << failure.next;
    EXPECT_EQ(marks(), 1U) << "the one that was refused leaves nothing";
  }
  EXPECT_TRUE(take(Access::kAlone).ok());
}

TEST_P(WriterMarks, WhatADeadWriterLeftIsRemoved) {
  const auto needed = put_segment("needed");
  add_backup(needed);
  const auto orphan = put_segment("orphan");
  std::ofstream(dir_.path() / "archive/segments/x.parquet.tmp-99") << "half";
  die_writing();
  EXPECT_EQ(marks(), 1U);
  {
    const auto mark = take(Access::kShared);
    ASSERT_TRUE(mark.ok()) << mark.status().ToString();
    EXPECT_EQ(marks(), 1U) << "the dead one's is gone";
    EXPECT_TRUE(take(Access::kShared).ok()) << "tidying alone, then shared again";
  }
  EXPECT_TRUE(has(needed.path()));
  EXPECT_FALSE(has(orphan.path()));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "archive/segments/x.parquet.tmp-99"));
}

// Its orphans may be the segments of a backup whose manifest is about to come.
TEST_P(WriterMarks, WhileAnotherWritesNothingIsRemoved) {
  const auto live = take(Access::kShared);
  ASSERT_TRUE(live.ok());
  const auto fresh = put_segment("of the live writer");
  std::ofstream(dir_.path() / "archive/segments/x.parquet.tmp-99") << "half";
  die_writing();
  const auto mark = take(Access::kShared);
  ASSERT_TRUE(mark.ok()) << mark.status().ToString();
  EXPECT_TRUE(has(fresh.path()));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "archive/segments/x.parquet.tmp-99"));
  EXPECT_TRUE(take(Access::kShared).ok()) << "it is not left alone by mistake";
}

TEST_P(WriterMarks, ADeadOneIsInNobodysWay) {
  die_writing();
  EXPECT_TRUE(take(Access::kAlone).ok());
  EXPECT_EQ(marks(), 0U);
}

TEST_P(WriterMarks, OneThatCannotBeUnderstoodIsInTheWayOfEverybody) {
  ASSERT_TRUE(repository_->put_sealed("writers/odd.json", "{\"process\":[1]}").ok());
  const auto mark = take(Access::kShared);
  ASSERT_EQ(kind_of(mark.status()), ErrorKind::kConflict) << mark.status().ToString();
  EXPECT_NE(failure_of(mark.status()).next.find("remove it"), std::string::npos);
  ASSERT_TRUE(repository_->store().put("writers/odd.json", "not sealed", IfThere::kReplace).ok());
  EXPECT_EQ(kind_of(take(Access::kShared).status()), ErrorKind::kConflict);
  ASSERT_TRUE(repository_->store().remove("writers/odd.json").ok());
  EXPECT_TRUE(take(Access::kShared).ok());
}

TEST_P(WriterMarks, OneThatFailsTidiesUp) {
  const auto needed = put_segment("needed");
  add_backup(needed);
  const auto orphan = put_segment("orphan");
  {
    const auto mark = take(Access::kShared);
    ASSERT_TRUE(mark.ok());
    (*mark)->tidy_up();
  }
  EXPECT_TRUE(has(needed.path()));
  EXPECT_FALSE(has(orphan.path()));
  EXPECT_EQ(marks(), 0U);
}

// The other one may have written the same segment, and be about to name it.
TEST_P(WriterMarks, OneThatFailsBesideAnotherLeavesItToTheNext) {
  const auto shared = put_segment("of both");
  {
    const auto live = take(Access::kShared);
    ASSERT_TRUE(live.ok());
    {
      const auto fails = take(Access::kShared);
      ASSERT_TRUE(fails.ok());
      (*fails)->tidy_up();
    }
    EXPECT_TRUE(has(shared.path()));
    EXPECT_EQ(marks(), 2U);
    EXPECT_TRUE(take(Access::kShared).ok()) << "what was left is in nobody's way";
    EXPECT_TRUE(has(shared.path()));
  }
  EXPECT_TRUE(take(Access::kAlone).ok());
  EXPECT_FALSE(has(shared.path()));
  EXPECT_EQ(marks(), 0U);
}

// Removing what no manifest names is wrong when a manifest cannot be read.
TEST_P(WriterMarks, NothingIsRemovedWhenAManifestIsDamaged) {
  const auto needed = put_segment("needed");
  add_backup(needed);
  const auto path = *manifest_path("docs", "20261123T132000123Z-1f2e3d4c");
  auto bytes = (*repository_->store().get(path))->ToString();
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(repository_->store().put(path, bytes, IfThere::kReplace).ok());
  die_writing();
  discard(take(Access::kShared).status(), "whether it writes is another question");
  EXPECT_TRUE(has(needed.path()));
}

INSTANTIATE_TEST_SUITE_P(Archives, WriterMarks, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Encrypted" : "Plain"; });

}  // namespace
}  // namespace vecferry::testing
