#pragma once

#include <vector>

#include "vecferry/backends/qdrant/retry_internal.h"

namespace vecferry::testing {

/// Time that passes only in pauses.
class FakeTimer : public remote::Timer {
 public:
  remote::Clock::time_point now() override { return now_; }
  Status pause(remote::Milliseconds length, const StopToken& stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    now_ += length;
    pauses.push_back(length);
    return Status::OK();
  }
  void pass(remote::Milliseconds length) { now_ += length; }

  std::vector<remote::Milliseconds> pauses{};

 private:
  remote::Clock::time_point now_{};
};

}  // namespace vecferry::testing
