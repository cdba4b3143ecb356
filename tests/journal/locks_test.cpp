#include "vecferry/journal/locks.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "tests/support/temp_dir.h"

namespace vecferry {
namespace {

using testing::TempDir;

TEST(Locks, TwoRunsOnOneTargetDoNotMeet) {
  TempDir dir;
  auto first = OperationLocks::acquire(dir.path(), "aa", {"local:/x/a", "local:/x/b"});
  ASSERT_TRUE(first.ok());
  const auto second = OperationLocks::acquire(dir.path(), "bb", {"local:/x/c", "local:/x/b"});
  ASSERT_EQ(kind_of(second.status()), ErrorKind::kConflict);
  EXPECT_NE(failure_of(second.status()).what.find("local:/x/b"), std::string::npos);
  EXPECT_TRUE(OperationLocks::acquire(dir.path(), "cc", {"local:/x/c"}).ok())
      << "what the refused one took is free again";
  { const auto gone = std::move(first); }
  EXPECT_TRUE(OperationLocks::acquire(dir.path(), "bb", {"local:/x/b"}).ok());
}

TEST(Locks, ATargetNamedTwiceIsTakenOnce) {
  TempDir dir;
  EXPECT_TRUE(OperationLocks::acquire(dir.path(), "aa", {"x", "x"}).ok());
}

TEST(Locks, ADeadProcessHoldsNothing) {
  TempDir dir;
  EXPECT_FALSE(is_running(dir.path(), "aa")) << "never begun";
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto locks = OperationLocks::acquire(dir.path(), "aa", {"x"});
    const char said = locks.ok() ? 'y' : 'n';
    if (::write(pipe_ends[1], &said, 1) == 1) {
      ::pause();
    }
    ::_exit(1);
  }
  char said = 0;
  ASSERT_EQ(::read(pipe_ends[0], &said, 1), 1);
  ASSERT_EQ(said, 'y');
  EXPECT_TRUE(is_running(dir.path(), "aa"));
  EXPECT_FALSE(OperationLocks::acquire(dir.path(), "bb", {"x"}).ok());
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
  EXPECT_FALSE(is_running(dir.path(), "aa"));
  EXPECT_TRUE(OperationLocks::acquire(dir.path(), "aa", {"x"}).ok());
}

}  // namespace
}  // namespace vecferry
