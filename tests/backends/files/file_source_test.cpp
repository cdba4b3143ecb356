#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "arrow/util/cancel.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/file_source_internal.h"

namespace vecferry::files {
namespace {

std::string read_all(const TextInput& input) {
  const auto stream = *input.open();
  return (*stream->Read(1 << 20))->ToString();
}

TEST(FileSource, AFileIsReadAgainAndAgain) {
  const testing::TempDir dir;
  std::ofstream(dir.file("a.json")) << "text";
  FileSource source(dir.file("a.json"), dir.path());
  ASSERT_TRUE(source.prepare(StopToken::Unstoppable()).ok());
  EXPECT_EQ(*source.first_bytes(2), "te");
  EXPECT_EQ(read_all(source.text(FileCompression::kNone)), "text");
  EXPECT_EQ(read_all(source.text(FileCompression::kNone)), "text");
}

TEST(FileSource, WhatIsNoFileIsSaid) {
  const testing::TempDir dir;
  const auto prepare = [&](const std::string& path) {
    return kind_of(FileSource(path, dir.path()).prepare(StopToken::Unstoppable()));
  };
  EXPECT_EQ(prepare(dir.file("missing")), ErrorKind::kNotFound);
  EXPECT_EQ(prepare(dir.path().string()), ErrorKind::kUsage);
}

TEST(FileSource, APipeIsKeptAndLeavesNothing) {
  const testing::TempDir dir;
  const std::string pipe = dir.file("pipe.json");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string text(3'000'000, 'x');
  std::thread writer([&] { std::ofstream(pipe) << text; });
  {
    FileSource source(pipe, dir.path());
    ASSERT_TRUE(source.prepare(StopToken::Unstoppable()).ok());
    writer.join();
    for (int i = 0; i < 2; ++i) {
      const auto stream = *source.text(FileCompression::kNone).open();
      EXPECT_EQ((*stream->Read(5'000'000))->size(), 3'000'000);
    }
  }
  int names = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    ++names;
  }
  EXPECT_EQ(names, 1);
}

TEST(FileSource, APipeThatSaysNothingCanBeStopped) {
  const testing::TempDir dir;
  const std::string pipe = dir.file("pipe.json");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  arrow::StopSource stop;
  Status status;
  FileSource source(pipe, dir.path());
  std::thread reader([&] { status = source.prepare(stop.token()); });
  {
    std::ofstream open_end(pipe);  // opened, never written
    stop.RequestStop();
    reader.join();
  }
  EXPECT_EQ(kind_of(status), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry::files
