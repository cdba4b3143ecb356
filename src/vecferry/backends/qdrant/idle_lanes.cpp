#include "vecferry/backends/qdrant/idle_lanes_internal.h"

namespace vecferry::remote {
namespace {

constexpr size_t kMostIdle = 16;

}  // namespace

void PutBack::operator()(GrpcLane* lane) const {
  idle_->put(std::unique_ptr<GrpcLane>(lane));
}

Result<BorrowedLane> IdleLanes::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!lanes_.empty()) {
      auto lane = std::move(lanes_.back());
      lanes_.pop_back();
      return BorrowedLane(lane.release(), PutBack(shared_from_this()));
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto lane, open_());
  return BorrowedLane(lane.release(), PutBack(shared_from_this()));
}

void IdleLanes::put(std::unique_ptr<GrpcLane> lane) {
  if (lane->broken()) {
    return;  // a new one connects at once, this one only after its pause
  }
  const std::lock_guard lock(mutex_);
  if (lanes_.size() < kMostIdle) {
    lanes_.push_back(std::move(lane));
  }
}

}  // namespace vecferry::remote
