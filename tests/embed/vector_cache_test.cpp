#include "vecferry/embed/vector_cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/points.h"
#include "tests/support/temp_dir.h"
#include "vecferry/base/kill_point.h"

namespace vecferry {
namespace {

using testing::must;
using testing::TempDir;
using Access = VectorCache::Access;
using Floats = std::vector<float>;

constexpr uint32_t kDim = 3;

class VectorCacheTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<VectorCache>> open(Access access = Access::kWrite,
                                            const std::string& identity = "3\nmodel\n") const {
    return VectorCache::open(dir_.path() / "cache", identity, kDim, access);
  }

  static void put(VectorCache& cache, const std::string& text, const Floats& vector) {
    const TextKey key = cache.key_of(text);
    must(cache.add({&key, 1}, vector));
  }

  static Floats get(const VectorCache& cache, const std::string& text) {
    Floats vector(kDim);
    return cache.find(cache.key_of(text), vector).ValueOrDie() ? vector : Floats();
  }

  TempDir dir_;
};

TEST_F(VectorCacheTest, KeepsWhatItIsGiven) {
  {
    const auto cache = open().ValueOrDie();
    EXPECT_EQ(get(*cache, "a"), Floats());
    put(*cache, "a", {1, 2, 3});
    put(*cache, "b", {4, 5, 6});
    EXPECT_EQ(get(*cache, "a"), (Floats{1, 2, 3}));
    EXPECT_EQ(cache->size(), 2U);
  }
  const auto cache = open().ValueOrDie();
  EXPECT_EQ(cache->size(), 2U);
  EXPECT_EQ(get(*cache, "a"), (Floats{1, 2, 3}));
  EXPECT_EQ(get(*cache, "b"), (Floats{4, 5, 6}));
  EXPECT_EQ(get(*cache, "c"), Floats());
}

TEST_F(VectorCacheTest, TheFirstVectorOfATextStays) {
  const auto cache = open().ValueOrDie();
  put(*cache, "a", {1, 2, 3});
  put(*cache, "a", {7, 8, 9});
  const TextKey key = cache->key_of("b");
  const std::vector<TextKey> twice = {key, key};
  must(cache->add(twice, Floats{1, 1, 1, 2, 2, 2}));
  put(*cache, "c", {5, 5, 5});
  EXPECT_EQ(get(*cache, "a"), (Floats{1, 2, 3}));
  EXPECT_EQ(get(*cache, "b"), (Floats{1, 1, 1}));
  EXPECT_EQ(get(*cache, "c"), (Floats{5, 5, 5}));
}

TEST_F(VectorCacheTest, EveryModelHasItsOwnFile) {
  const auto one = open().ValueOrDie();
  const auto other = open(Access::kWrite, "3\nother\n").ValueOrDie();
  put(*one, "a", {1, 2, 3});
  EXPECT_NE(one->file(), other->file());
  EXPECT_EQ(get(*other, "a"), Floats());
  EXPECT_NE(one->key_of("a"), other->key_of("a"));
}

TEST_F(VectorCacheTest, ATornEndIsDroppedAtEveryLength) {
  std::filesystem::path file;
  {
    const auto cache = open().ValueOrDie();
    file = cache->file();
    put(*cache, "a", {1, 2, 3});
    put(*cache, "b", {4, 5, 6});
  }
  const auto whole = std::filesystem::file_size(file);
  constexpr size_t kRecord = 16 + 12 + 8;
  for (size_t cut = 1; cut < kRecord; ++cut) {
    std::filesystem::resize_file(file, whole - cut);
    {
      const auto cache = open().ValueOrDie();
      EXPECT_EQ(cache->size(), 1U) << cut;
      EXPECT_EQ(get(*cache, "b"), Floats()) << cut;
      put(*cache, "b", {4, 5, 6});
    }
    EXPECT_EQ(std::filesystem::file_size(file), whole) << cut;
    EXPECT_EQ(get(*open().ValueOrDie(), "b"), (Floats{4, 5, 6})) << cut;
  }
  for (const size_t left : {size_t{0}, size_t{1}, size_t{255}}) {
    std::filesystem::resize_file(file, left);
    EXPECT_EQ(open().ValueOrDie()->size(), 0U) << left;
  }
}

TEST_F(VectorCacheTest, ADamagedRecordIsAbsentAndTheOthersAreThere) {
  std::filesystem::path file;
  {
    const auto cache = open().ValueOrDie();
    file = cache->file();
    put(*cache, "a", {1, 2, 3});
    put(*cache, "b", {4, 5, 6});
  }
  constexpr int kInTheFirstVector = 256 + 16 + 5;
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekp(kInTheFirstVector);
  bytes.put('x');
  bytes.close();
  const auto cache = open().ValueOrDie();
  EXPECT_EQ(get(*cache, "a"), Floats());
  EXPECT_EQ(get(*cache, "b"), (Floats{4, 5, 6}));
  put(*cache, "a", {1, 2, 3});
  EXPECT_EQ(get(*cache, "a"), (Floats{1, 2, 3}));
}

TEST_F(VectorCacheTest, AForeignFileIsLeftAlone) {
  const auto file = open().ValueOrDie()->file();
  std::ofstream(file) << std::string(1000, 'x');
  const auto status = open().status();
  EXPECT_EQ(kind_of(status), ErrorKind::kCorrupt);
  EXPECT_NE(failure_of(status).next.find("--embed-cache"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(file), 1000U);
}

TEST_F(VectorCacheTest, TwoWritersDoNotMeet) {
  const auto cache = open().ValueOrDie();
  put(*cache, "a", {1, 2, 3});
  EXPECT_EQ(kind_of(open().status()), ErrorKind::kConflict);
  EXPECT_EQ(get(*open(Access::kRead).ValueOrDie(), "a"), (Floats{1, 2, 3}));
}

TEST_F(VectorCacheTest, AReaderTouchesNothing) {
  const auto cache = open(Access::kRead).ValueOrDie();
  EXPECT_EQ(cache->size(), 0U);
  EXPECT_EQ(get(*cache, "a"), Floats());
  const TextKey key = cache->key_of("a");
  EXPECT_FALSE(cache->add({&key, 1}, Floats{1, 2, 3}).ok());
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "cache"));
}

TEST_F(VectorCacheTest, LanesAddSideBySide) {
  const auto cache = open().ValueOrDie();
  constexpr int kThreads = 4;
  constexpr int kTexts = 200;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTexts; ++i) {
        const auto value = static_cast<float>(i);
        put(*cache, std::to_string(i), {value, value, value});
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(cache->size(), static_cast<uint64_t>(kTexts));
  for (int i = 0; i < kTexts; ++i) {
    EXPECT_EQ(get(*cache, std::to_string(i)).front(), static_cast<float>(i));
  }
}

// What was handed to the operating system outlives a kill -9.
TEST_F(VectorCacheTest, WhatIsAppendedOutlivesAKill) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    arm_kill_point("embed.after_append");
    const auto cache = open().ValueOrDie();
    put(*cache, "a", {1, 2, 3});
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(get(*open().ValueOrDie(), "a"), (Floats{1, 2, 3}));
}

}  // namespace
}  // namespace vecferry
