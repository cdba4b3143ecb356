#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "vecferry/backend/backend.h"

/// A place seen through a meter, for `bench`.
namespace vecferry {

/// What passed between a place and this program, and when it was told to finish.
/// Thread: `bytes` may be read at any time; the rest once the work is over.
struct Meter {
  using Clock = std::chrono::steady_clock;

  std::atomic<uint64_t> bytes{0};  ///< of batches and shard files, both ways; no framing
  std::optional<Clock::time_point> finish_began{};
  std::optional<Clock::time_point> finish_ended{};
  uint64_t bytes_at_finish = 0;  ///< when it ended: what came after was the proof
};

/// `place`, with what passes counted. Thread: as the place.
/// `place` and `meter` outlive it, its readers, its writers and its shard store.
std::unique_ptr<Backend> metered(Backend& place, Meter& meter);

}  // namespace vecferry
