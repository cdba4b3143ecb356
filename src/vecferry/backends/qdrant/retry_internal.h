#pragma once

#include <chrono>
#include <optional>
#include <random>

#include "vecferry/backends/qdrant/qdrant_options.h"
#include "vecferry/base/error.h"

namespace vecferry::remote {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

/// Time as retries and pacing see it, so that tests have their own.
/// Thread: safe for concurrent use.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual Clock::time_point now() = 0;
  /// Errors: kCancelled, within 0.2 s of the stop.
  virtual Status pause(Milliseconds length, const StopToken& stop) = 0;
};

Timer& wall_timer();

/// What came of one request: an answer, or why there is none.
struct Attempt {
  Status status{};
  std::optional<Milliseconds> retry_after{};  ///< as the server asked
  bool too_large = false;                     ///< smaller requests may pass
  bool about_points = false;                  ///< the server looked at the points and said no
};

/// Decides whether a request that failed is sent again, and waits until then.
/// Only for what may happen twice: reads, and writes that put or remove points by id.
/// Thread: one caller at a time.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, Timer& timer);

  /// OK: send it again. Else the error to return: the attempt's own, or kCancelled.
  Status again(const Attempt& attempt, const StopToken& stop);
  /// Something worked: the time to give up starts anew.
  void reset();

 private:
  RetryPolicy policy_;
  Timer& timer_;
  std::optional<Clock::time_point> failing_since_{};
  Milliseconds asked_for_{0};  // waited because the server said so
  Milliseconds delay_;
  std::minstd_rand random_;
};

}  // namespace vecferry::remote
