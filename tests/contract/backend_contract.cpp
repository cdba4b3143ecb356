#include "tests/contract/backend_contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>

#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/cancel.h"
#include "tests/support/backends.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

::testing::AssertionResult is_kind(const Status& status, ErrorKind kind) {
  if (status.ok()) {
    return ::testing::AssertionFailure() << "no error, where " << to_string(kind) << " is due";
  }
  if (kind_of(status) != kind) {
    return ::testing::AssertionFailure() << to_string(kind_of(status)) << " where "
                                         << to_string(kind) << " is due: " << status.ToString();
  }
  if (failure_of(status).what.empty()) {
    return ::testing::AssertionFailure() << "an error without a word";
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult is_ok(const Status& status) {
  return status.ok() ? ::testing::AssertionSuccess()
                     : ::testing::AssertionFailure() << status.ToString();
}

// The first error of opening and reading, as errors of opening may come with the first batch.
Status read_status(Backend& backend, std::string_view name, const ScanOptions& options = {}) {
  return read_batches(backend, name, options).status();
}

std::vector<std::string> names_in(Backend& backend) {
  std::vector<std::string> names;
  for (const auto& summary : backend.list(kGoOn).ValueOrDie()) {
    names.push_back(summary.name);
  }
  return names;
}

PointMap selected(const PointMap& all, const std::function<bool(const TestPoint&)>& wanted) {
  PointMap points;
  for (const auto& [key, point] : all) {
    if (wanted(point)) {
      points.emplace(key, point);
    }
  }
  return points;
}

}  // namespace

BackendContract::BackendContract()
    : place_(GetParam().make()), name_(place_->name()), config_(GetParam().config) {}

std::vector<TestPoint> BackendContract::some_points(size_t count) {
  return random_.points(config_, count, points_that_fit(can()));
}

void BackendContract::make(const std::vector<TestPoint>& points) {
  ASSERT_TRUE(is_ok(fill(backend(), name_, config_, points)));
}

PointMap BackendContract::read(const ScanOptions& options) {
  auto points = read_all(backend(), name_, options);
  EXPECT_TRUE(is_ok(points.status()));
  return points.ok() ? *points : PointMap{};
}

TEST_P(BackendContract, ACollectionIsMadeListedDescribedAndDropped) {
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{});
  const auto points = some_points(10);
  make(points);
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{name_});
  const auto config = backend().describe(name_, kGoOn);
  ASSERT_TRUE(is_ok(config.status()));
  EXPECT_EQ(config->vectors, config_.vectors);
  EXPECT_EQ(backend().count(name_, nullptr, kGoOn).ValueOrDie(), 10U);
  for (const auto& summary : backend().list(kGoOn).ValueOrDie()) {
    EXPECT_EQ(summary.points_count.value_or(10), 10U);
  }
  ASSERT_TRUE(is_ok(backend().drop(name_, kGoOn)));
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{});
  EXPECT_TRUE(is_kind(backend().describe(name_, kGoOn).status(), ErrorKind::kNotFound));
}

TEST_P(BackendContract, SeveralCollectionsAreListedByName) {
  if (!can().many_collections) {
    make({});
    EXPECT_TRUE(is_kind(backend().create("second", config_, kGoOn), ErrorKind::kIncompatible));
    return;
  }
  const std::vector<std::string> names = {"b", "a.b", "naïve", "A", "with blank"};
  for (const std::string& name : names) {
    ASSERT_TRUE(is_ok(fill(backend(), name, config_, some_points(2))));
  }
  EXPECT_EQ(names_in(backend()),
            (std::vector<std::string>{"A", "a.b", "b", "naïve", "with blank"}));
  ASSERT_TRUE(is_ok(backend().drop("a.b", kGoOn)));
  EXPECT_EQ(names_in(backend()), (std::vector<std::string>{"A", "b", "naïve", "with blank"}));
  EXPECT_EQ(backend().count("b", nullptr, kGoOn).ValueOrDie(), 2U);
}

TEST_P(BackendContract, NothingIsOverwritten) {
  const auto points = some_points(5);
  make(points);
  EXPECT_TRUE(is_kind(backend().create(name_, config_, kGoOn), ErrorKind::kExists));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, WhatIsNotThereIsNotFound) {
  const std::string missing = can().many_collections ? "missing" : name_;
  EXPECT_TRUE(is_kind(backend().describe(missing, kGoOn).status(), ErrorKind::kNotFound));
  EXPECT_TRUE(is_kind(backend().count(missing, nullptr, kGoOn).status(), ErrorKind::kNotFound));
  EXPECT_TRUE(is_kind(backend().drop(missing, kGoOn), ErrorKind::kNotFound));
  EXPECT_TRUE(is_kind(backend().finish(missing, config_, kGoOn), ErrorKind::kNotFound));
  EXPECT_TRUE(
      is_kind(backend().plan_scan(missing, nullptr, 2, kGoOn).status(), ErrorKind::kNotFound));
  EXPECT_TRUE(is_kind(backend().open_writer(missing, kGoOn).status(), ErrorKind::kNotFound));
  EXPECT_TRUE(is_kind(read_status(backend(), missing), ErrorKind::kNotFound));
}

TEST_P(BackendContract, AnUnfinishedCollectionIsNotListed) {
  const auto points = some_points(5);
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  {
    const auto writer = backend().open_writer(name_, kGoOn);
    ASSERT_TRUE(is_ok(writer.status()));
    ASSERT_TRUE(is_ok((*writer)->upsert(*to_batch(config_, points))));
    ASSERT_TRUE(is_ok((*writer)->checkpoint()));
  }
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{});
  EXPECT_TRUE(is_kind(backend().create(name_, config_, kGoOn), ErrorKind::kExists));
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{name_});
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, OnlyAnUnfinishedLoadIsTakenOver) {
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  EXPECT_FALSE(backend().abandoned(name_, kGoOn).ValueOrDie()) << "its process lives";
  if (backend().capabilities().many_collections) {  // a file keeps no load to go on with
    EXPECT_TRUE(backend().take_over(name_, kGoOn).ValueOrDie()) << "it is this process's";
  }
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_FALSE(backend().abandoned(name_, kGoOn).ValueOrDie());
  EXPECT_FALSE(backend().take_over(name_, kGoOn).ValueOrDie()) << "a finished collection";
  EXPECT_FALSE(backend().take_over("missing", kGoOn).ValueOrDie());
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{name_});
}

TEST_P(BackendContract, AnUnfinishedCollectionCanBeDropped) {
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  {
    const auto writer = backend().open_writer(name_, kGoOn);
    ASSERT_TRUE(is_ok(writer.status()));
    ASSERT_TRUE(is_ok((*writer)->upsert(*to_batch(config_, some_points(5)))));
  }
  ASSERT_TRUE(is_ok(backend().drop(name_, kGoOn)));
  make(some_points(3));
  EXPECT_EQ(read().size(), 3U);
}

TEST_P(BackendContract, ShardKeysWithoutPointsComeBack) {
  if (!can().shard_keys || !can().settings) {
    return;
  }
  CollectionConfig config = config_;
  auto settings = nlohmann::json::parse(config.settings_json);
  settings["params"]["sharding_method"] = "custom";
  const auto keys = nlohmann::json::parse(R"([{"shard_key":"north","shards_number":1},
      {"shard_key":7,"shards_number":2},{"shard_key":"empty","shards_number":1}])");
  settings["params"]["shard_keys"] = keys;
  config.settings_json = settings.dump();
  auto points = some_points(4);
  for (auto& point : points) {
    point.shard_key = "7";
  }
  ASSERT_TRUE(is_ok(fill(backend(), name_, config, points)));
  const auto got = backend().describe(name_, kGoOn);
  ASSERT_TRUE(is_ok(got.status()));
  EXPECT_EQ(nlohmann::json::parse(got->settings_json)["params"]["shard_keys"], keys);
  EXPECT_EQ(config_differences(config, *got), std::vector<std::string>{});
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, SettingsComeBack) {
  CollectionConfig config = config_;
  config.payload_indexes = {{"a", R"("keyword")"},
                            {"metadata.price", R"({"is_principal":true,"type":"float"})"}};
  ASSERT_TRUE(is_ok(fill(backend(), name_, config, some_points(3))));
  const auto got = backend().describe(name_, kGoOn);
  ASSERT_TRUE(is_ok(got.status()));
  if (can().settings) {
    EXPECT_EQ(config_differences(config, *got), std::vector<std::string>{});
  } else {
    EXPECT_EQ(got->vectors, config.vectors);
  }
}

TEST_P(BackendContract, AliasesComeAndGo) {
  make(some_points(3));
  const AliasChange first{"current", name_};
  if (!can().aliases) {
    EXPECT_TRUE(is_kind(backend().change_aliases({&first, 1}, kGoOn), ErrorKind::kIncompatible));
    return;
  }
  const auto aliases = [&] { return backend().describe(name_, kGoOn).ValueOrDie().aliases; };
  const std::vector<AliasChange> two = {{"second", name_}, {"current", name_}};
  ASSERT_TRUE(is_ok(backend().change_aliases(two, kGoOn)));
  EXPECT_EQ(aliases(), (std::vector<std::string>{"current", "second"}));
  EXPECT_EQ(names_in(backend()), std::vector<std::string>{name_});

  const std::vector<AliasChange> half_bad = {{"third", name_}, {"fourth", "missing"}};
  EXPECT_TRUE(is_kind(backend().change_aliases(half_bad, kGoOn), ErrorKind::kNotFound));
  const AliasChange over_collection{name_, name_};
  EXPECT_TRUE(is_kind(backend().change_aliases({&over_collection, 1}, kGoOn), ErrorKind::kExists));
  EXPECT_EQ(aliases(), (std::vector<std::string>{"current", "second"}));

  const AliasChange gone{"second", std::nullopt};
  ASSERT_TRUE(is_ok(backend().change_aliases({&gone, 1}, kGoOn)));
  EXPECT_EQ(aliases(), std::vector<std::string>{"current"});
  EXPECT_TRUE(is_kind(backend().create("current", config_, kGoOn), ErrorKind::kExists));

  ASSERT_TRUE(is_ok(backend().drop(name_, kGoOn)));
  make({});
  EXPECT_EQ(aliases(), std::vector<std::string>{});
}

TEST_P(BackendContract, PointsComeBackBitByBit) {
  const auto points = some_points(300);
  make(points);
  EXPECT_TRUE(same_points(map_of(points), read()));
  EXPECT_EQ(backend().count(name_, nullptr, kGoOn).ValueOrDie(), points.size());
}

TEST_P(BackendContract, AnEmptyCollectionHasNoPoints) {
  make({});
  EXPECT_TRUE(read().empty());
  EXPECT_EQ(backend().count(name_, nullptr, kGoOn).ValueOrDie(), 0U);
  EXPECT_FALSE(backend().plan_scan(name_, nullptr, 4, kGoOn).ValueOrDie().empty());
}

TEST_P(BackendContract, SettingsChangeAndChangeBack) {
  const auto points = some_points(30);
  make(points);
  auto before = backend().describe(name_, kGoOn).ValueOrDie();
  before.aliases.clear();
  CollectionConfig wanted = before;
  auto settings = nlohmann::json::parse(before.settings_json);
  settings["hnsw_config"]["m"] = 24;
  settings["optimizer_config"]["indexing_threshold"] = 12345;
  wanted.settings_json = settings.dump();
  wanted.payload_indexes = {{.path = "added.here", .schema_json = "\"integer\""}};
  if (!can().changes_settings) {
    EXPECT_TRUE(is_kind(backend().change_settings(name_, wanted, kGoOn), ErrorKind::kIncompatible));
    return;
  }
  EXPECT_TRUE(is_kind(backend().change_settings("no-such", wanted, kGoOn), ErrorKind::kNotFound));
  for (const auto* config : {&wanted, &wanted, &before, &before}) {  // each again does no harm
    ASSERT_TRUE(is_ok(backend().change_settings(name_, *config, kGoOn)));
    const auto now = backend().describe(name_, kGoOn).ValueOrDie();
    EXPECT_EQ(config_differences(now, *config), std::vector<std::string>());
    EXPECT_TRUE(same_points(map_of(points), read()));
  }
}

TEST_P(BackendContract, SlicesAreWrittenAsTheyShow) {
  const auto points = some_points(60);
  const auto batch = to_batch(config_, points);
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  {
    const auto writer = backend().open_writer(name_, kGoOn).ValueOrDie();
    for (int64_t first = 0; first < 60;) {
      const auto count = std::min<int64_t>(static_cast<int64_t>(1 + random_.below(9)), 60 - first);
      ASSERT_TRUE(is_ok(writer->upsert(*batch->Slice(first, count))));
      first += count;
    }
    ASSERT_TRUE(is_ok(writer->upsert(*batch->Slice(60))));  // nothing
    ASSERT_TRUE(is_ok(writer->checkpoint()));
  }
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, BatchesAreInThePointsSchema) {
  make(some_points(50));
  const auto expected = points_schema(backend().describe(name_, kGoOn).ValueOrDie()).ValueOrDie();
  const auto reader = backend().open_reader(name_, {}, kGoOn).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(is_ok(reader->ReadNext(&batch)));
  ASSERT_NE(batch, nullptr);
  EXPECT_TRUE(reader->schema()->Equals(*batch->schema(), true));
  EXPECT_TRUE(batch->schema()->Equals(*expected, false)) << batch->schema()->ToString();
  EXPECT_EQ(config_of(*batch->schema()).ValueOrDie().vectors, config_.vectors);
  EXPECT_TRUE(is_ok(validate_points(*batch)));
}

TEST_P(BackendContract, ReadersGiveIdOrder) {
  if (!can().ordered) {
    return;
  }
  auto points = some_points(200);
  std::reverse(points.begin(), points.end());
  make(points);
  std::vector<PointId> ids;
  for (const auto& batch : read_batches(backend(), name_, {.batch_bytes = 2000}).ValueOrDie()) {
    for (const TestPoint& point : to_points(*batch)) {
      ids.push_back(point.id);
    }
  }
  EXPECT_EQ(ids.size(), points.size());
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
}

TEST_P(BackendContract, AWrittenIdIsReplacedWhole) {
  auto points = some_points(40);
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  {
    const auto writer = backend().open_writer(name_, kGoOn).ValueOrDie();
    ASSERT_TRUE(is_ok(writer->upsert(*to_batch(config_, points))));
    std::vector<TestPoint> again;
    for (size_t i = 0; i < points.size(); i += 2) {
      // The bare point comes every other time: what was there must go.
      TestPoint next = random_.point(config_, points_that_fit(can()));
      next.id = points[i].id;
      next.shard_key = points[i].shard_key;
      if (i % 4 == 0) {
        next.vectors.clear();
        next.payload.clear();
      }
      points[i] = next;
      again.push_back(next);
    }
    const Status status = writer->upsert(*to_batch(config_, again));
    if (!can().upsert_existing) {
      EXPECT_FALSE(status.ok() && writer->checkpoint().ok() &&
                   backend().finish(name_, config_, kGoOn).ok());
      return;
    }
    ASSERT_TRUE(is_ok(status));
    ASSERT_TRUE(is_ok(writer->checkpoint()));
  }
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, AFinishedCollectionTakesMore) {
  if (!can().upsert_existing) {
    return;
  }
  const auto points = some_points(60);
  make({points.begin(), points.begin() + 30});
  {
    const auto writer = backend().open_writer(name_, kGoOn).ValueOrDie();
    ASSERT_TRUE(is_ok(writer->upsert(*to_batch(config_, {points.begin() + 20, points.end()}))));
    ASSERT_TRUE(is_ok(writer->checkpoint()));
  }
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, RemovedPointsAreGone) {
  const auto points = some_points(50);
  make(points);
  std::vector<PointId> ids = {PointId::of(uint64_t{123456789012})};  // not there
  std::set<PointId> removed;
  for (size_t i = 0; i < points.size(); i += 3) {
    ids.push_back(points[i].id);
    removed.insert(points[i].id);
  }
  {
    auto opened = backend().open_writer(name_, kGoOn);
    if (!can().remove) {
      EXPECT_TRUE(is_kind(opened.ok() ? (*opened)->remove(ids) : opened.status(),
                          ErrorKind::kIncompatible));
      return;
    }
    const auto writer = std::move(opened).ValueOrDie();
    ASSERT_TRUE(is_ok(writer->remove(ids)));
    ASSERT_TRUE(is_ok(writer->remove(ids)));
    ASSERT_TRUE(is_ok(writer->checkpoint()));
  }
  EXPECT_TRUE(same_points(
      selected(map_of(points), [&](const TestPoint& p) { return removed.count(p.id) == 0; }),
      read()));
}

TEST_P(BackendContract, ARangeGivesItsPointsOnly) {
  const auto points = some_points(80);
  make(points);
  const auto all = map_of(points);
  for (int i = 0; i < 30; ++i) {
    IdRange range;
    if (!random_.chance(4)) {
      range.from = random_.chance(2) ? points[random_.below(80)].id : random_.id();
    }
    if (!random_.chance(4)) {
      range.to = random_.chance(2) ? points[random_.below(80)].id : random_.id();
    }
    EXPECT_TRUE(same_points(selected(all, [&](const TestPoint& p) { return range.contains(p.id); }),
                            read({.range = range, .batch_bytes = 1000})))
        << to_string(range);
  }
}

TEST_P(BackendContract, ACursorIsWhereANewReaderGoesOn) {
  if (!can().ordered) {
    return;
  }
  const auto points = some_points(60);
  make(points);
  const auto filter = Filter::parse(R"({"must_not":[{"is_empty":{"key":"a"}}]})").ValueOrDie();
  for (const auto& used : {std::shared_ptr<const Filter>(), filter}) {
    const ScanOptions options{.filter = used, .batch_bytes = 700};
    const auto expected = read(options);
    const auto reader = backend().open_reader(name_, options, kGoOn).ValueOrDie();
    PointMap before;
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ASSERT_TRUE(is_ok(reader->ReadNext(&batch)));
      for (const TestPoint& point :
           batch == nullptr ? std::vector<TestPoint>{} : to_points(*batch)) {
        before.emplace(PointKey{point.id, point.shard_key}, point);
      }
      ScanOptions rest = options;
      rest.range = reader->cursor();
      PointMap both = before;
      for (const auto& [key, point] : read(rest)) {
        EXPECT_TRUE(both.emplace(key, point).second) << "twice: " << to_string(point);
      }
      EXPECT_TRUE(same_points(expected, both))
          << "after " << before.size() << " points, from " << to_string(rest.range);
      if (batch == nullptr) {
        break;
      }
    }
    EXPECT_EQ(before.size(), expected.size());
  }
}

TEST_P(BackendContract, APlanCoversEveryPointOnce) {
  const auto points = some_points(100);
  make(points);
  for (const int parts : {1, 2, 3, 7, 1000}) {
    const auto ranges = backend().plan_scan(name_, nullptr, parts, kGoOn).ValueOrDie();
    ASSERT_FALSE(ranges.empty());
    EXPECT_LE(ranges.size(), static_cast<size_t>(can().splittable ? parts : 1));
    PointMap got;
    for (const IdRange& range : ranges) {
      for (const auto& [key, point] : read({.range = range})) {
        EXPECT_TRUE(got.emplace(key, point).second) << "twice: " << to_string(point);
      }
    }
    EXPECT_TRUE(same_points(map_of(points), got));
  }
}

TEST_P(BackendContract, AFilterGivesWhatMatches) {
  const auto points = some_points(150);
  make(points);
  const auto batch = to_batch(config_, points);
  const auto view = PointsView::make(*batch).ValueOrDie();
  for (
      const std::string text : {
          R"({"must":[{"key":"a","match":{"value":7}}]})",
          R"({"must":[{"key":"b","range":{"gte":0,"lt":100}}]})",
          R"({"must_not":[{"is_empty":{"key":"z"}}],"should":[{"key":"b","match":{"value":true}},{"key":"content","match":{"any":["plain",""]}}]})",
          R"({"must":[{"key":"metadata.a","match":{"except":[7]}}]})",
          // The form {"is_null":{"key":…}} leaves out lists on a real 1.18 without an index.
          R"({"must":[{"key":"content","is_null":true}]})",
      }) {
    const auto filter = Filter::parse(text).ValueOrDie();
    PointMap expected;
    for (size_t i = 0; i < points.size(); ++i) {
      if (filter->matches(view, static_cast<int64_t>(i)).ValueOrDie()) {
        expected.emplace(PointKey{points[i].id, points[i].shard_key}, points[i]);
      }
    }
    EXPECT_TRUE(same_points(expected, read({.filter = filter, .batch_bytes = 1000}))) << text;
    EXPECT_EQ(backend().count(name_, filter.get(), kGoOn).ValueOrDie(), expected.size()) << text;
  }
}

TEST_P(BackendContract, VectorsAndPayloadAreLeftOutOnRequest) {
  const auto points = some_points(40);
  make(points);
  const std::string one = config_.vectors.back().name;
  auto expected = map_of(points);
  for (auto& [key, point] : expected) {
    std::erase_if(point.vectors, [&](const auto& vector) { return vector.first != one; });
  }
  EXPECT_TRUE(same_points(expected, read({.vectors = std::vector<std::string>{one}})));
  for (auto& [key, point] : expected) {
    point.vectors.clear();
  }
  EXPECT_TRUE(same_points(expected, read({.vectors = std::vector<std::string>{}})));
  for (auto& [key, point] : expected) {
    point.payload.clear();
  }
  EXPECT_TRUE(
      same_points(expected, read({.vectors = std::vector<std::string>{}, .payload = false})));
  EXPECT_TRUE(is_kind(read_status(backend(), name_, {.vectors = {{"no such vector"}}}),
                      ErrorKind::kNotFound));
}

TEST_P(BackendContract, BatchesKeepToTheirSize) {
  const auto points = some_points(200);
  make(points);
  int64_t largest_point = 0;
  for (const TestPoint& point : points) {
    largest_point = std::max(largest_point, batch_bytes(*to_batch(config_, {point})));
  }
  constexpr int64_t kLimit = 4000;
  const auto batches = read_batches(backend(), name_, {.batch_bytes = kLimit}).ValueOrDie();
  EXPECT_GT(batches.size(), 3U);
  for (const auto& batch : batches) {
    EXPECT_GT(batch->num_rows(), 0);
    // Twice, because what bytes a column takes per row is the place's own estimate.
    EXPECT_LE(batch_bytes(*batch), 2 * (kLimit + 2 * largest_point));
  }
}

TEST_P(BackendContract, AStopIsHeard) {
  const auto points = some_points(200);
  make(points);
  arrow::StopSource source;
  const auto reader =
      backend().open_reader(name_, {.batch_bytes = 500}, source.token()).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(is_ok(reader->ReadNext(&batch)));
  source.RequestStop();
  Status status = reader->ReadNext(&batch);
  if (status.ok()) {
    status = reader->ReadNext(&batch);  // one that was ready may still come
  }
  EXPECT_TRUE(is_kind(status, ErrorKind::kCancelled));

  if (can().upsert_existing) {
    EXPECT_TRUE(is_kind(
        [&]() -> Status {
          ARROW_ASSIGN_OR_RAISE(const auto writer, backend().open_writer(name_, source.token()));
          return writer->upsert(*to_batch(config_, points));
        }(),
        ErrorKind::kCancelled));
  }
  if (can().many_collections) {
    EXPECT_TRUE(
        is_kind(backend().create("another", config_, source.token()), ErrorKind::kCancelled));
    EXPECT_EQ(names_in(backend()), std::vector<std::string>{name_});
  }
  EXPECT_TRUE(is_kind(backend().drop(name_, source.token()), ErrorKind::kCancelled));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, PointsThatDoNotFitAreRefused) {
  const auto points = some_points(5);
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  {
    const auto writer = backend().open_writer(name_, kGoOn).ValueOrDie();
    ASSERT_TRUE(is_ok(writer->upsert(*to_batch(config_, points))));
    CollectionConfig other = default_config({{.name = "unheard of", .dim = 2}});
    TestPoint odd{.id = PointId::of(uint64_t{99}), .vectors = {{"unheard of", dense({1, 0})}}};
    EXPECT_TRUE(is_kind(writer->upsert(*to_batch(other, {odd})), ErrorKind::kIncompatible));

    for (const VectorSpec& spec : config_.vectors) {
      if (spec.kind == VectorKind::kSparse) {
        continue;
      }
      VectorSpec wrong = spec;
      ++wrong.dim;
      TestPoint point{.id = PointId::of(uint64_t{99})};
      point.vectors[spec.name].elements.resize(wrong.dim * size_of(spec.element));
      EXPECT_TRUE(is_kind(writer->upsert(*to_batch(default_config({wrong}), {point})),
                          ErrorKind::kIncompatible))
          << spec.name;
    }
    ASSERT_TRUE(is_ok(writer->checkpoint()));
  }
  ASSERT_TRUE(is_ok(backend().finish(name_, config_, kGoOn)));
  EXPECT_TRUE(same_points(map_of(points), read()));
}

TEST_P(BackendContract, WhatIsNotClaimedIsRefused) {
  const Capabilities claims = can();
  ASSERT_TRUE(is_ok(backend().create(name_, config_, kGoOn)));
  const auto writer = backend().open_writer(name_, kGoOn).ValueOrDie();
  const auto refused = [&](const TestPoint& point) {
    return is_kind(writer->upsert(*to_batch(config_, {point})), ErrorKind::kIncompatible);
  };
  TestPoint point{.id = PointId::of(uint64_t{1})};
  if (!claims.shard_keys) {
    TestPoint keyed = point;
    keyed.shard_key = "north";
    EXPECT_TRUE(refused(keyed));
  }
  if (!claims.non_finite) {
    for (const VectorSpec& spec : config_.vectors) {
      if (spec.element != ElementType::kFloat32 || spec.kind == VectorKind::kSparse) {
        continue;
      }
      TestPoint odd = point;
      std::vector<float> values(spec.dim, 1.0F);
      values.back() = std::bit_cast<float>(0x7fc00000U);
      odd.vectors = {{spec.name, dense(values)}};
      EXPECT_TRUE(refused(odd)) << spec.name;
    }
  }
  std::string nested = "1";
  for (int depth = 0; depth <= claims.max_payload_depth; ++depth) {
    nested.insert(0, R"({"a":)").append("}");
  }
  TestPoint deep = point;
  deep.payload = nested;
  EXPECT_TRUE(refused(deep));
  // One level less is claimed.
  deep.payload = nested.substr(5, nested.size() - 6);
  if (config_.custom_sharding()) {
    deep.shard_key = "north";
  }
  ASSERT_EQ(nesting_depth(deep.payload), claims.max_payload_depth);
  ASSERT_TRUE(is_ok(writer->upsert(*to_batch(config_, {deep}))));
  ASSERT_TRUE(is_ok(writer->checkpoint()));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendContract);

}  // namespace vecferry::testing
