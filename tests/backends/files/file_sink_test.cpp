#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/file_sink_internal.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::files {
namespace {

namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

TEST(FileSink, AFileHasItsNameOnceItIsWhole) {
  const testing::TempDir dir;
  {
    const auto sink = *FileSink::create(dir.file("a.json"));
    ASSERT_TRUE(sink->Write("01234", 5).ok());
    ASSERT_TRUE(sink->patch(1, "ab").ok());
    EXPECT_EQ(names_in(dir.path()).count("a.json"), 0U);
    EXPECT_EQ(names_in(dir.path()).size(), 1U);
    ASSERT_TRUE(sink->publish().ok());
  }
  EXPECT_EQ(names_in(dir.path()), std::set<std::string>{"a.json"});
  EXPECT_EQ(*read_file(dir.file("a.json")), "0ab34");
}

TEST(FileSink, WhatIsNotPublishedIsGone) {
  const testing::TempDir dir;
  {
    const auto sink = *FileSink::create(dir.file("a.json"));
    ASSERT_TRUE(sink->Write("x", 1).ok());
  }
  EXPECT_TRUE(names_in(dir.path()).empty());
}

TEST(FileSink, NothingIsOverwritten) {
  const testing::TempDir dir;
  put(dir.file("a.json"), "precious");
  EXPECT_EQ(kind_of(FileSink::create(dir.file("a.json")).status()), ErrorKind::kExists);

  // Not even when it comes while the other is being written.
  {
    const auto sink = *FileSink::create(dir.file("b.json"));
    put(dir.file("b.json"), "precious");
    EXPECT_EQ(kind_of(sink->publish()), ErrorKind::kExists);
  }
  EXPECT_EQ(*read_file(dir.file("a.json")), "precious");
  EXPECT_EQ(*read_file(dir.file("b.json")), "precious");
  EXPECT_EQ(names_in(dir.path()).size(), 2U);

  fs::create_symlink("nowhere", dir.file("c.json"));
  EXPECT_EQ(kind_of(FileSink::create(dir.file("c.json")).status()), ErrorKind::kExists);
}

TEST(FileSink, APartialFileOfAKilledProcessIsRemoved) {
  const testing::TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto sink = FileSink::create(dir.file("a.json"));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(names_in(dir.path()).size(), 1U);

  const auto sink = FileSink::create(dir.file("a.json"));
  ASSERT_TRUE(sink.ok()) << sink.status().ToString();
  EXPECT_EQ(names_in(dir.path()).size(), 1U);
  ASSERT_TRUE((*sink)->publish().ok());
  EXPECT_EQ(names_in(dir.path()), std::set<std::string>{"a.json"});
}

TEST(FileSink, TheFileOfALivingProcessIsLeftAlone) {
  const testing::TempDir dir;
  const auto sink = *FileSink::create(dir.file("a.json"));
  EXPECT_EQ(kind_of(FileSink::create(dir.file("a.json")).status()), ErrorKind::kConflict);
  EXPECT_TRUE(sink->publish().ok());
}

TEST(FileSink, SaysWhatIsWrongWithTheFolder) {
  const testing::TempDir dir;
  put(dir.file("file"), "in the way");
  for (const char* path : {"missing/a.json", "file/a.json"}) {
    const auto sink = FileSink::create(dir.file(path));
    ASSERT_FALSE(sink.ok());
    EXPECT_EQ(kind_of(sink.status()), ErrorKind::kIo);
    EXPECT_NE(failure_of(sink.status()).what.find(path), std::string::npos);
  }
}

TEST(FileSink, AFullDiskIsSaidWithWhatToDo) {
  const testing::TempDir dir;
  // In a child, because the limit is the process's.
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto sink = *FileSink::create(dir.file("a.json"));
    const std::string text(5000, 'x');
    const Status status = sink->Write(text.data(), 5000);
    const bool good = kind_of(status) == ErrorKind::kIo && !failure_of(status).next.empty() &&
                      failure_of(status).where == dir.file("a.json");
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace vecferry::files
