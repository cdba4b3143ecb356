#include "vecferry/engine/shard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/cancel.h"
#include "tests/support/points.h"
#include "tests/support/temp_dir.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using engine::ScanRequest;
using engine::Shard;
using testing::Generator;
using testing::TempDir;
using testing::TestPoint;

CollectionConfig plain_config(uint32_t dim = 2) {
  return default_config({{.dim = dim, .distance = Distance::kDot}});
}

std::vector<TestPoint> plain_points(uint64_t count) {
  std::vector<TestPoint> points;
  for (uint64_t n = 0; n < count; ++n) {
    points.push_back({.id = PointId::of(n),
                      .vectors = {{"", testing::dense({static_cast<float>(n), 1.0F})}},
                      .payload = "{\"n\":" + std::to_string(n) + "}"});
  }
  return points;
}

std::unique_ptr<Shard> make(const TempDir& dir, const CollectionConfig& config, bool wal = false) {
  return Shard::create(dir.path() / "shard", config, {.wal = wal}).ValueOrDie();
}

// All pages of a scan; each is checked as a batch from outside would be.
std::vector<TestPoint> read_all(const Shard& shard, ScanRequest request = {}) {
  std::vector<TestPoint> points;
  for (;;) {
    const auto page = shard.scan(request).ValueOrDie();
    testing::must(validate_points(*page.points));
    const auto more = testing::to_points(*page.points);
    points.insert(points.end(), more.begin(), more.end());
    if (!page.next) {
      return points;
    }
    request.range.from = page.next;
  }
}

// In order, and bit by bit.
void expect_same(const std::vector<TestPoint>& got, const std::vector<TestPoint>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  int shown = 0;
  for (size_t i = 0; i < got.size() && shown < 5; ++i) {
    shown += got[i] == expected[i] ? 0 : 1;
    EXPECT_TRUE(got[i] == expected[i])
        << "got " << testing::to_string(got[i]) << "\nof  " << testing::to_string(expected[i]);
  }
}

ErrorKind kind_of_error(const Status& status) {
  EXPECT_FALSE(status.ok());
  return status.ok() ? ErrorKind::kInternal : kind_of(status);
}

void expect_round_trip(const CollectionConfig& config, const std::vector<TestPoint>& points) {
  const TempDir dir;
  {
    const auto shard = make(dir, config);
    const auto batch = testing::to_batch(config, points);
    // In pieces: a slice's offset must be seen on the other side.
    for (int64_t row = 0; row < batch->num_rows(); row += 77) {
      ASSERT_TRUE(shard->upsert(*batch->Slice(row, 77)).ok());
    }
    expect_same(read_all(*shard), points);
    ASSERT_TRUE(shard->close().ok());
  }
  const auto shard = Shard::open(dir.path() / "shard", config, {.wal = true}).ValueOrDie();
  expect_same(read_all(*shard), points);
  expect_same(read_all(*shard, {.byte_limit = 5000}), points);
  expect_same(read_all(*shard, {.row_limit = 13}), points);
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), points.size());
}

TEST(Shard, GivesBackEveryKindOfPointBitByBit) {
  Generator generator(20261123);
  const auto config = Generator::every_kind();
  expect_round_trip(config, generator.points(config, 500));
}

TEST(Shard, GivesBackNumbersThatAreNotFinite) {
  Generator generator(7);
  auto vectors = Generator::every_kind().vectors;
  for (auto& spec : vectors) {
    // Normalising makes all of a Cosine vector NaN or zero when one number is not finite.
    spec.distance = spec.distance == Distance::kCosine ? Distance::kEuclid : spec.distance;
  }
  const auto config = default_config(vectors);
  expect_round_trip(config, generator.points(config, 500, {.non_finite = true}));
}

TEST(Shard, HasTheColumnsOfThePointsSchema) {
  const TempDir dir;
  const auto config = Generator::every_kind();
  const auto shard = make(dir, config);
  const auto page = shard->scan({}).ValueOrDie();
  const auto expected = points_schema(config).ValueOrDie();
  EXPECT_TRUE(page.points->schema()->Equals(*expected->RemoveMetadata(), /*check_metadata=*/true))
      << page.points->schema()->ToString(true) << expected->ToString(true);
  EXPECT_EQ(page.points->num_rows(), 0);
  EXPECT_FALSE(page.next);
}

TEST(Shard, SaysWhatItHolds) {
  const TempDir dir;
  auto config = Generator::every_kind();
  config.payload_indexes = {
      {.path = "a", .schema_json = "\"keyword\""},
      {.path = "b.c", .schema_json = R"({"type":"integer","range":true,"lookup":false})"}};
  const auto shard = make(dir, config);
  const auto held = shard->config().ValueOrDie();
  EXPECT_EQ(held.vectors, config.vectors);
  ASSERT_EQ(held.payload_indexes.size(), 2U);
  EXPECT_EQ(held.payload_indexes[1].path, "b.c");
  ASSERT_TRUE(shard->delete_index("a").ok());
  ASSERT_TRUE(shard->create_index({.path = "z", .schema_json = "\"float\""}).ok());
  EXPECT_EQ(shard->config().ValueOrDie().payload_indexes[1].path, "z");
  EXPECT_EQ(kind_of_error(shard->create_index({.path = "z z", .schema_json = "\"float\""})),
            ErrorKind::kUsage);
  EXPECT_NE(engine::engine_version().find("qdrant-edge"), std::string::npos);
}

TEST(Shard, ReadsRangesFiltersAndChosenColumns) {
  const TempDir dir;
  const auto shard = make(dir, plain_config());
  const auto points = plain_points(100);
  ASSERT_TRUE(shard->upsert(*testing::to_batch(plain_config(), points)).ok());

  const auto some = read_all(*shard, {.range = {.from = PointId::of(10), .to = PointId::of(13)}});
  ASSERT_EQ(some.size(), 3U);
  EXPECT_EQ(some[0], points[10]);

  const auto filter = Filter::parse("n >= 90").ValueOrDie();
  EXPECT_EQ(shard->count(filter.get()).ValueOrDie(), 10U);
  const auto found = read_all(*shard, {.row_limit = 3, .filter = filter.get(), .vectors = {{}}});
  ASSERT_EQ(found.size(), 10U);
  EXPECT_TRUE(found[0].vectors.empty());
  EXPECT_EQ(found[0].payload, "{\"n\":90}");
  EXPECT_EQ(read_all(*shard, {.payload = false})[5].payload, "");
  EXPECT_EQ(kind_of_error(shard->scan({.vectors = {{"x"}}}).status()), ErrorKind::kNotFound);

  auto ids = shard->sample_ids(filter.get(), 1000).ValueOrDie();
  std::sort(ids.begin(), ids.end());
  ASSERT_EQ(ids.size(), 10U);
  EXPECT_EQ(ids[0], PointId::of(90));

  const std::vector<PointId> wanted = {PointId::of(7), PointId::of(5), PointId::of(777)};
  const auto known = testing::to_points(*shard->retrieve(wanted).ValueOrDie());
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0], points[5]);
}

TEST(Shard, WritesAndAnswersInQdrantsForm) {
  const TempDir dir;
  const auto shard = make(dir, plain_config(), true);
  ASSERT_TRUE(shard->upsert(*testing::to_batch(plain_config(), plain_points(10))).ok());
  const std::vector<PointId> gone = {PointId::of(9), PointId::of(uint64_t{1} << 60)};
  ASSERT_TRUE(shard->remove(gone).ok());
  ASSERT_TRUE(shard->apply(R"({"set_payload":{"payload":{"a":1.0},"points":[8]}})").ok());
  ASSERT_TRUE(shard->flush().ok());
  const auto answer =
      shard->query(R"({"query":[1.0,0.0],"limit":1,"with_payload":true})").ValueOrDie();
  EXPECT_NE(answer.find(R"("id":8)"), std::string::npos) << answer;
  EXPECT_NE(answer.find(R"("payload":{"a":1.0,"n":8})"), std::string::npos) << answer;
  EXPECT_NE(shard->info().ValueOrDie().find(R"("points_count":9)"), std::string::npos);
  ASSERT_TRUE(shard->create_index({.path = "n", .schema_json = "\"integer\""}).ok());
  EXPECT_NE(shard->facet(R"({"key":"n","limit":1})").ValueOrDie().find("\"count\":1"),
            std::string::npos);
}

TEST(Shard, RefusesWhatDoesNotFitAndSaysWhere) {
  const TempDir dir;
  const auto shard = make(dir, plain_config());
  const auto wrong = plain_config(3);
  const TestPoint point{.id = PointId::of(1), .vectors = {{"", testing::dense({1, 2, 3})}}};
  const Status refused = shard->upsert(*testing::to_batch(wrong, {point}));
  EXPECT_EQ(kind_of_error(refused), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(refused).where.find("shard"), std::string::npos);
  EXPECT_EQ(kind_of_error(shard->query("{").status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of_error(shard->query(R"({"query":5})").status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of_error(shard->apply(R"({"x":{}})")), ErrorKind::kUsage);
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), 0U);
}

TEST(Shard, OpensAFolderOnceAndClosesForGood) {
  const TempDir dir;
  const auto folder = dir.path() / "shard";
  EXPECT_EQ(kind_of_error(Shard::open(folder, {}).status()), ErrorKind::kNotFound);
  auto shard = make(dir, plain_config());
  EXPECT_EQ(kind_of_error(Shard::create(folder, plain_config(), {}).status()), ErrorKind::kExists);
  const Status busy = Shard::open(folder, {}).status();
  EXPECT_EQ(kind_of_error(busy), ErrorKind::kConflict);
  EXPECT_TRUE(failure_of(busy).retryable);
  ASSERT_TRUE(shard->close().ok());
  EXPECT_EQ(kind_of_error(shard->flush()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of_error(shard->scan({}).status()), ErrorKind::kUsage);
  EXPECT_TRUE(shard->close().ok());
  EXPECT_TRUE(Shard::open(folder, {}).ok());
}

TEST(Shard, IsReadByManyThreadsWhileOneWrites) {
  const TempDir dir;
  const auto shard = make(dir, plain_config());
  const auto batch = testing::to_batch(plain_config(), plain_points(2000));
  ASSERT_TRUE(shard->upsert(*batch->Slice(0, 1000)).ok());
  std::atomic<int> failures = 0;
  constexpr int kReaders = 3;
  std::vector<std::thread> readers;
  readers.reserve(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      const auto points = read_all(*shard, {.row_limit = 100});
      const bool ascending = std::is_sorted(
          points.begin(), points.end(),
          [](const TestPoint& left, const TestPoint& right) { return left.id < right.id; });
      failures += points.size() < 1000 || !ascending ? 1 : 0;
    });
  }
  for (int64_t row = 1000; row < 2000; row += 50) {
    EXPECT_TRUE(shard->upsert(*batch->Slice(row, 50)).ok());
  }
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), 2000U);
}

TEST(Shard, StopsOptimisingWhenToldTo) {
  const TempDir dir;
  const auto shard = make(dir, plain_config());
  ASSERT_TRUE(shard->upsert(*testing::to_batch(plain_config(), plain_points(100))).ok());
  uint64_t last = 0;
  ASSERT_TRUE(shard
                  ->optimise([&](uint64_t /*done*/, uint64_t total) { last = total; },
                             StopToken::Unstoppable())
                  .ok());
  EXPECT_EQ(last, 100U);

  // A stop that came before anything was begun, or while it ran, shows as kCancelled; there may be
  // so little to do that it comes too late.
  arrow::StopSource source;
  source.RequestStop();
  const Status status = shard->optimise({}, source.token());
  EXPECT_TRUE(status.ok() || kind_of(status) == ErrorKind::kCancelled) << status.ToString();
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), 100U);
}

}  // namespace
}  // namespace vecferry
