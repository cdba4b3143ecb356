#include "vecferry/pipeline/copy.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "tests/pipeline/support_internal.h"
#include "tests/support/faulty_backend.h"

namespace vecferry {
namespace {

using testing::Call;
using testing::Filled;
using testing::must;

const StopToken kNoStop = StopToken::Unstoppable();

Result<CopyOutcome> copy_all(const Source& source, Backend& target, const CopyLimits& limits,
                             LaneObserver& observer, Progress& progress, StopToken stop = kNoStop) {
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(source, limits.lanes, stop));
  return copy_points(source, ranges, target, "c", limits, observer, progress, stop);
}

TEST(Copy, MovesEverythingInOneLaneAndInFour) {
  for (const int lanes : {1, 4}) {
    const Filled filled(11, 500);
    const auto target = memory_backend();
    must(target->create("c", filled.config, kNoStop));
    SilentObserver observer;
    Progress progress;
    const auto outcome =
        copy_all(filled.source(), *target, {.lanes = lanes}, observer, progress).ValueOrDie();
    must(target->finish("c", filled.config, kNoStop));
    EXPECT_TRUE(testing::same_collections(*filled.backend, "c", *target, "c"));
    EXPECT_EQ(outcome.digest.count, 500U);
    EXPECT_EQ(progress.points, 500U);
    EXPECT_GT(outcome.bytes, 0U);
  }
}

// Writes down what was claimed, so that a test can check the claim against the target.
class Claims : public LaneObserver {
 public:
  explicit Claims(Backend& target) : target_(target) {}
  Status durable(const IdRange& range, const IdRange& rest, const RangeDigest& digest) override {
    const std::lock_guard lock(mutex_);
    ++durable_;
    // What is claimed can be read at the target at this very moment.
    const IdRange claimed{.from = range.from, .to = rest.from};
    ARROW_ASSIGN_OR_RAISE(const auto there, testing::read_all(target_, "c", {.range = claimed}));
    EXPECT_EQ(digest.count, there.size());
    seen_ = std::max(seen_, there.size());
    return Status::OK();
  }
  Status finished(const IdRange& /*range*/, const RangeDigest& /*digest*/) override {
    const std::lock_guard lock(mutex_);
    ++finished_;
    return Status::OK();
  }
  int durable_count() const { return durable_; }
  int finished_count() const { return finished_; }
  size_t seen() const { return seen_; }

 private:
  Backend& target_;
  std::mutex mutex_;
  int durable_ = 0;
  int finished_ = 0;
  size_t seen_ = 0;
};

TEST(Copy, ClaimsOnlyAfterACheckpoint) {
  const Filled filled(12, 400);
  const auto inner = memory_backend();
  must(inner->create("c", filled.config, kNoStop));
  testing::Faults faults;
  testing::FaultyBackend target(*inner, faults);
  Claims claims(*inner);
  Progress progress;
  const CopyLimits limits{.lanes = 1, .checkpoint = {.bytes = 1, .interval_ms = 1'000'000}};
  ASSERT_TRUE(copy_all(filled.source(), target, limits, claims, progress).ok());
  EXPECT_GT(claims.durable_count(), 1);
  EXPECT_EQ(claims.finished_count(), 1);
  EXPECT_EQ(claims.seen(), 400U);
  EXPECT_EQ(faults.calls(Call::kCheckpoint), claims.durable_count() + 1);
}

TEST(Copy, AFailedCheckpointClaimsNothing) {
  const Filled filled(13, 400);
  const auto inner = memory_backend();
  must(inner->create("c", filled.config, kNoStop));
  testing::Faults faults;
  faults.fail_on(Call::kCheckpoint, 1, fail({.kind = ErrorKind::kIo, .what = "disk full"}));
  testing::FaultyBackend target(*inner, faults);
  Claims claims(*inner);
  Progress progress;
  const auto outcome = copy_all(filled.source(), target, {}, claims, progress);
  EXPECT_EQ(kind_of(outcome.status()), ErrorKind::kIo);
  EXPECT_EQ(claims.durable_count() + claims.finished_count(), 0);
}

TEST(Copy, AnErrorNamesItsRange) {
  const Filled filled(14, 500);
  const auto inner = memory_backend();
  must(inner->create("c", filled.config, kNoStop));
  testing::Faults faults;
  faults.fail_on(Call::kUpsert, 5, fail({.kind = ErrorKind::kIncompatible, .what = "bad point"}));
  testing::FaultyBackend target(*inner, faults);
  SilentObserver observer;
  Progress progress;
  const auto outcome = copy_all(filled.source(), target, {.lanes = 3}, observer, progress);
  EXPECT_EQ(outcome.status().message(), "bad point");
  EXPECT_NE(failure_of(outcome.status()).where.find("range "), std::string::npos);
}

TEST(Copy, AStopEndsItSoon) {
  const Filled filled(15, 500);
  const auto inner = memory_backend();
  must(inner->create("c", filled.config, kNoStop));
  arrow::StopSource stop;
  testing::Faults faults;
  faults.stall_on(Call::kUpsert, 2);
  testing::FaultyBackend target(*inner, faults);
  SilentObserver observer;
  Progress progress;
  const std::jthread person([&] {
    faults.wait_until_stalled();
    stop.RequestStop();
  });
  const auto outcome =
      copy_all(filled.source(1 << 10), target, {}, observer, progress, stop.token());
  EXPECT_EQ(kind_of(outcome.status()), ErrorKind::kCancelled);
  EXPECT_LT(progress.points, 500U);
}

TEST(BatchBytes, ShrinkWhenLanesAreMany) {
  EXPECT_EQ(batch_bytes_for(256 << 20, 1, 4 << 20), 4 << 20);
  EXPECT_EQ(batch_bytes_for(12 << 20, 4, 4 << 20), 1 << 20);
  EXPECT_EQ(batch_bytes_for(1, 64, 4 << 20), 64 << 10);
  EXPECT_EQ(batch_bytes_for(1, 64, 1000), 1000);
}

}  // namespace
}  // namespace vecferry
