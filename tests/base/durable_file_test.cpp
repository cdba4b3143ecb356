#include "vecferry/base/durable_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>

#include "tests/support/temp_dir.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

TEST(DurableFile, ReplacesTheWholeFile) {
  const testing::TempDir dir;
  const fs::path path = dir.file("small.json");
  ASSERT_TRUE(write_durably(path, "one").ok());
  ASSERT_TRUE(write_durably(path, "a longer second").ok());
  const auto content = read_file(path);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(*content, "a longer second");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1) << "a temporary file is left";
}

TEST(DurableFile, MissingIsNotFound) {
  const testing::TempDir dir;
  EXPECT_EQ(kind_of(read_file(dir.file("nothing")).status()), ErrorKind::kNotFound);
  const Status status = write_durably(dir.path() / "no" / "folder" / "x", "y");
  EXPECT_EQ(kind_of(status), ErrorKind::kIo);
  EXPECT_EQ(failure_of(status).next, "check the path");
}

// In a child, because the limit on file sizes cannot be taken back.
TEST(DurableFile, FullDiskKeepsTheOldFile) {
  const testing::TempDir dir;
  const fs::path path = dir.file("kept");
  ASSERT_TRUE(write_durably(path, "old").ok());
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Status status = write_durably(path, std::string(10'000, 'x'));
    ::_exit(!status.ok() && kind_of(status) == ErrorKind::kIo ? 0 : 1);
  }
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0);
  const auto content = read_file(path);
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(*content, "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
}

TEST(DurableWriter, NothingIsThereUntilItIsClosed) {
  const testing::TempDir dir;
  const fs::path path = dir.file("report.json");
  {
    auto abandoned = DurableWriter::open(path).ValueOrDie();
    ASSERT_TRUE(abandoned.write("half").ok());
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 0);
  auto whole = DurableWriter::open(path).ValueOrDie();
  ASSERT_TRUE(whole.write("one, ").ok());
  ASSERT_TRUE(whole.write("two").ok());
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(whole.close().ok());
  EXPECT_EQ(read_file(path).ValueOrDie(), "one, two");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
}

TEST(DurableFile, SystemFailureAdvises) {
  EXPECT_NE(failure_of(system_failure(ENOSPC, "cannot write", "x")).next.find("free some space"),
            std::string::npos);
  EXPECT_NE(failure_of(system_failure(EACCES, "cannot open", "x")).next.find("rights"),
            std::string::npos);
}

TEST(FileLock, SecondHolderIsRefusedUntilTheFirstIsGone) {
  const testing::TempDir dir;
  const fs::path path = dir.file("lock");
  {
    const auto first = FileLock::acquire(path, "place 'x'");
    ASSERT_TRUE(first.ok());
    const auto second = FileLock::acquire(path, "place 'x'");
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(kind_of(second.status()), ErrorKind::kConflict);
    EXPECT_TRUE(failure_of(second.status()).retryable);
  }
  EXPECT_TRUE(FileLock::acquire(path, "place 'x'").ok());
}

TEST(FileLock, DiesWithItsProcess) {
  const testing::TempDir dir;
  const fs::path path = dir.file("lock");
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FileLock::acquire(path, "x");
    const char byte = lock.ok() ? '1' : '0';
    if (::write(ready[1], &byte, 1) == 1) {
      ::pause();
    }
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, '1');
  EXPECT_FALSE(FileLock::acquire(path, "x").ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::acquire(path, "x").ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace vecferry
