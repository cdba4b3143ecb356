#include "vecferry/pipeline/lane_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace vecferry {
namespace {

TEST(LanePool, DoesEveryIndexOnce) {
  std::mutex mutex;
  std::multiset<size_t> done;
  const Status status =
      run_side_by_side(100, 4, StopToken::Unstoppable(), [&](size_t index, const StopToken&) {
        const std::lock_guard lock(mutex);
        done.insert(index);
        return Status::OK();
      });
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(done.size(), 100U);
  EXPECT_EQ(std::set<size_t>(done.begin(), done.end()).size(), 100U);
}

TEST(LanePool, NothingToDoIsDone) {
  EXPECT_TRUE(run_side_by_side(0, 4, StopToken::Unstoppable(), [](size_t, const StopToken&) {
                return fail({.what = "never called"});
              }).ok());
}

// The second lane waits until it hears the stop that the first one's error causes.
TEST(LanePool, FirstErrorStopsTheOthers) {
  std::atomic<bool> second_began{false};
  std::atomic<int> stopped{0};
  const Status status =
      run_side_by_side(2, 2, StopToken::Unstoppable(), [&](size_t index, const StopToken& stop) {
        if (index == 0) {
          while (!second_began) {
            std::this_thread::yield();
          }
          return fail({.kind = ErrorKind::kIo, .what = "the first"});
        }
        second_began = true;
        while (!stop.IsStopRequested()) {
          std::this_thread::yield();
        }
        ++stopped;
        return fail({.kind = ErrorKind::kCancelled, .what = "a later one"});
      });
  EXPECT_EQ(status.message(), "the first");
  EXPECT_EQ(stopped, 1);
}

TEST(LanePool, HearsTheCallersStop) {
  arrow::StopSource source;
  const Status status = run_side_by_side(8, 2, source.token(), [&](size_t, const StopToken& stop) {
    source.RequestStop();
    while (!stop.IsStopRequested()) {
      std::this_thread::yield();
    }
    return poll(stop);
  });
  EXPECT_EQ(kind_of(status), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
