#include "vecferry/pipeline/row_choices.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "tests/pipeline/support_internal.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using testing::Filled;
using testing::Generator;
using testing::TestPoint;

std::vector<TestPoint> kept(const RowChoice& choice,
                            const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto result = choice.keep(batch).ValueOrDie();
  testing::must(validate_points(*result));
  return testing::to_points(*result);
}

IdList ids_of(const std::vector<TestPoint>& points) {
  std::vector<PointId> ids;
  for (const auto& point : points) {
    ids.push_back(point.id);
  }
  std::sort(ids.begin(), ids.end());
  return std::make_shared<const std::vector<PointId>>(std::move(ids));
}

TEST(RowChoices, PartsCoverEveryPointOnce) {
  Generator generator(11);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 300, {.shard_keys = true});
  const auto batch = testing::to_batch(config, points)->Slice(7);
  std::vector<TestPoint> all;
  for (uint32_t part = 0; part < 5; ++part) {
    const auto some = kept(*choose_part(5, part), batch);
    EXPECT_GT(some.size(), 20U);
    for (const auto& point : some) {
      const auto key = point.shard_key ? std::optional<std::string_view>(*point.shard_key)
                                       : std::optional<std::string_view>();
      EXPECT_EQ(part_of(point.id, key, 5), part);
    }
    all.insert(all.end(), some.begin(), some.end());
  }
  EXPECT_EQ(testing::map_of(all), testing::map_of({points.begin() + 7, points.end()}));
}

// The deal is a promise: `split --parts` today and next year put a point into the same part.
TEST(RowChoices, TheDealIsPinned) {
  const auto uuid = parse_uuid("0123456789abcdef0123456789abcdef").value();
  EXPECT_EQ(part_of(PointId::of(uint64_t{0}), std::nullopt, 1'000'000), 527897U);
  EXPECT_EQ(part_of(PointId::of(uint64_t{1}), std::nullopt, 1'000'000), 460078U);
  EXPECT_EQ(part_of(PointId::of(uuid), std::nullopt, 1'000'000), 921551U);
  EXPECT_EQ(part_of(PointId::of(uint64_t{1}), "europe", 1'000'000), 156936U);
}

TEST(RowChoices, PartsAreEvenForIdsInARow) {
  std::vector<int> sizes(7);
  for (uint64_t id = 0; id < 70'000; ++id) {
    ++sizes[part_of(PointId::of(id), std::nullopt, 7)];
  }
  for (const int size : sizes) {
    EXPECT_NEAR(size, 10'000, 400);
  }
}

TEST(RowChoices, ListedIdsAreKeptOrLeftOut) {
  Generator generator(12);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 200);
  const auto batch = testing::to_batch(config, points);
  std::vector<TestPoint> listed;
  std::vector<TestPoint> others;
  for (const auto& point : points) {
    (generator.chance(3) ? listed : others).push_back(point);
  }
  EXPECT_EQ(kept(*choose_ids(ids_of(listed), Listed::kKept), batch), listed);
  EXPECT_EQ(kept(*choose_ids(ids_of(listed), Listed::kLeftOut), batch), others);
}

TEST(RowChoices, WhatIsWantedWholeIsNotCopied) {
  Generator generator(13);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 50);
  const auto batch = testing::to_batch(config, points);
  EXPECT_EQ(choose_ids(ids_of({}), Listed::kLeftOut)->keep(batch).ValueOrDie(), batch);
  EXPECT_EQ(choose_ids(ids_of({}), Listed::kKept)->keep(batch).ValueOrDie()->num_rows(), 0);
  const auto piece = take_rows(batch, {3, 4, 5}).ValueOrDie();
  EXPECT_EQ(piece->column(0)->data()->buffers[1], batch->column(0)->data()->buffers[1]);
}

TEST(RowChoices, TakenRowsAreTheRows) {
  Generator generator(14);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 60, {.shard_keys = true});
  const auto batch = testing::to_batch(config, points);
  const auto taken = testing::to_points(*take_rows(batch, {40, 3, 3, 59}).ValueOrDie());
  EXPECT_EQ(taken, (std::vector<TestPoint>{points[40], points[3], points[3], points[59]}));
}

TEST(RowChoices, ASourceGivesOnlyChosenRowsInEveryRange) {
  const Filled filled(15, 400);
  Source source = filled.source();
  source.rows = choose_part(2, 1);
  const auto all = std::accumulate(
      filled.points.begin(), filled.points.end(), uint64_t{0},
      [](uint64_t sum, const auto& p) { return sum + part_of(p.id, std::nullopt, 2); });
  uint64_t count = 0;
  for (const auto& range : plan_ranges(source, 3, StopToken::Unstoppable()).ValueOrDie()) {
    auto reader = open_source(source, range, StopToken::Unstoppable()).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    while (reader->ReadNext(&batch).ok() && batch != nullptr) {
      EXPECT_GT(batch->num_rows(), 0);
      count += static_cast<uint64_t>(batch->num_rows());
    }
  }
  EXPECT_EQ(count, all);
}

}  // namespace
}  // namespace vecferry
