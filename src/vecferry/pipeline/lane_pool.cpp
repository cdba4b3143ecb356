#include "vecferry/pipeline/lane_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace vecferry {
namespace {

constexpr auto kStopPollInterval = std::chrono::milliseconds(50);

}  // namespace

Status run_side_by_side(size_t count, int threads, const StopToken& stop,
                        const std::function<Status(size_t, const StopToken&)>& work) {
  arrow::StopSource inner;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable ended;
  size_t running = std::min(count, static_cast<size_t>(std::max(threads, 1)));  // guarded by mutex
  Status first;                                                                 // guarded by mutex

  const auto worker = [&] {
    for (size_t index = next++; index < count && !inner.token().IsStopRequested(); index = next++) {
      const Status status = work(index, inner.token());
      if (!status.ok()) {
        const std::lock_guard lock(mutex);
        if (first.ok()) {
          first = status;
        }
        inner.RequestStop();
      }
    }
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_all();
  };

  std::vector<std::jthread> pool;
  for (size_t i = running; i > 0; --i) {
    pool.emplace_back(worker);
  }
  {
    // A stop token calls nobody back, so the caller's is polled and handed on.
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kStopPollInterval, [&] { return running == 0; })) {
      if (stop.IsStopRequested()) {
        inner.RequestStop();
      }
    }
  }
  pool.clear();
  ARROW_RETURN_NOT_OK(first);
  return poll(stop);
}

}  // namespace vecferry
