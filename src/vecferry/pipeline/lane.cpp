#include "vecferry/pipeline/lane.h"

#include <chrono>

#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

class CheckpointClock {
 public:
  explicit CheckpointClock(CheckpointPolicy policy) : policy_(policy) {}

  bool due(int64_t written_bytes) {
    bytes_ += written_bytes;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last_);
    if (bytes_ < policy_.bytes && age.count() < policy_.interval_ms) {
      return false;
    }
    bytes_ = 0;
    last_ = Clock::now();
    return true;
  }

 private:
  CheckpointPolicy policy_;
  int64_t bytes_ = 0;
  Clock::time_point last_ = Clock::now();
};

}  // namespace

Status run_lane(Lane& lane, LaneObserver& observer, Progress& progress, const StopToken& stop) {
  CheckpointClock clock(lane.policy);
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(lane.reader->ReadNext(&batch));
    if (batch == nullptr) {
      break;
    }
    ARROW_RETURN_NOT_OK(digest_batch(*batch, &lane.digest, nullptr));
    ARROW_RETURN_NOT_OK(lane.writer->upsert(*batch));
    const int64_t bytes = batch_bytes(*batch);
    progress.points += static_cast<uint64_t>(batch->num_rows());
    progress.bytes += static_cast<uint64_t>(bytes);
    if (clock.due(bytes)) {
      ARROW_RETURN_NOT_OK(lane.writer->checkpoint());  // data first, then the claim about it
      ARROW_RETURN_NOT_OK(observer.durable(lane.range, lane.reader->cursor(), lane.digest));
    }
  }
  ARROW_RETURN_NOT_OK(lane.writer->checkpoint());
  return observer.finished(lane.range, lane.digest);
}

}  // namespace vecferry
