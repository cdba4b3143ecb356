#include "vecferry/archive/store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "arrow/buffer.h"
#include "arrow/filesystem/filesystem.h"
#include "arrow/io/interfaces.h"
#include "tests/support/temp_dir.h"
#include "vecferry/base/kill_point.h"

namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;

std::string text_of(const ArchiveStore& store, const std::string& path) {
  const auto bytes = store.get(path);
  return bytes.ok() ? (*bytes)->ToString() : std::string(to_string(kind_of(bytes.status())));
}

std::vector<std::string> paths(const ArchiveStore& store, const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& file : store.list(prefix).ValueOrDie()) {
    found.push_back(file.path);
  }
  return found;
}

// What every kind of store promises. A bucket when VECFERRY_TEST_S3_URI names one (tests/e2e
// starts a server and this program), else a folder.
class StoreContract : public ::testing::Test {
 protected:
  StoreContract() {
    const char* uri = std::getenv("VECFERRY_TEST_S3_URI");
    const char* name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    address_ = uri != nullptr ? std::string(uri) + "/" + name : dir_.file("archive");
    auto opened = ArchiveStore::open(address_, true);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = opened.ok() ? *opened : nullptr;
  }
  void SetUp() override { ASSERT_NE(store_, nullptr); }

  TempDir dir_;
  std::string address_;
  std::shared_ptr<ArchiveStore> store_;
};

TEST_F(StoreContract, IsEmptyAtFirst) {
  EXPECT_TRUE(paths(*store_, "").empty());
  EXPECT_TRUE(paths(*store_, "segments/").empty());
  EXPECT_EQ(text_of(*store_, "x.json"), "not_found");
  EXPECT_EQ(kind_of(store_->open_file("a/x.json").status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(store_->remove("x.json")), ErrorKind::kNotFound);
  EXPECT_TRUE(store_->remove_half_written().ok());
}

TEST_F(StoreContract, WhatIsPutComesBack) {
  std::string big(300000, '\0');
  for (size_t i = 0; i < big.size(); ++i) {
    big[i] = static_cast<char>(i * 7 % 251);
  }
  ASSERT_TRUE(store_->put("segments/ab/one.parquet", big, IfThere::kReplace).ok());
  ASSERT_TRUE(store_->put("collections/%C3%A9 x/id.json", "{}", IfThere::kRefuse).ok());
  ASSERT_TRUE(store_->put("empty", "", IfThere::kRefuse).ok());
  EXPECT_EQ(text_of(*store_, "segments/ab/one.parquet"), big);
  EXPECT_EQ(text_of(*store_, "collections/%C3%A9 x/id.json"), "{}");
  EXPECT_EQ(text_of(*store_, "empty"), "");
  const auto again = ArchiveStore::open(address_, false);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(text_of(**again, "segments/ab/one.parquet"), big);
  const auto file = store_->open_file("segments/ab/one.parquet");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->GetSize().ValueOrDie(), 300000);
  EXPECT_EQ((*file)->ReadAt(1000, 50).ValueOrDie()->ToString(), big.substr(1000, 50));
}

TEST_F(StoreContract, RefusesOrReplacesWhatIsThere) {
  ASSERT_TRUE(store_->put("a/x", "old", IfThere::kRefuse).ok());
  EXPECT_EQ(kind_of(store_->put("a/x", "new", IfThere::kRefuse)), ErrorKind::kExists);
  EXPECT_EQ(text_of(*store_, "a/x"), "old");
  EXPECT_TRUE(store_->put("a/x", "new", IfThere::kReplace).ok());
  EXPECT_EQ(text_of(*store_, "a/x"), "new");
}

TEST_F(StoreContract, ListsWholeFoldersByPath) {
  for (const char* path : {"collections/docs_v2/1.json", "collections/docs/2.json",
                           "collections/docs/1.json", "head.json", "segments/ab/x"}) {
    ASSERT_TRUE(store_->put(path, path, IfThere::kRefuse).ok());
  }
  EXPECT_EQ(paths(*store_, ""),
            (std::vector<std::string>{"collections/docs/1.json", "collections/docs/2.json",
                                      "collections/docs_v2/1.json", "head.json", "segments/ab/x"}));
  EXPECT_EQ(paths(*store_, "collections/docs/"),
            (std::vector<std::string>{"collections/docs/1.json", "collections/docs/2.json"}));
  EXPECT_TRUE(paths(*store_, "collections/doc/").empty());
  EXPECT_EQ(store_->list("segments/").ValueOrDie().front().bytes, 13U);
}

TEST_F(StoreContract, RemovesOneFileAndNoOther) {
  ASSERT_TRUE(store_->put("a/x", "1", IfThere::kRefuse).ok());
  ASSERT_TRUE(store_->put("a/xy", "2", IfThere::kRefuse).ok());
  EXPECT_TRUE(store_->remove("a/x").ok());
  EXPECT_EQ(paths(*store_, ""), std::vector<std::string>{"a/xy"});
  EXPECT_EQ(kind_of(store_->remove("a/x")), ErrorKind::kNotFound);
  EXPECT_TRUE(store_->remove("a/xy").ok());
  EXPECT_TRUE(paths(*store_, "").empty());
  EXPECT_TRUE(store_->put("a/x", "3", IfThere::kRefuse).ok());
}

TEST_F(StoreContract, WhatIsWrittenInPiecesIsThereOnceItIsClosed) {
  const std::string piece(3 << 20, 'p');
  {
    auto file = store_->begin("native/docs/1.snapshot");
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE((*file)->write(piece).ok());
    }
    EXPECT_TRUE(paths(*store_, "").empty());
    ASSERT_TRUE((*file)->close().ok());
  }
  ASSERT_EQ(paths(*store_, ""), std::vector<std::string>{"native/docs/1.snapshot"});
  EXPECT_EQ(store_->list("native/").ValueOrDie().front().bytes, 4 * piece.size());
  {
    auto file = store_->begin("native/docs/2.snapshot");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->write(piece).ok());
  }
  EXPECT_EQ(paths(*store_, ""), std::vector<std::string>{"native/docs/1.snapshot"});
}

TEST_F(StoreContract, ManyThreadsWriteAndRead) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5; ++i) {
        const std::string path = "segments/" + std::to_string(t) + "/" + std::to_string(i);
        EXPECT_TRUE(store_->put(path, path, IfThere::kReplace).ok());
        EXPECT_EQ(text_of(*store_, path), path);
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(paths(*store_, "").size(), 20U);
}

// Folders alone from here on.
class FolderStore : public ::testing::Test {
 protected:
  std::shared_ptr<ArchiveStore> open() {
    return ArchiveStore::open(dir_.file("archive"), true).ValueOrDie();
  }
  fs::path root() const { return dir_.file("archive"); }

  TempDir dir_;
};

TEST_F(FolderStore, IsNotMadeUnlessAsked) {
  EXPECT_EQ(kind_of(ArchiveStore::open(dir_.file("a/b/c"), false).status()), ErrorKind::kNotFound);
  EXPECT_FALSE(fs::exists(dir_.file("a")));
  EXPECT_TRUE(ArchiveStore::open(dir_.file("a/b/c"), true).ok());
  EXPECT_TRUE(ArchiveStore::open(dir_.file("a/b/c"), false).ok());
  std::ofstream(dir_.file("file")) << "x";
  EXPECT_EQ(kind_of(ArchiveStore::open(dir_.file("file"), true).status()), ErrorKind::kUsage);
}

TEST_F(FolderStore, AddressesThatNothingKnowsAreUsage) {
  EXPECT_EQ(kind_of(ArchiveStore::open("ftp://host/x", true).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(ArchiveStore::open("://", true).status()), ErrorKind::kUsage);
}

TEST_F(FolderStore, HalfWrittenFilesAreNotSeenAndCanBeTidied) {
  const auto store = open();
  ASSERT_TRUE(store->put("segments/ab/x", "1", IfThere::kReplace).ok());
  std::ofstream(root() / "segments/ab/y.tmp-123-4") << "half";
  EXPECT_EQ(paths(*store, ""), std::vector<std::string>{"segments/ab/x"});
  ASSERT_TRUE(store->remove_half_written().ok());
  EXPECT_FALSE(fs::exists(root() / "segments/ab/y.tmp-123-4"));
  EXPECT_EQ(text_of(*store, "segments/ab/x"), "1");
}

// A child that does `work`, and how it ended.
template <typename Work>
int run_in_child(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Killed at every point of writing: the file is the old or the new one, never a mixture.
TEST_F(FolderStore, KilledWhileWritingTheFileIsOldOrNew) {
  const std::string old_text(5000, 'o');
  const std::string new_text(9000, 'n');
  int point = 1;
  for (bool killed = true; killed; ++point) {
    ASSERT_LT(point, 20);
    fs::remove_all(root());
    const auto store = open();
    ASSERT_TRUE(store->put("a/kept", old_text, IfThere::kReplace).ok());
    const int status = run_in_child([&] {
      arm_kill_point("#" + std::to_string(point));
      discard(store->put("a/kept", new_text, IfThere::kReplace), "the child's end tells");
      discard(store->put("b/new", new_text, IfThere::kRefuse), "the child's end tells");
    });
    killed = WIFSIGNALED(status);
    const auto after = open();
    const std::string kept = text_of(*after, "a/kept");
    EXPECT_TRUE(kept == old_text || kept == new_text) << point;
    const std::string fresh = text_of(*after, "b/new");
    EXPECT_TRUE(fresh == "not_found" || fresh == new_text) << point;
    ASSERT_TRUE(after->remove_half_written().ok());
    ASSERT_TRUE(after->put("b/new", "again", IfThere::kReplace).ok());
    EXPECT_EQ(paths(*after, "").size(), 2U);
  }
  EXPECT_GT(point, 3) << "no kill point was passed";
}

// A size limit stops a write in its middle, as a full disk does.
TEST_F(FolderStore, AWriteThatFailsLeavesTheOldFileAndSaysWhy) {
  const auto store = open();
  ASSERT_TRUE(store->put("a/kept", "old", IfThere::kReplace).ok());
  const int status = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Status failed = store->put("a/kept", std::string(100000, 'n'), IfThere::kReplace);
    const bool good = !failed.ok() && kind_of(failed) == ErrorKind::kIo &&
                      failure_of(failed).next.find("limit") != std::string::npos;
    _exit(good ? 7 : 1);
  });
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(text_of(*store, "a/kept"), "old");
  EXPECT_EQ(paths(*store, ""), std::vector<std::string>{"a/kept"});
}

// Arrow's S3 wants to be ended before the process is.
class EndOfArrow : public ::testing::Environment {
 public:
  void TearDown() override { arrow::fs::EnsureFinalized(); }
};
const auto* const kEnd = ::testing::AddGlobalTestEnvironment(new EndOfArrow());

}  // namespace
}  // namespace vecferry::testing
