// What the contract suite cannot say of every place: read-only places, snapshots at open, aliases
// as names, and the faults of the test's own wrapper.

#include "vecferry/backends/memory/memory_backend.h"

#include <gtest/gtest.h>

#include <thread>

#include "arrow/record_batch.h"
#include "arrow/util/cancel.h"
#include "tests/support/backends.h"
#include "tests/support/faulty_backend.h"
#include "tests/support/points.h"

namespace vecferry {
namespace {

using testing::Call;
using testing::dense;
using testing::fill;
using testing::map_of;
using testing::read_all;
using testing::same_points;
using testing::TestPoint;
using testing::to_batch;

const StopToken kGoOn = StopToken::Unstoppable();

CollectionConfig two_dims() {
  return default_config({{.name = "", .dim = 2}});
}

std::vector<TestPoint> points(uint64_t count) {
  std::vector<TestPoint> made;
  for (uint64_t i = 0; i < count; ++i) {
    made.push_back({.id = PointId::of(i), .vectors = {{"", dense({1.0F, 0.0F})}}});
  }
  return made;
}

TEST(MemoryBackendTest, AReaderSeesTheCollectionAsItWasOpened) {
  const auto backend = memory_backend();
  ASSERT_TRUE(fill(*backend, "shop", two_dims(), points(10)).ok());
  const auto reader = backend->open_reader("shop", {.batch_bytes = 1}, kGoOn).ValueOrDie();
  const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
  const std::vector<PointId> gone = {PointId::of(uint64_t{3}), PointId::of(uint64_t{9})};
  ASSERT_TRUE(writer->remove(gone).ok());
  ASSERT_TRUE(writer->upsert(*to_batch(two_dims(), points(20))->Slice(15)).ok());
  uint64_t rows = 0;
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    ASSERT_TRUE(reader->ReadNext(&batch).ok());
    if (batch == nullptr) {
      break;
    }
    rows += static_cast<uint64_t>(batch->num_rows());
  }
  EXPECT_EQ(rows, 10U);
  EXPECT_EQ(backend->count("shop", nullptr, kGoOn).ValueOrDie(), 13U);
}

TEST(MemoryBackendTest, APlaceToReadOnlyRefusesToWrite) {
  const auto backend = memory_backend({{.writable = false}});
  EXPECT_EQ(kind_of(backend->create("shop", two_dims(), kGoOn)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->drop("shop", kGoOn)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->finish("shop", two_dims(), kGoOn)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->open_writer("shop", kGoOn).status()), ErrorKind::kIncompatible);
}

TEST(MemoryBackendTest, APlaceToWriteOnlyRefusesToRead) {
  const auto backend = memory_backend({{.readable = false}});
  ASSERT_TRUE(fill(*backend, "pipe", two_dims(), points(3)).ok());
  EXPECT_EQ(kind_of(backend->count("pipe", nullptr, kGoOn).status()), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->plan_scan("pipe", nullptr, 2, kGoOn).status()),
            ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(backend->open_reader("pipe", {}, kGoOn).status()), ErrorKind::kIncompatible);
}

TEST(MemoryBackendTest, PointsThatDifferInTheirShardKeyAreTwo) {
  const auto backend = memory_backend();
  std::vector<TestPoint> keyed = points(2);
  for (const char* key : {"north", "south"}) {
    keyed.push_back(keyed[0]);
    keyed.back().shard_key = key;
  }
  ASSERT_TRUE(fill(*backend, "shop", two_dims(), keyed).ok());
  EXPECT_TRUE(same_points(map_of(keyed), *read_all(*backend, "shop", {.batch_bytes = 1})));
  EXPECT_EQ(map_of(keyed).size(), 4U);
}

TEST(MemoryBackendTest, AnAliasIsAName) {
  const auto backend = memory_backend();
  ASSERT_TRUE(fill(*backend, "shop", two_dims(), points(3)).ok());
  const AliasChange change{"current", "shop"};
  ASSERT_TRUE(backend->change_aliases({&change, 1}, kGoOn).ok());
  EXPECT_EQ(backend->count("current", nullptr, kGoOn).ValueOrDie(), 3U);
  EXPECT_TRUE(same_points(map_of(points(3)), *read_all(*backend, "current")));
  EXPECT_EQ(kind_of(backend->drop("current", kGoOn)), ErrorKind::kNotFound);
}

TEST(MemoryBackendTest, AWriterOfADroppedCollectionSaysSo) {
  const auto backend = memory_backend();
  ASSERT_TRUE(fill(*backend, "shop", two_dims(), points(3)).ok());
  const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
  ASSERT_TRUE(backend->drop("shop", kGoOn).ok());
  EXPECT_EQ(kind_of(writer->upsert(*to_batch(two_dims(), points(1)))), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(writer->checkpoint()), ErrorKind::kNotFound);
}

class FaultyBackendTest : public ::testing::Test {
 protected:
  Status write(uint64_t count) {
    ARROW_ASSIGN_OR_RAISE(const auto writer, faulty_.open_writer("shop", source_.token()));
    return writer->upsert(*to_batch(two_dims(), points(count)));
  }

  void SetUp() override { ASSERT_TRUE(fill(*inner_, "shop", two_dims(), {}).ok()); }

  std::unique_ptr<Backend> inner_ = memory_backend();
  testing::Faults faults_;
  testing::FaultyBackend faulty_{*inner_, faults_};
  arrow::StopSource source_;
};

TEST_F(FaultyBackendTest, FailsTheNthCall) {
  faults_.fail_on(Call::kUpsert, 2, fail({.kind = ErrorKind::kIo, .what = "no space"}));
  EXPECT_TRUE(write(1).ok());
  EXPECT_EQ(kind_of(write(2)), ErrorKind::kIo);
  EXPECT_EQ(inner_->count("shop", nullptr, kGoOn).ValueOrDie(), 1U);
  EXPECT_TRUE(write(3).ok());
  EXPECT_EQ(faults_.calls(Call::kUpsert), 3);
  EXPECT_EQ(faults_.calls(Call::kRemove), 0);
}

TEST_F(FaultyBackendTest, LosesAReply) {
  faults_.fail_after(Call::kUpsert, 1, fail({.kind = ErrorKind::kTimeout, .what = "no reply"}));
  EXPECT_EQ(kind_of(write(4)), ErrorKind::kTimeout);
  EXPECT_EQ(inner_->count("shop", nullptr, kGoOn).ValueOrDie(), 4U);
}

TEST_F(FaultyBackendTest, StallsUntilReleased) {
  faults_.stall_on(Call::kUpsert, 1);
  Status status;
  std::thread caller([&] { status = write(2); });
  faults_.wait_until_stalled();
  EXPECT_EQ(inner_->count("shop", nullptr, kGoOn).ValueOrDie(), 0U);
  faults_.release();
  caller.join();
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(inner_->count("shop", nullptr, kGoOn).ValueOrDie(), 2U);
}

TEST_F(FaultyBackendTest, AStalledCallHearsTheStop) {
  faults_.stall_on(Call::kUpsert, 1);
  Status status;
  std::thread caller([&] { status = write(2); });
  faults_.wait_until_stalled();
  source_.RequestStop();
  caller.join();
  EXPECT_EQ(kind_of(status), ErrorKind::kCancelled);
  EXPECT_EQ(inner_->count("shop", nullptr, kGoOn).ValueOrDie(), 0U);
}

TEST_F(FaultyBackendTest, StopsInTheMiddle) {
  ASSERT_TRUE(write(50).ok());
  faults_.stop_on(Call::kReadNext, 2, &source_);
  const auto reader = faulty_.open_reader("shop", {.batch_bytes = 100}, source_.token());
  ASSERT_TRUE(reader.ok());
  std::shared_ptr<arrow::RecordBatch> batch;
  EXPECT_TRUE((*reader)->ReadNext(&batch).ok());
  EXPECT_EQ(kind_of((*reader)->ReadNext(&batch)), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
