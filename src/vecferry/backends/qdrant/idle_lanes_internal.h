#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "vecferry/backends/qdrant/grpc_lane_internal.h"

namespace vecferry::remote {

class IdleLanes;

/// Puts a lane back where it was taken.
class PutBack {
 public:
  PutBack() = default;
  explicit PutBack(std::shared_ptr<IdleLanes> idle) : idle_(std::move(idle)) {}
  void operator()(GrpcLane* lane) const;

 private:
  std::shared_ptr<IdleLanes> idle_;
};

/// A lane that goes back when it is no longer needed.
using BorrowedLane = std::unique_ptr<GrpcLane, PutBack>;

/// Open channels that nobody uses: the reader of one range takes over that of the range before.
/// Thread: safe for concurrent use.
class IdleLanes : public std::enable_shared_from_this<IdleLanes> {
 public:
  using Open = std::function<Result<std::unique_ptr<GrpcLane>>()>;
  explicit IdleLanes(Open open) : open_(std::move(open)) {}

  /// An idle one, else a new one. Errors: those of opening.
  Result<BorrowedLane> take();

 private:
  friend class PutBack;
  void put(std::unique_ptr<GrpcLane> lane);

  Open open_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<GrpcLane>> lanes_;  // guarded by mutex_
};

}  // namespace vecferry::remote
