#include "vecferry/backends/local/local_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <thread>

#include "arrow/record_batch.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;
using testing::dense;
using ::testing::ElementsAre;
using testing::fill;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::map_of;
using ::testing::Not;
using testing::read_all;
using testing::same_points;
using testing::TempDir;
using testing::TestPoint;
using testing::to_batch;

const StopToken kGo = StopToken::Unstoppable();

CollectionConfig small_config() {
  return default_config({{.dim = 4, .distance = Distance::kDot}});
}

TestPoint small_point(uint64_t id, std::string payload = "") {
  const auto value = static_cast<float>(id);
  return {.id = PointId::of(id),
          .vectors = {{"", dense({value, value + 0.25F, -value, 1})}},
          .payload = std::move(payload)};
}

std::vector<TestPoint> small_points(uint64_t count) {
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < count; ++id) {
    points.push_back(small_point(id, "{\"n\":" + std::to_string(id) + "}"));
  }
  return points;
}

class Local : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> open(LocalOptions options = {}) const {
    return open_local(dir_.path() / "place", std::move(options)).ValueOrDie();
  }
  fs::path place() const { return dir_.path() / "place"; }

  void fill_small(Backend& backend, const std::string& name, uint64_t count = 10) {
    const Status status = fill(backend, name, small_config(), small_points(count));
    ASSERT_TRUE(status.ok()) << status;
  }

 private:
  TempDir dir_;
};

TEST_F(Local, KeepsPointsOfEveryKindOverAReopen) {
  testing::Generator generator(7);
  const auto config = testing::Generator::every_kind();
  const auto points = generator.points(config, 500);
  {
    const auto backend = open();
    const Status status = fill(*backend, "all", config, points);
    ASSERT_TRUE(status.ok()) << status;
    const auto read = read_all(*backend, "all");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(same_points(map_of(points), *read));
  }
  const auto backend = open();
  const auto read = read_all(*backend, "all");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(same_points(map_of(points), *read));
  EXPECT_EQ(to_json(*backend->describe("all", kGo)), to_json(config));
}

TEST_F(Local, KeepsTheBitsOfNanAndInfinities) {
  std::vector<VectorSpec> specs;
  for (const auto distance : {Distance::kDot, Distance::kEuclid, Distance::kManhattan}) {
    for (const auto element : {ElementType::kFloat32, ElementType::kFloat16}) {
      specs.push_back({.name = std::string(to_string(distance)) + std::string(to_string(element)),
                       .element = element,
                       .dim = 5,
                       .distance = distance});
    }
  }
  specs.push_back({.name = "sparse", .kind = VectorKind::kSparse, .distance = Distance::kDot});
  const auto config = default_config(specs);
  testing::Generator generator(11);
  const auto points = generator.points(config, 200, {.non_finite = true});
  const auto backend = open();
  ASSERT_TRUE(backend->capabilities().non_finite);
  const Status status = fill(*backend, "odd", config, points);
  ASSERT_TRUE(status.ok()) << status;
  const auto read = read_all(*backend, "odd");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(same_points(map_of(points), *read));
}

TEST_F(Local, BatchesAreSizedByBytesAndCarryTheConfiguration) {
  const auto backend = open();
  fill_small(*backend, "a", 2000);
  const auto batches = testing::read_batches(*backend, "a", {.batch_bytes = 16 << 10});
  ASSERT_TRUE(batches.ok()) << batches.status();
  ASSERT_GT(batches->size(), 3u);
  for (const auto& batch : *batches) {
    EXPECT_LE(batch_bytes(*batch), 24 << 10);
    EXPECT_EQ(to_json(*config_of(*batch->schema())), to_json(small_config()));
  }
}

TEST_F(Local, AReaderGoesOnFromTheCursorOfAnother) {
  const auto backend = open();
  fill_small(*backend, "a", 1000);
  const ScanOptions options{
      .range = {.from = PointId::of(uint64_t{100}), .to = PointId::of(uint64_t{900})},
      .batch_bytes = 8 << 10};
  const auto first = backend->open_reader("a", options, kGo).ValueOrDie();
  EXPECT_EQ(first->cursor(), options.range);
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(first->ReadNext(&batch).ok());
  ScanOptions rest = options;
  rest.range = first->cursor();
  EXPECT_EQ(rest.range.from->number, 100u + static_cast<uint64_t>(batch->num_rows()));
  const auto points = read_all(*backend, "a", rest);
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_EQ(static_cast<int64_t>(points->size()) + batch->num_rows(), 800);
  while (batch != nullptr) {
    ASSERT_TRUE(first->ReadNext(&batch).ok());
  }
  EXPECT_TRUE(first->cursor().empty());
}

TEST_F(Local, ScansWhatIsAskedForOnly) {
  const auto config = default_config({{.name = "a", .dim = 2, .distance = Distance::kDot},
                                      {.name = "b", .dim = 2, .distance = Distance::kDot}});
  const TestPoint point{.id = PointId::of(uint64_t{1}),
                        .vectors = {{"a", dense({1, 2})}, {"b", dense({3, 4})}},
                        .payload = R"({"n":1})"};
  const auto backend = open();
  ASSERT_TRUE(fill(*backend, "c", config, {point}).ok());
  const auto only_b = read_all(*backend, "c", {.vectors = {{"b"}}, .payload = false});
  ASSERT_TRUE(only_b.ok()) << only_b.status();
  EXPECT_TRUE(same_points(map_of({{.id = point.id, .vectors = {{"b", dense({3, 4})}}}}), *only_b));
  const auto none = read_all(*backend, "c", {.vectors = std::vector<std::string>{}});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(same_points(map_of({{.id = point.id, .payload = point.payload}}), *none));
  EXPECT_EQ(kind_of(read_all(*backend, "c", {.vectors = {{"x"}}}).status()), ErrorKind::kNotFound);
}

TEST_F(Local, FiltersAndCounts) {
  const auto backend = open();
  fill_small(*backend, "a", 100);
  const auto filter = Filter::parse(R"({"must":[{"key":"n","range":{"gte":90}}]})").ValueOrDie();
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 100u);
  EXPECT_EQ(*backend->count("a", filter.get(), kGo), 10u);
  const auto points = read_all(*backend, "a", {.filter = filter});
  ASSERT_TRUE(points.ok()) << points.status();
  EXPECT_EQ(points->size(), 10u);
  EXPECT_EQ(points->begin()->first.first, PointId::of(uint64_t{90}));
}

TEST_F(Local, PlansRangesThatCoverEveryPointOnce) {
  const auto backend = open();
  fill_small(*backend, "large", 30'000);
  fill_small(*backend, "small", 100);
  EXPECT_EQ(backend->plan_scan("small", nullptr, 4, kGo)->size(), 1u);
  EXPECT_EQ(backend->plan_scan("large", nullptr, 1, kGo)->size(), 1u);
  const auto ranges = backend->plan_scan("large", nullptr, 4, kGo);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  ASSERT_EQ(ranges->size(), 4u);
  size_t total = 0;
  for (const auto& range : *ranges) {
    const auto points = read_all(*backend, "large", {.range = range, .payload = false});
    ASSERT_TRUE(points.ok()) << points.status();
    EXPECT_GT(points->size(), 4'000u);  // a quarter is 7,500
    total += points->size();
  }
  EXPECT_EQ(total, 30'000u);
}

TEST_F(Local, ALoadIsInvisibleUntilItIsFinished) {
  const auto backend = open();
  ASSERT_TRUE(backend->create("a", small_config(), kGo).ok());
  EXPECT_THAT(*backend->list(kGo), IsEmpty());
  EXPECT_EQ(kind_of(backend->create("a", small_config(), kGo)), ErrorKind::kExists);
  ASSERT_TRUE(backend->open_writer("a", kGo)
                  .ValueOrDie()
                  ->upsert(*to_batch(small_config(), small_points(5)))
                  .ok());
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 5u) << "who loads it can read it";
  ASSERT_TRUE(backend->finish("a", small_config(), kGo).ok());
  const auto listed = *backend->list(kGo);
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].name, "a");
  EXPECT_EQ(listed[0].points_count, 5u);
}

TEST_F(Local, AnUnfinishedLoadIsGoneWhenThePlaceIsOpenedAgain) {
  {
    const auto backend = open();
    ASSERT_TRUE(backend->create("half", small_config(), kGo).ok());
  }
  const auto backend = open();
  EXPECT_EQ(kind_of(backend->describe("half", kGo).status()), ErrorKind::kNotFound);
  fill_small(*backend, "a");
  EXPECT_FALSE(fs::exists(place() / "collections/half"));
}

TEST_F(Local, PointsAreCountedOnceTheStoredNumberMayBeWrong) {
  const auto backend = open();
  fill_small(*backend, "a", 10);
  {
    const auto writer = backend->open_writer("a", kGo).ValueOrDie();
    EXPECT_EQ(backend->list(kGo)->at(0).points_count, 10u);
    ASSERT_TRUE(writer->upsert(*to_batch(small_config(), {small_point(99)})).ok());
    ASSERT_TRUE(
        writer->remove(std::vector{PointId::of(uint64_t{1}), PointId::of(uint64_t{1234})}).ok());
    ASSERT_TRUE(writer->upsert(*to_batch(small_config(), {small_point(100)})).ok());
    ASSERT_TRUE(writer->checkpoint().ok());
    EXPECT_EQ(backend->list(kGo)->at(0).points_count, 11u);
  }
  ASSERT_TRUE(backend->finish("a", small_config(), kGo).ok());
  EXPECT_EQ(backend->list(kGo)->at(0).points_count, 11u);
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 11u);
}

TEST_F(Local, WritesOverAFinishedCollectionReplaceWholePoints) {
  {
    const auto backend = open();
    fill_small(*backend, "a", 100);
    const auto writer = backend->open_writer("a", kGo).ValueOrDie();
    ASSERT_TRUE(writer->upsert(*to_batch(small_config(), {{.id = PointId::of(uint64_t{5})}})).ok());
    ASSERT_TRUE(writer->checkpoint().ok());
  }
  const auto backend = open();
  auto expected = map_of(small_points(100));
  expected[{PointId::of(uint64_t{5}), std::nullopt}] = {.id = PointId::of(uint64_t{5})};
  const auto read = read_all(*backend, "a");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(same_points(expected, *read));
}

TEST_F(Local, AWriterRefusesVectorsThatTheCollectionCannotHold) {
  const auto backend = open();
  fill_small(*backend, "a");
  const auto writer = backend->open_writer("a", kGo).ValueOrDie();
  const auto refused = [&](const VectorSpec& spec) {
    const auto config = default_config({spec});
    testing::Generator generator(3);
    const Status status = writer->upsert(*to_batch(config, generator.points(config, 1)));
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << status;
    EXPECT_THAT(failure_of(status).where, HasSubstr("collection 'a'"));
    return status.message();
  };
  EXPECT_THAT(refused({.dim = 3, .distance = Distance::kDot}),
              HasSubstr("column 'vector': expected dense float32[4], got dense float32[3]"));
  EXPECT_THAT(refused({.element = ElementType::kUint8, .dim = 4, .distance = Distance::kDot}),
              HasSubstr("uint8"));
  EXPECT_THAT(refused({.kind = VectorKind::kMulti, .dim = 4, .distance = Distance::kDot}),
              HasSubstr("multi"));
  EXPECT_THAT(refused({.name = "x", .dim = 4, .distance = Distance::kDot}),
              HasSubstr("'vector.x': the collection has no such vector"));
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 10u);
}

std::string nested(int levels) {
  std::string text;
  for (int i = 1; i < levels; ++i) {
    text += "{\"a\":";
  }
  text += "{\"b\":1}";
  return text + std::string(static_cast<size_t>(levels - 1), '}');
}

TEST_F(Local, ThePayloadDepthThatItClaimsIsTheDepthThatItKeeps) {
  const auto backend = open();
  const int deepest = backend->capabilities().max_payload_depth;
  const std::vector<TestPoint> points = {small_point(1, nested(deepest))};
  const Status filled = fill(*backend, "a", small_config(), points);
  ASSERT_TRUE(filled.ok()) << filled;
  const auto read = read_all(*backend, "a");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(same_points(map_of(points), *read));

  const auto writer = backend->open_writer("a", kGo).ValueOrDie();
  const Status refused = writer->upsert(
      *to_batch(small_config(), {small_point(2), small_point(77, nested(deepest + 1))}));
  ASSERT_EQ(kind_of(refused), ErrorKind::kIncompatible);
  EXPECT_THAT(refused.message(), HasSubstr("point 77"));
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 1u) << "nothing of a refused batch is kept";
}

TEST_F(Local, ShardKeysAreRefused) {
  const auto backend = open();
  fill_small(*backend, "a");
  const auto writer = backend->open_writer("a", kGo).ValueOrDie();
  TestPoint keyed = small_point(3);
  keyed.shard_key = "berlin";
  const Status status = writer->upsert(*to_batch(small_config(), {keyed}));
  EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
  EXPECT_THAT(status.message(), HasSubstr("point 3 has a shard key"));
}

TEST_F(Local, AliasesChangeTogetherOrNotAtAll) {
  const auto backend = open();
  fill_small(*backend, "a");
  fill_small(*backend, "b");
  const auto change = [&](std::vector<AliasChange> changes) {
    return backend->change_aliases(changes, kGo);
  };
  ASSERT_TRUE(change({{"x", "a"}, {"y", "a"}}).ok());
  EXPECT_THAT(backend->describe("a", kGo)->aliases, ElementsAre("x", "y"));
  EXPECT_EQ(*backend->count("x", nullptr, kGo), 10u);
  EXPECT_EQ(kind_of(change({{"x", "b"}, {"z", "gone"}})), ErrorKind::kNotFound);
  EXPECT_THAT(backend->describe("a", kGo)->aliases, ElementsAre("x", "y"));
  EXPECT_EQ(kind_of(change({{"y", std::nullopt}, {"b", "a"}})), ErrorKind::kExists);
  ASSERT_TRUE(change({{"x", "b"}, {"y", std::nullopt}, {"never", std::nullopt}}).ok());
  EXPECT_THAT(backend->describe("a", kGo)->aliases, IsEmpty());
  EXPECT_THAT(backend->describe("x", kGo)->aliases, ElementsAre("x"));

  const Status taken = backend->create("x", small_config(), kGo);
  EXPECT_EQ(kind_of(taken), ErrorKind::kExists);
  EXPECT_THAT(taken.message(), HasSubstr("alias of collection 'b'"));
  const Status not_dropped = backend->drop("x", kGo);
  EXPECT_EQ(kind_of(not_dropped), ErrorKind::kNotFound);
  EXPECT_THAT(failure_of(not_dropped).next, HasSubstr("'b'"));
  ASSERT_TRUE(backend->drop("b", kGo).ok());
  EXPECT_EQ(kind_of(backend->describe("x", kGo).status()), ErrorKind::kNotFound);
  EXPECT_EQ(*read_file(place() / "aliases.json"), "{}\n");
}

TEST_F(Local, DropLeavesNothingAndIsRefusedWhileItIsRead) {
  const auto backend = open();
  fill_small(*backend, "a");
  {
    const auto reader = backend->open_reader("a", {}, kGo).ValueOrDie();
    std::shared_ptr<arrow::RecordBatch> batch;
    ASSERT_TRUE(reader->ReadNext(&batch).ok());
    const Status busy = backend->drop("a", kGo);
    EXPECT_EQ(kind_of(busy), ErrorKind::kConflict) << busy;
  }
  ASSERT_TRUE(backend->drop("a", kGo).ok());
  EXPECT_TRUE(fs::is_empty(place() / "collections"));
  EXPECT_EQ(kind_of(backend->drop("a", kGo)), ErrorKind::kNotFound);
  fill_small(*backend, "a", 3);
  EXPECT_EQ(*backend->count("a", nullptr, kGo), 3u);
}

TEST_F(Local, BackendsOnOneFolderShareItsShards) {
  const auto one = open();
  fill_small(*one, "a");
  fs::create_directory_symlink(place(), place().parent_path() / "link");
  const auto two = open_local(place().parent_path() / "link").ValueOrDie();
  const auto reader = two->open_reader("a", {}, kGo).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  const auto writer = one->open_writer("a", kGo).ValueOrDie();
  ASSERT_TRUE(writer->upsert(*to_batch(small_config(), {small_point(50)})).ok());
  EXPECT_EQ(*two->count("a", nullptr, kGo), 11u);
  EXPECT_EQ(kind_of(two->create("a", small_config(), kGo)), ErrorKind::kExists);
}

TEST_F(Local, APlaceMadeForALoadThatFailedIsGoneWithItsLastBackend) {
  auto backend = open();
  ASSERT_TRUE(backend->create("a", small_config(), kGo).ok());
  ASSERT_TRUE(backend->drop("a", kGo).ok());
  EXPECT_TRUE(fs::exists(place()));
  ASSERT_TRUE(backend->create("a", small_config(), kGo).ok());
  ASSERT_TRUE(backend->drop("a", kGo).ok());
  backend.reset();
  EXPECT_FALSE(fs::exists(place()));
}

TEST_F(Local, FinishBuildsPayloadIndexesAndRemembersThem) {
  auto config = small_config();
  config.payload_indexes = {{.path = "n", .schema_json = "\"integer\""}};
  const auto backend = open();
  ASSERT_TRUE(fill(*backend, "a", config, small_points(10)).ok());
  EXPECT_EQ(backend->describe("a", kGo)->payload_indexes, config.payload_indexes);
  auto more = config;
  more.payload_indexes = {{.path = "m", .schema_json = "\"keyword\""}};
  ASSERT_TRUE(backend->finish("a", more, kGo).ok());
  EXPECT_EQ(backend->describe("a", kGo)->payload_indexes.size(), 2u);
}

TEST_F(Local, FinishCanBuildTheIndexOfTheVectors) {
  auto config = small_config();
  const std::string threshold = "\"indexing_threshold\":10000";
  const size_t at = config.settings_json.find(threshold);
  ASSERT_NE(at, std::string::npos);
  config.settings_json.replace(at, threshold.size(), "\"indexing_threshold\":1");
  uint64_t calls = 0;
  uint64_t last_total = 0;
  const auto backend = open({.build_index = true, .index_progress = [&](uint64_t, uint64_t total) {
                               ++calls;
                               last_total = total;
                             }});
  const auto points = small_points(3000);
  const Status status = fill(*backend, "a", config, points);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_GT(calls, 0u);
  EXPECT_EQ(last_total, 3000u);
  const auto read = read_all(*backend, "a");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(same_points(map_of(points), *read));
}

TEST_F(Local, AStopWhileIndexingLeavesAnUnfinishedLoadThatCanBeDropped) {
  auto config = default_config({{.dim = 64, .distance = Distance::kDot}});
  const std::string threshold = "\"indexing_threshold\":10000";
  config.settings_json.replace(config.settings_json.find(threshold), threshold.size(),
                               "\"indexing_threshold\":1");
  testing::Generator generator(5);
  const auto points = generator.points(config, 5000);
  arrow::StopSource source;
  const auto backend = open(
      {.build_index = true, .index_progress = [&](uint64_t, uint64_t) { source.RequestStop(); }});
  ASSERT_TRUE(backend->create("a", config, kGo).ok());
  ASSERT_TRUE(backend->open_writer("a", kGo).ValueOrDie()->upsert(*to_batch(config, points)).ok());
  EXPECT_EQ(kind_of(backend->finish("a", config, source.token())), ErrorKind::kCancelled);
  EXPECT_THAT(*backend->list(kGo), IsEmpty());
  const Status dropped = backend->drop("a", kGo);
  EXPECT_TRUE(dropped.ok()) << dropped;
  EXPECT_FALSE(fs::exists(place() / "collections/a"));
}

TEST_F(Local, LanesReadAndWriteSideBySide) {
  const auto backend = open();
  fill_small(*backend, "a", 2000);
  ASSERT_TRUE(backend->create("b", small_config(), kGo).ok());
  std::vector<Status> results(4);
  {
    std::vector<std::jthread> lanes;
    for (size_t lane = 0; lane < results.size(); ++lane) {
      lanes.emplace_back([&, lane] {
        const ScanOptions options{
            .range = {.from = PointId::of(lane * 500), .to = PointId::of((lane + 1) * 500)},
            .batch_bytes = 8 << 10};
        results[lane] = [&]() -> Status {
          ARROW_ASSIGN_OR_RAISE(const auto reader, backend->open_reader("a", options, kGo));
          ARROW_ASSIGN_OR_RAISE(const auto writer, backend->open_writer("b", kGo));
          while (true) {
            std::shared_ptr<arrow::RecordBatch> batch;
            ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
            if (batch == nullptr) {
              return writer->checkpoint();
            }
            ARROW_RETURN_NOT_OK(writer->upsert(*batch));
          }
        }();
      });
    }
  }
  for (const Status& status : results) {
    EXPECT_TRUE(status.ok()) << status;
  }
  ASSERT_TRUE(backend->finish("b", small_config(), kGo).ok());
  EXPECT_TRUE(testing::same_collections(*backend, "a", *backend, "b"));
}

TEST_F(Local, AStopIsHeard) {
  const auto backend = open();
  fill_small(*backend, "a", 1000);
  arrow::StopSource source;
  const auto reader =
      backend->open_reader("a", {.batch_bytes = 4 << 10}, source.token()).ValueOrDie();
  const auto writer = backend->open_writer("a", source.token()).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  source.RequestStop();
  EXPECT_EQ(kind_of(reader->ReadNext(&batch)), ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(writer->upsert(*to_batch(small_config(), small_points(1)))),
            ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(backend->create("b", small_config(), source.token())), ErrorKind::kCancelled);
  EXPECT_FALSE(fs::exists(place() / "collections/b"));
  ASSERT_TRUE(backend->create("b", small_config(), kGo).ok());
  EXPECT_EQ(kind_of(backend->finish("b", small_config(), source.token())), ErrorKind::kCancelled);
  EXPECT_EQ(backend->list(kGo)->size(), 1u);
  EXPECT_TRUE(backend->drop("b", kGo).ok());
}

TEST_F(Local, AConfigurationThatNoShardCanHaveLeavesNothing) {
  const auto backend = open();
  auto config = small_config();
  const size_t at = config.settings_json.find("\"Dot\"");
  ASSERT_NE(at, std::string::npos);
  config.settings_json.replace(at, 5, "\"Hamming\"");
  const Status status = backend->create("a", config, kGo);
  EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << status;
  EXPECT_THAT(failure_of(status).where, HasSubstr("collection 'a'"));
  EXPECT_TRUE(fs::is_empty(place() / "collections"));
  EXPECT_EQ(kind_of(backend->create("a/b", small_config(), kGo)), ErrorKind::kUsage);
}

TEST_F(Local, CustomShardingIsRefusedAtOnce) {
  auto config = small_config();
  const size_t at = config.settings_json.find("\"shard_number\":1");
  ASSERT_NE(at, std::string::npos);
  config.settings_json.insert(at, "\"sharding_method\":\"custom\",");
  ASSERT_TRUE(config.custom_sharding());
  EXPECT_EQ(kind_of(open()->create("a", config, kGo)), ErrorKind::kIncompatible);
}

TEST_F(Local, ReadingAPlaceThatIsNotThereMakesNothing) {
  const auto backend = open();
  EXPECT_EQ(kind_of(backend->list(kGo).status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(backend->describe("a", kGo).status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(backend->open_reader("a", {}, kGo).status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(backend->drop("a", kGo)), ErrorKind::kNotFound);
  EXPECT_FALSE(fs::exists(place()));
}

// What `vecferry` says when files of a shard are gone or damaged.
class DamagedShard : public Local {
 protected:
  void SetUp() override {
    const auto backend = open();
    fill_small(*backend, "bad", 100);
    fill_small(*backend, "good", 10);
  }

  void expect_an_error() {
    const auto backend = open();
    const auto read = read_all(*backend, "bad");
    ASSERT_FALSE(read.ok());
    const auto failure = failure_of(read.status());
    EXPECT_EQ(failure.kind, ErrorKind::kCorrupt) << read.status();
    EXPECT_THAT(failure.where, HasSubstr("collection 'bad'"));
    EXPECT_FALSE(failure.next.empty()) << read.status();
    EXPECT_EQ(backend->list(kGo)->size(), 2u);
    EXPECT_EQ(read_all(*backend, "good")->size(), 10u);
    EXPECT_TRUE(backend->drop("bad", kGo).ok());
  }

  fs::path shard() const { return place() / "collections/bad/shard"; }
};

TEST_F(DamagedShard, WithoutItsFolder) {
  fs::remove_all(shard());
  expect_an_error();
}

TEST_F(DamagedShard, WithoutASegmentsState) {
  for (const auto& segment : fs::directory_iterator(shard() / "segments")) {
    std::ofstream(segment.path() / "segment.json") << "{\"cut";
  }
  expect_an_error();
}

TEST_F(DamagedShard, WithAFileCutShort) {
  for (const auto& entry : fs::recursive_directory_iterator(shard())) {
    if (entry.path().filename() == "config.json") {
      fs::resize_file(entry.path(), 3);
    }
  }
  expect_an_error();
}

TEST_F(DamagedShard, OfTheWrongConfiguration) {
  const fs::path file = place() / "collections/bad/collection.json";
  auto text = *read_file(file);
  const size_t at = text.find("\"size\":4");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 8, "\"size\":5");
  ASSERT_TRUE(write_durably(file, text).ok());
  const auto backend = open();
  const auto read = read_all(*backend, "bad");
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(failure_of(read.status()).where, HasSubstr("collection 'bad'"));
}

}  // namespace
}  // namespace vecferry
