#pragma once

#include <cstdint>
#include <mutex>

#include "vecferry/backends/qdrant/retry_internal.h"
#include "vecferry/base/error.h"

namespace vecferry::remote {

struct PaceLimits {
  int64_t least_bytes = int64_t{64} << 10;
  int64_t most_bytes = int64_t{8} << 20;  ///< well below the 32 MiB that REST takes
  int64_t first_bytes = int64_t{4} << 20;
  int most_in_flight = 16;       ///< requests of all writers together
  double points_per_second = 0;  ///< 0: no bound
  Milliseconds slow{8000};       ///< an answer that takes longer is a request to slow down
};

/// How large requests are, and how many are in flight, for all writers of one place: a little more
/// after each good answer, half after a bad one (as TCP does).
/// Thread: safe for concurrent use.
class Pace {
 public:
  Pace(const PaceLimits& limits, Timer& timer);

  int64_t request_bytes() const;
  int in_flight_limit() const;

  /// Wait until `points` more may be sent and a place in flight is free, and take it.
  /// Errors: kCancelled.
  Status enter(int64_t points, const StopToken& stop);
  /// A place without a wait: for a writer that has requests in flight, which it should look after
  /// first. The rate of points is not asked.
  bool try_enter();
  /// Wait for the rate alone.
  Status spend(int64_t points, const StopToken& stop);

  /// Give the place back, with what came of it.
  void leave(Milliseconds latency, int64_t bytes);
  void leave_failed(const Attempt& attempt);

 private:
  void slow_down();  // with the lock held

  const PaceLimits limits_;
  Timer& timer_;
  mutable std::mutex mutex_;
  int64_t bytes_;  // guarded by mutex_, as is all below
  double in_flight_limit_;
  int in_flight_ = 0;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace vecferry::remote
