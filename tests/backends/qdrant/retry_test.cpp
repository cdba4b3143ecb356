#include <gtest/gtest.h>

#include "tests/backends/qdrant/fake_timer.h"
#include "vecferry/backends/qdrant/retry_internal.h"

namespace vecferry::testing {
namespace {

using remote::Attempt;
using remote::Backoff;
using remote::Milliseconds;

const StopToken kGoOn = StopToken::Unstoppable();

Attempt passing(std::optional<Milliseconds> retry_after = {}) {
  return {.status = fail({.kind = ErrorKind::kUnavailable, .what = "busy", .retryable = true}),
          .retry_after = retry_after};
}

TEST(Backoff, DelaysGrowAndHaveAnEnd) {
  FakeTimer timer;
  Backoff backoff({.first_delay = Milliseconds(100),
                   .longest_delay = Milliseconds(1000),
                   .give_up_after = Milliseconds(10000)},
                  timer);
  int tries = 0;
  Status last;
  while ((last = backoff.again(passing(), kGoOn)).ok()) {
    ++tries;
  }
  EXPECT_EQ(failure_of(last).what, "busy");
  ASSERT_GE(tries, 10);
  Milliseconds most{100};
  Milliseconds sum{0};
  for (const auto pause : timer.pauses) {
    EXPECT_GE(pause, most / 2);
    EXPECT_LE(pause, most);
    most = std::min(most * 2, Milliseconds(1000));
    sum += pause;
  }
  EXPECT_GE(sum, Milliseconds(10000));
  EXPECT_LE(sum, Milliseconds(11000));
}

TEST(Backoff, WhatWillNotPassIsNotTriedAgain) {
  FakeTimer timer;
  Backoff backoff({}, timer);
  const Attempt wrong{.status = fail({.kind = ErrorKind::kRefused, .what = "wrong"})};
  EXPECT_EQ(kind_of(backoff.again(wrong, kGoOn)), ErrorKind::kRefused);
  EXPECT_TRUE(timer.pauses.empty());
}

TEST(Backoff, TheServersDelayIsKeptAndNotCounted) {
  FakeTimer timer;
  Backoff backoff({.give_up_after = Milliseconds(1000)}, timer);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(backoff.again(passing(Milliseconds(7000)), kGoOn).ok());
    EXPECT_EQ(timer.pauses.back(), Milliseconds(7000));
  }
  EXPECT_TRUE(backoff.again(passing(), kGoOn).ok());
  // But not without end.
  int more = 0;
  while (backoff.again(passing(Milliseconds(600000)), kGoOn).ok()) {
    ++more;
  }
  EXPECT_LT(more, 10);
}

TEST(Backoff, AStopEndsIt) {
  FakeTimer timer;
  Backoff backoff({}, timer);
  arrow::StopSource source;
  source.RequestStop();
  EXPECT_EQ(kind_of(backoff.again(passing(), source.token())), ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(remote::wall_timer().pause(std::chrono::hours(1), source.token())),
            ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry::testing
