#include <gtest/gtest.h>

#include "tests/backends/qdrant/fake_timer.h"
#include "vecferry/backends/qdrant/pacing_internal.h"

namespace vecferry::testing {
namespace {

using remote::Attempt;
using remote::Milliseconds;
using remote::Pace;

const StopToken kGoOn = StopToken::Unstoppable();

TEST(Pace, HalvesAfterBadAnswersAndGrowsAfterGoodOnes) {
  FakeTimer timer;
  Pace pace({.least_bytes = 100, .most_bytes = 1000, .first_bytes = 800, .most_in_flight = 8},
            timer);
  const Attempt busy{.status = fail({.kind = ErrorKind::kUnavailable, .retryable = true})};
  for (const int64_t expected : {400, 200, 100, 100}) {
    ASSERT_TRUE(pace.enter(1, kGoOn).ok());
    pace.leave_failed(busy);
    EXPECT_EQ(pace.request_bytes(), expected);
  }
  EXPECT_EQ(pace.in_flight_limit(), 1);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(pace.enter(1, kGoOn).ok());
    pace.leave(Milliseconds(5), pace.request_bytes());
  }
  EXPECT_EQ(pace.request_bytes(), 1000);
  EXPECT_EQ(pace.in_flight_limit(), 8);
  // A slow answer counts as a bad one, and a refusal says nothing about speed.
  ASSERT_TRUE(pace.enter(1, kGoOn).ok());
  pace.leave(Milliseconds(60000), 1000);
  EXPECT_EQ(pace.request_bytes(), 500);
  ASSERT_TRUE(pace.enter(1, kGoOn).ok());
  pace.leave_failed({.status = fail({.kind = ErrorKind::kRefused})});
  EXPECT_EQ(pace.request_bytes(), 500);
}

TEST(Pace, SmallRequestsDoNotProveThatLargeOnesPass) {
  FakeTimer timer;
  Pace pace({.least_bytes = 100, .most_bytes = 1000, .first_bytes = 500}, timer);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(pace.enter(1, kGoOn).ok());
    pace.leave(Milliseconds(1), 10);
  }
  EXPECT_EQ(pace.request_bytes(), 500);
}

TEST(Pace, PlacesInFlightAreTakenAndGivenBack) {
  FakeTimer timer;
  Pace pace({.most_in_flight = 2}, timer);
  EXPECT_TRUE(pace.try_enter());
  EXPECT_TRUE(pace.try_enter());
  EXPECT_FALSE(pace.try_enter());
  pace.leave(Milliseconds(1), 1);
  EXPECT_TRUE(pace.try_enter());
  arrow::StopSource source;
  source.RequestStop();
  EXPECT_EQ(kind_of(pace.enter(1, source.token())), ErrorKind::kCancelled);
}

TEST(Pace, PointsKeepToTheirRate) {
  FakeTimer timer;
  Pace pace({.points_per_second = 1000}, timer);
  const auto start = timer.now();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(pace.enter(400, kGoOn).ok());
    pace.leave(Milliseconds(0), 1);
  }
  const auto took = std::chrono::duration_cast<Milliseconds>(timer.now() - start);
  // 20,000 points, of which the first thousand and the last request are free.
  EXPECT_GE(took, Milliseconds(18500));
  EXPECT_LE(took, Milliseconds(19500));
}

}  // namespace
}  // namespace vecferry::testing
