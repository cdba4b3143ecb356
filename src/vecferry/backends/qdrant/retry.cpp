#include <algorithm>
#include <thread>

#include "vecferry/backends/qdrant/retry_internal.h"

namespace vecferry::remote {
namespace {

// A server that only ever says "later" is not waited for without end.
constexpr Milliseconds kLongestAskedFor = std::chrono::hours(1);
constexpr Milliseconds kStep{50};

class WallTimer : public Timer {
 public:
  Clock::time_point now() override { return Clock::now(); }

  Status pause(Milliseconds length, const StopToken& stop) override {
    const auto end = Clock::now() + length;
    for (;;) {
      ARROW_RETURN_NOT_OK(poll(stop));
      const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now());
      if (left.count() <= 0) {
        return Status::OK();
      }
      std::this_thread::sleep_for(std::min(left, kStep));
    }
  }
};

}  // namespace

Timer& wall_timer() {
  static WallTimer timer;  // no state
  return timer;
}

Backoff::Backoff(const RetryPolicy& policy, Timer& timer)
    : policy_(policy), timer_(timer), delay_(policy.first_delay), random_(std::random_device()()) {}

void Backoff::reset() {
  failing_since_.reset();
  asked_for_ = Milliseconds(0);
  delay_ = policy_.first_delay;
}

Status Backoff::again(const Attempt& attempt, const StopToken& stop) {
  if (!failure_of(attempt.status).retryable) {
    return attempt.status;
  }
  const auto now = timer_.now();
  if (!failing_since_) {
    failing_since_ = now;
  }
  Milliseconds wait{0};
  if (attempt.retry_after) {
    wait = std::max(*attempt.retry_after, Milliseconds(1));
    asked_for_ += wait;
    if (asked_for_ > kLongestAskedFor) {
      return attempt.status;
    }
  } else {
    if (now - *failing_since_ - asked_for_ >= policy_.give_up_after) {
      return attempt.status;
    }
    // Half of it is random, so that lanes which failed together do not come back together.
    std::uniform_int_distribution<Milliseconds::rep> part(delay_.count() / 2, delay_.count());
    wait = Milliseconds(part(random_));
    delay_ = std::min(delay_ * 2, policy_.longest_delay);
  }
  return timer_.pause(wait, stop);
}

}  // namespace vecferry::remote
