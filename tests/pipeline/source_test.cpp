#include "vecferry/pipeline/source.h"

#include <gtest/gtest.h>

#include "arrow/record_batch.h"
#include "tests/pipeline/support_internal.h"
#include "tests/support/faulty_backend.h"
#include "vecferry/pipeline/prefetch_reader.h"
#include "vecferry/transform/select_payload.h"

namespace vecferry {
namespace {

using testing::Filled;
using testing::must;
using testing::TestPoint;

std::vector<TestPoint> drain(PointReader& reader) {
  std::vector<TestPoint> points;
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> batch;
    must(reader.ReadNext(&batch));
    if (batch == nullptr) {
      return points;
    }
    const auto some = testing::to_points(*batch);
    points.insert(points.end(), some.begin(), some.end());
  }
}

TEST(Source, GivesAllPointsInOrder) {
  const Filled filled(1, 200);
  const auto reader = open_source(filled.source(), {}, StopToken::Unstoppable()).ValueOrDie();
  EXPECT_EQ(drain(*reader), filled.points);
}

TEST(Source, LimitCutsWithinABatch) {
  const Filled filled(2, 200);
  for (const uint64_t limit : {0, 1, 37, 200, 500}) {
    Source source = filled.source();
    source.limit = limit;
    const auto reader = open_source(source, {}, StopToken::Unstoppable()).ValueOrDie();
    const auto count = std::min<size_t>(limit, filled.points.size());
    EXPECT_EQ(drain(*reader),
              std::vector<TestPoint>(filled.points.begin(),
                                     filled.points.begin() + static_cast<std::ptrdiff_t>(count)));
  }
}

TEST(Source, TransformsApplyAndAreCounted) {
  const Filled filled(3, 50);
  Source source = filled.source();
  source.transforms.push_back(keep_payload({"nothing_has_this_key"}).ValueOrDie());
  const auto reader = open_source(source, {}, StopToken::Unstoppable()).ValueOrDie();
  for (const auto& point : drain(*reader)) {
    EXPECT_EQ(point.payload, "");
  }
}

TEST(Source, ALimitNeedsOneRange) {
  const Filled filled(4, 300);
  Source source = filled.source();
  EXPECT_GT(plan_ranges(source, 4, StopToken::Unstoppable()).ValueOrDie().size(), 1U);
  source.limit = 10;
  EXPECT_EQ(plan_ranges(source, 4, StopToken::Unstoppable()).ValueOrDie().size(), 1U);
}

std::unique_ptr<PrefetchReader> prefetched(const Source& source, const StopToken& stop) {
  auto inner_stop = std::make_shared<arrow::StopSource>();
  auto inner = open_source(source, {}, inner_stop->token()).ValueOrDie();
  return std::make_unique<PrefetchReader>(std::move(inner), inner_stop, stop);
}

TEST(PrefetchReader, GivesTheSamePoints) {
  const Filled filled(5, 200);
  const auto reader = prefetched(filled.source(), StopToken::Unstoppable());
  EXPECT_EQ(drain(*reader), filled.points);
  std::shared_ptr<arrow::RecordBatch> batch;
  must(reader->ReadNext(&batch));
  EXPECT_EQ(batch, nullptr) << "the end stays the end";
}

// The cursor speaks of what was handed out, not of what was read ahead.
TEST(PrefetchReader, CursorIsTheCallersPlace) {
  const Filled filled(6, 200);
  const Source source = filled.source();
  const auto reader = prefetched(source, StopToken::Unstoppable());
  std::vector<TestPoint> points;
  for (int i = 0; i < 3; ++i) {
    std::shared_ptr<arrow::RecordBatch> batch;
    must(reader->ReadNext(&batch));
    ASSERT_NE(batch, nullptr);
    const auto some = testing::to_points(*batch);
    points.insert(points.end(), some.begin(), some.end());
  }
  const auto rest = open_source(source, reader->cursor(), StopToken::Unstoppable()).ValueOrDie();
  const auto more = drain(*rest);
  points.insert(points.end(), more.begin(), more.end());
  EXPECT_EQ(points, filled.points);
}

TEST(PrefetchReader, CanBeClosedEarly) {
  const Filled filled(7, 200);
  const auto reader = prefetched(filled.source(), StopToken::Unstoppable());
  std::shared_ptr<arrow::RecordBatch> batch;
  must(reader->ReadNext(&batch));
  EXPECT_NE(batch, nullptr);
}

TEST(PrefetchReader, PassesErrorsOn) {
  const Filled filled(8, 200);
  testing::Faults faults;
  faults.fail_on(testing::Call::kReadNext, 3,
                 fail({.kind = ErrorKind::kCorrupt, .what = "page 3 is damaged"}));
  testing::FaultyBackend faulty(*filled.backend, faults);
  Source source = filled.source();
  source.backend = &faulty;
  const auto reader = prefetched(source, StopToken::Unstoppable());
  std::shared_ptr<arrow::RecordBatch> batch;
  must(reader->ReadNext(&batch));
  must(reader->ReadNext(&batch));
  EXPECT_EQ(kind_of(reader->ReadNext(&batch)), ErrorKind::kCorrupt);
}

TEST(PrefetchReader, AStopEndsTheWait) {
  const Filled filled(9, 200);
  testing::Faults faults;
  faults.stall_on(testing::Call::kReadNext, 2);
  testing::FaultyBackend faulty(*filled.backend, faults);
  Source source = filled.source();
  source.backend = &faulty;
  arrow::StopSource stop;
  const auto reader = prefetched(source, stop.token());
  std::shared_ptr<arrow::RecordBatch> batch;
  must(reader->ReadNext(&batch));
  faults.wait_until_stalled();
  stop.RequestStop();
  EXPECT_EQ(kind_of(reader->ReadNext(&batch)), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
