#pragma once

#include <atomic>
#include <optional>
#include <thread>

#include "vecferry/base/error.h"

namespace vecferry {

/// Turns the first SIGINT or SIGTERM into a stop request and the second into an exit at once, which
/// is as safe as kill -9. Make it before any thread starts.
class SignalWatcher {
 public:
  SignalWatcher();
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  StopToken token() { return source_.token(); }
  /// 130 or 143 once a signal came.
  std::optional<int> exit_code() const;

 private:
  void run();

  arrow::StopSource source_;
  std::atomic<int> signal_{0};
  std::atomic<bool> closing_{false};
  std::jthread thread_;
};

}  // namespace vecferry
