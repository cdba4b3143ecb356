#include "vecferry/base/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/support/temp_dir.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

class TemporaryFolderTest : public ::testing::Test {
 protected:
  TemporaryFolderTest() { ::setenv("TMPDIR", dir_.path().c_str(), 1); }
  ~TemporaryFolderTest() override { ::unsetenv("TMPDIR"); }

  int64_t entries() const { return std::distance(fs::directory_iterator(dir_.path()), {}); }

  testing::TempDir dir_;
};

TEST_F(TemporaryFolderTest, GoesWithItsContent) {
  {
    auto first = TemporaryFolder::make("test").ValueOrDie();
    std::ofstream(first.path() / "file") << "content";
    const TemporaryFolder moved = std::move(first);
    EXPECT_TRUE(fs::exists(moved.path() / "file"));
    const TemporaryFolder second = TemporaryFolder::make("test").ValueOrDie();
    EXPECT_NE(moved.path(), second.path());
    EXPECT_EQ(entries(), 2) << "that of a living process was swept";
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(TemporaryFolderTest, WhatAKilledProcessLeftIsSweptByTheNext) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto left = TemporaryFolder::make("test");
    ::kill(::getpid(), SIGKILL);
  }
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  ASSERT_EQ(entries(), 1);
  const auto next = TemporaryFolder::make("test").ValueOrDie();
  EXPECT_EQ(entries(), 1);
  EXPECT_TRUE(fs::exists(next.path()));
}

TEST_F(TemporaryFolderTest, WithoutAParentItFails) {
  ::setenv("TMPDIR", (dir_.path() / "nowhere").c_str(), 1);
  EXPECT_EQ(kind_of(TemporaryFolder::make("test").status()), ErrorKind::kIo);
}

}  // namespace
}  // namespace vecferry
