#pragma once

#include <atomic>
#include <cstdint>

namespace vecferry {

/// What a person is told while work goes on.
enum class Phase { kBackingUp, kFetching, kCopying, kFinishing, kVerifying, kComparing };

/// Counters that lanes bump and the front end samples; no callback in the hot path.
/// Thread: safe for concurrent use.
struct Progress {
  std::atomic<Phase> phase{Phase::kCopying};
  std::atomic<uint64_t> points{0};    ///< points done in this phase
  std::atomic<uint64_t> bytes{0};     ///< bytes of batches done in this phase
  std::atomic<uint64_t> expected{0};  ///< points in this phase; 0: not known

  void begin(Phase next, uint64_t expected_points) {
    points = 0;
    bytes = 0;
    expected = expected_points;
    phase = next;
  }
};

}  // namespace vecferry
