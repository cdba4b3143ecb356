#include "vecferry/journal/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

using testing::TempDir;

class JournalTest : public ::testing::Test {
 protected:
  static OperationEntry operation(const std::string& id) {
    return {.id = id,
            .verb = "clone",
            .source = "local:a/x",
            .target = "local:a/y",
            .started = "2026-11-23T10:00:00Z",
            .plan = R"({"verb":"clone"})",
            .version = "0.1"};
  }
  std::unique_ptr<Journal> open() const { return Journal::open(dir_.path() / "j").ValueOrDie(); }

  TempDir dir_;
};

TEST_F(JournalTest, WhatWasWrittenIsThereForTheNextProcess) {
  {
    const auto journal = open();
    ASSERT_TRUE(
        journal
            ->begin(operation("aa11"), {{.number = 0, .kind = "backup", .args = "{}"},
                                        {.number = 1, .kind = "load", .args = R"({"a":1})"}})
            .ok());
    ASSERT_TRUE(journal->set_step("aa11", 1, StepState::kIntent).ok());
    ASSERT_TRUE(journal->set_step_result("aa11", 1, R"({"made":true})").ok());
    ASSERT_TRUE(journal->set_state("aa11", OperationState::kStopped, "it went away").ok());
    ASSERT_TRUE(journal->set_receipt("aa11", R"({"points":3})").ok());
  }
  const auto journal = open();
  const auto entry = journal->find("aa").ValueOrDie();
  EXPECT_EQ(entry.id, "aa11");
  EXPECT_EQ(entry.verb, "clone");
  EXPECT_EQ(entry.state, OperationState::kStopped);
  EXPECT_EQ(entry.source, "local:a/x");
  EXPECT_EQ(entry.target, "local:a/y");
  EXPECT_EQ(entry.error, "it went away");
  EXPECT_EQ(entry.receipt, R"({"points":3})");
  EXPECT_TRUE(entry.finished.has_value());
  const auto steps = journal->steps("aa11").ValueOrDie();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].state, StepState::kPlanned);
  EXPECT_EQ(steps[1].kind, "load");
  EXPECT_EQ(steps[1].args, R"({"a":1})");
  EXPECT_EQ(steps[1].state, StepState::kIntent);
  EXPECT_EQ(steps[1].result, R"({"made":true})");
}

TEST_F(JournalTest, ARunningOneHasNoEnd) {
  const auto journal = open();
  ASSERT_TRUE(journal->begin(operation("aa11"), {}).ok());
  ASSERT_TRUE(journal->set_state("aa11", OperationState::kStopped, "x").ok());
  ASSERT_TRUE(journal->set_state("aa11", OperationState::kRunning, std::nullopt).ok());
  const auto entry = journal->find("aa11").ValueOrDie();
  EXPECT_FALSE(entry.finished.has_value());
  EXPECT_FALSE(entry.error.has_value());
}

TEST_F(JournalTest, RangesAreFrozenAndAdvance) {
  const auto journal = open();
  ASSERT_TRUE(
      journal->begin(operation("aa11"), {{.number = 0, .kind = "load", .args = "{}"}}).ok());
  const std::vector<RangeEntry> ranges = {{.number = 0, .whole = "w0", .rest = "w0"},
                                          {.number = 1, .whole = "w1", .rest = "w1"}};
  ASSERT_TRUE(journal->freeze_ranges("aa11", 0, 0, ranges).ok());
  ASSERT_TRUE(journal->freeze_ranges("aa11", 0, 1, {ranges[0]}).ok());
  ASSERT_TRUE(
      journal
          ->set_range("aa11", 0, 0,
                      {.number = 1, .rest = "r1", .finished = true, .points = 7, .digest = "0f"})
          .ok());
  const auto there = journal->ranges("aa11", 0, 0).ValueOrDie();
  ASSERT_EQ(there.size(), 2U);
  EXPECT_EQ(there[0].rest, "w0");
  EXPECT_FALSE(there[0].finished);
  EXPECT_EQ(there[1].whole, "w1");
  EXPECT_EQ(there[1].rest, "r1");
  EXPECT_TRUE(there[1].finished);
  EXPECT_EQ(there[1].points, 7U);
  EXPECT_EQ(there[1].digest, "0f");
  EXPECT_EQ(journal->ranges("aa11", 0, 1).ValueOrDie().size(), 1U);
  ASSERT_TRUE(journal->forget_ranges("aa11", 0).ok());
  EXPECT_TRUE(journal->ranges("aa11", 0, 0).ValueOrDie().empty());
  EXPECT_FALSE(journal->set_range("aa11", 0, 0, {.number = 1}).ok()) << "there is none";
}

TEST_F(JournalTest, ListsNewestFirst) {
  const auto journal = open();
  for (const char* id : {"aa11", "bb22", "ab33"}) {
    ASSERT_TRUE(journal->begin(operation(id), {}).ok());
  }
  const auto all = journal->list(0).ValueOrDie();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].id, "ab33");
  EXPECT_EQ(all[2].id, "aa11");
  EXPECT_EQ(journal->list(2).ValueOrDie().size(), 2U);
}

TEST_F(JournalTest, FindsByABeginningThatIsOneOnly) {
  const auto journal = open();
  for (const char* id : {"aa11", "aa22"}) {
    ASSERT_TRUE(journal->begin(operation(id), {}).ok());
  }
  EXPECT_EQ(journal->find("aa1").ValueOrDie().id, "aa11");
  EXPECT_EQ(kind_of(journal->find("aa").status()), ErrorKind::kUsage);
  for (const char* none : {"", "cc", "aa111", "a%", "'"}) {
    EXPECT_EQ(kind_of(journal->find(none).status()), ErrorKind::kNotFound) << none;
  }
}

TEST_F(JournalTest, AnOperationBeginsWholeOrNotAtAll) {
  const auto journal = open();
  const StepEntry step{.number = 0, .kind = "load", .args = "{}"};
  EXPECT_FALSE(journal->begin(operation("aa11"), {step, step}).ok()) << "two steps 0";
  EXPECT_TRUE(journal->list(0).ValueOrDie().empty());
  ASSERT_TRUE(journal->begin(operation("aa11"), {step}).ok());
  EXPECT_FALSE(journal->begin(operation("aa11"), {}).ok()) << "the id is taken";
}

TEST_F(JournalTest, IsForItsOwnerOnly) {
  open();
  const auto mode = std::filesystem::status(dir_.path() / "j").permissions();
  EXPECT_EQ(mode & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

TEST_F(JournalTest, AFileThatIsNoneIsNamed) {
  std::filesystem::create_directories(dir_.path() / "j");
  ASSERT_TRUE(write_durably(dir_.path() / "j" / "journal.db", std::string(5000, 'x')).ok());
  const auto journal = Journal::open(dir_.path() / "j");
  ASSERT_EQ(kind_of(journal.status()), ErrorKind::kCorrupt);
  EXPECT_NE(failure_of(journal.status()).where.find("journal.db"), std::string::npos);
}

TEST_F(JournalTest, LanesAndProcessesWriteSideBySide) {
  const auto journal = open();
  ASSERT_TRUE(
      journal->begin(operation("aa11"), {{.number = 0, .kind = "load", .args = "{}"}}).ok());
  std::vector<RangeEntry> ranges(8);
  for (int i = 0; i < 8; ++i) {
    ranges[static_cast<size_t>(i)] = {.number = i, .whole = "w", .rest = "w"};
  }
  ASSERT_TRUE(journal->freeze_ranges("aa11", 0, 0, ranges).ok());
  {
    const auto other = open();  // as another process would
    std::vector<std::jthread> lanes;
    for (int i = 0; i < 8; ++i) {
      lanes.emplace_back([&, i] {
        Journal& mine = i % 2 == 0 ? *journal : *other;
        for (uint64_t points = 1; points <= 20; ++points) {
          ASSERT_TRUE(
              mine.set_range("aa11", 0, 0, {.number = i, .rest = "r", .points = points}).ok());
        }
      });
    }
  }
  for (const auto& range : journal->ranges("aa11", 0, 0).ValueOrDie()) {
    EXPECT_EQ(range.points, 20U);
  }
}

// What was answered is there after kill -9, in the middle of more.
TEST_F(JournalTest, SurvivesKill) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto journal = open();
    for (char i = 'a'; i <= 'z'; ++i) {
      if (!journal->begin(operation(std::string("op") + i), {}).ok() ||
          ::write(pipe_ends[1], &i, 1) != 1) {
        ::_exit(1);
      }
    }
    ::pause();
  }
  ::close(pipe_ends[1]);
  std::string answered;
  for (char i = 0; answered.size() < 5 && ::read(pipe_ends[0], &i, 1) == 1;) {
    answered += i;
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(pipe_ends[0]);
  ASSERT_EQ(answered, "abcde");
  const auto journal = open();
  for (const char i : answered) {
    EXPECT_TRUE(journal->find(std::string("op") + i).ok()) << i;
  }
}

}  // namespace
}  // namespace vecferry
