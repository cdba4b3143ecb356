#include <algorithm>
#include <cmath>

#include "vecferry/backends/qdrant/pacing_internal.h"

namespace vecferry::remote {
namespace {

constexpr Milliseconds kWait{20};
constexpr double kBurstSeconds = 1;

}  // namespace

Pace::Pace(const PaceLimits& limits, Timer& timer)
    : limits_(limits),
      timer_(timer),
      bytes_(limits.first_bytes),
      in_flight_limit_(limits.most_in_flight),
      tokens_(limits.points_per_second * kBurstSeconds),
      filled_(timer.now()) {}

int64_t Pace::request_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

int Pace::in_flight_limit() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(in_flight_limit_);
}

bool Pace::try_enter() {
  const std::lock_guard lock(mutex_);
  if (in_flight_ >= static_cast<int>(in_flight_limit_)) {
    return false;
  }
  ++in_flight_;
  return true;
}

Status Pace::spend(int64_t points, const StopToken& stop) {
  if (limits_.points_per_second <= 0) {
    return Status::OK();
  }
  for (;;) {
    Milliseconds wait{0};
    {
      const std::lock_guard lock(mutex_);
      const auto now = timer_.now();
      const double passed = std::chrono::duration<double>(now - filled_).count();
      filled_ = now;
      tokens_ = std::min(tokens_ + passed * limits_.points_per_second,
                         limits_.points_per_second * kBurstSeconds);
      // Any amount may start once there is one token: a debt makes the next one wait.
      if (tokens_ >= 1) {
        tokens_ -= static_cast<double>(points);
        return Status::OK();
      }
      wait = Milliseconds(
          static_cast<int64_t>(std::ceil((1 - tokens_) / limits_.points_per_second * 1000)));
    }
    ARROW_RETURN_NOT_OK(timer_.pause(wait, stop));
  }
}

Status Pace::enter(int64_t points, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(spend(points, stop));
  while (!try_enter()) {
    ARROW_RETURN_NOT_OK(timer_.pause(kWait, stop));
  }
  return Status::OK();
}

void Pace::slow_down() {
  bytes_ = std::max(limits_.least_bytes, bytes_ / 2);
  in_flight_limit_ = std::max(1.0, in_flight_limit_ / 2);
}

void Pace::leave(Milliseconds latency, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  if (latency >= limits_.slow) {
    slow_down();
    return;
  }
  // Only a request that used what it was given shows that more is possible.
  if (bytes * 2 >= bytes_) {
    bytes_ = std::min(limits_.most_bytes, bytes_ + limits_.least_bytes);
  }
  in_flight_limit_ = std::min(static_cast<double>(limits_.most_in_flight), in_flight_limit_ + 0.25);
}

void Pace::leave_failed(const Attempt& attempt) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  if (failure_of(attempt.status).retryable) {
    slow_down();
  }
}

}  // namespace vecferry::remote
