#include "vecferry/pipeline/copy.h"

#include <algorithm>
#include <mutex>

#include "vecferry/pipeline/lane_pool.h"
#include "vecferry/pipeline/prefetch_reader.h"

namespace vecferry {
namespace {

constexpr int64_t kBatchesPerLane = 3;
constexpr int64_t kSmallestShare = int64_t{64} << 10;

Source with_batch_bytes(const Source& source, int64_t bytes) {
  Source copy = copy_of(source);
  copy.batch_bytes = bytes;
  return copy;
}

}  // namespace

int64_t batch_bytes_for(int64_t memory_bytes, int lanes, int64_t wanted) {
  const int64_t share = memory_bytes / (std::max(lanes, 1) * kBatchesPerLane);
  return std::min(wanted, std::max(kSmallestShare, share));
}

Result<CopyOutcome> copy_points(const Source& source, const std::vector<IdRange>& ranges,
                                Backend& target, std::string_view collection,
                                const CopyLimits& limits, LaneObserver& observer,
                                Progress& progress, StopToken stop) {
  const int lanes = std::min(limits.lanes, static_cast<int>(ranges.size()));
  int64_t wanted =
      std::min(source.backend->capabilities().batch_bytes, target.capabilities().batch_bytes);
  if (source.batch_bytes > 0) {
    wanted = std::min(wanted, source.batch_bytes);
  }
  const Source sized =
      with_batch_bytes(source, batch_bytes_for(limits.memory_bytes, lanes, wanted));
  CopyOutcome outcome;
  std::mutex mutex;
  const uint64_t bytes_before = progress.bytes;
  ARROW_RETURN_NOT_OK(run_side_by_side(
      ranges.size(), lanes, stop, [&](size_t index, const StopToken& lane_stop) -> Status {
        // The reader below has a stop of its own, so that closing it early never waits.
        auto reader_stop = std::make_shared<arrow::StopSource>();
        ARROW_ASSIGN_OR_RAISE(auto inner, open_source(sized, ranges[index], reader_stop->token()));
        ARROW_ASSIGN_OR_RAISE(auto writer, target.open_writer(collection, lane_stop));
        Lane lane{
            .range = ranges[index],
            .reader = std::make_unique<PrefetchReader>(std::move(inner), reader_stop, lane_stop),
            .writer = writer.get(),
            .policy = limits.checkpoint};
        Status status = run_lane(lane, observer, progress, lane_stop);
        if (!status.ok() && ranges.size() > 1) {
          status = widen(status, "range " + std::to_string(index + 1) + " of " +
                                     std::to_string(ranges.size()) + " (" +
                                     to_string(ranges[index]) + ")");
        }
        ARROW_RETURN_NOT_OK(status);
        const std::lock_guard lock(mutex);
        outcome.digest.merge(lane.digest);
        for (const auto& [name, count] : lane.reader->counts()) {
          outcome.counts[name] += count;
        }
        return Status::OK();
      }));
  outcome.bytes = progress.bytes - bytes_before;
  return outcome;
}

}  // namespace vecferry
