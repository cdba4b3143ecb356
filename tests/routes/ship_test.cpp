#include "vecferry/routes/ship.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "arrow/record_batch.h"
#include "arrow/util/cancel.h"
#include "tests/routes/folder_server.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/routes/shard_ring.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::ElementsAre;
using testing::FolderServer;
using testing::Generator;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestPoint;

const StopToken kNever = StopToken::Unstoppable();
constexpr const char* kName = "shop";

// A threshold that a few hundred points pass.
CollectionConfig low_threshold(CollectionConfig config) {
  Json settings = Json::parse(config.settings_json);
  settings["optimizer_config"]["indexing_threshold"] = 1;
  config.settings_json = settings.dump();
  return config;
}

// Every kind of vector is ten files of 32 MiB a shard, nearly all holes, which takes a while to
// look through; where it does not matter two will do.
CollectionConfig small() {
  return default_config(
      {{.dim = 8, .distance = Distance::kDot}, {.name = "words", .kind = VectorKind::kSparse}});
}

CollectionConfig custom_sharding() {
  auto config = small();
  Json settings = Json::parse(config.settings_json);
  settings["params"]["sharding_method"] = "custom";
  config.settings_json = settings.dump();
  return config;
}

class ShipTest : public ::testing::Test {
 protected:
  std::shared_ptr<FolderServer> server(std::vector<ShardInfo> shards = {{.id = 0}, {.id = 1}}) {
    return std::make_shared<FolderServer>(dir_.path() / "server", std::move(shards));
  }
  std::shared_ptr<Backend> ship(const std::shared_ptr<FolderServer>& to, ShipOptions options = {}) {
    options.spool = spool();
    return ship_to(to, std::move(options)).ValueOrDie();
  }
  fs::path spool() const { return dir_.path() / "spool"; }
  // Folders of loads that are there now, in whatever temporary folder.
  size_t loads() const {
    size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(spool())) {
      count += entry.path().filename().string().rfind("ship-", 0) == 0 ? 1U : 0U;
    }
    return count;
  }

  Generator generator_{20261130};
  testing::TempDir dir_;
};

std::string failing(const Status& status) {
  const auto failure = failure_of(status);
  return failure.what + " | " + failure.where + " | " + failure.next;
}

TEST_F(ShipTest, PutsEveryKindOfPointIntoTheShardThatTheServerLooksIn) {
  auto config = low_threshold(Generator::every_kind());
  config.payload_indexes = {{.path = "a", .schema_json = "\"keyword\""},
                            {.path = "n", .schema_json = "\"integer\""}};
  const auto points = generator_.points(config, 500);
  const auto to = server({{.id = 0}, {.id = 1}, {.id = 2}});
  {
    const auto backend = ship(to);
    ASSERT_TRUE(testing::fill(*backend, kName, config, points).ok());
    EXPECT_EQ(loads(), 0U);
  }
  EXPECT_TRUE(fs::is_empty(spool()));
  EXPECT_THAT(to->calls, ElementsAre("create", "write 0", "write 1", "write 2", "prove", "finish"));
  const std::vector<uint32_t> ids = {0, 1, 2};
  const ShardRing ring(ids);
  std::vector<TestPoint> all;
  for (const uint32_t id : ids) {
    const auto shard = to->arrived(kName, id);
    EXPECT_FALSE(shard.points.empty());
    for (const auto& point : shard.points) {
      EXPECT_EQ(ring.shard_of(point.id), id);
    }
    all.insert(all.end(), shard.points.begin(), shard.points.end());
    EXPECT_EQ(shard.config.vectors, config.vectors);
    EXPECT_EQ(shard.config.payload_indexes.size(), 2U);
    EXPECT_GT(shard.indexed_vectors, 0U) << "the threshold that the server held back was used";
    EXPECT_EQ(shard.replica_state, "Active");
  }
  EXPECT_EQ(testing::map_of(all), testing::map_of(points));
}

// Facts, 13.3: below it the server acknowledges updates and drops them.
TEST_F(ShipTest, TheLogStartsAboveTheNumbersThatPointsCarry) {
  const auto config = small();
  const auto to = server({{.id = 0}});
  const auto backend = ship(to);
  ASSERT_TRUE(testing::fill(*backend, kName, config, generator_.points(config, 300), 3).ok());
  const auto shard = to->arrived(kName, 0);
  EXPECT_GE(shard.last_operation, 100U);
  EXPECT_GT(shard.next_operation, shard.last_operation + 100'000);
}

// Facts, 13.1: a thousand small points are 231 MB without sparse members.
TEST_F(ShipTest, AThousandSmallPointsAreASmallFile) {
  const auto config = default_config({{.dim = 8, .distance = Distance::kDot}});
  const auto to = server({{.id = 0}});
  const auto backend = ship(to);
  ASSERT_TRUE(testing::fill(*backend, kName, config, generator_.points(config, 1000)).ok());
  const auto shard = to->arrived(kName, 0);
  EXPECT_LT(shard.file_bytes, 3'000'000U);
  EXPECT_TRUE(std::any_of(shard.members.begin(), shard.members.end(),
                          [](const auto& member) { return member.type == 'S'; }));
  for (const auto& member : shard.members) {  // others are forbidden
    EXPECT_THAT("05S", HasSubstr(std::string(1, member.type))) << member.name;
  }
}

// Facts, 13.4: the server takes whatever it is given, with a 200.
TEST_F(ShipTest, AShardThatDoesNotFitTheTargetIsNotSent) {
  const auto config = Generator::every_kind();
  const auto points = generator_.points(config, 100);
  const auto refuse = [&](const std::function<void(FolderServer&)>& spoil, const char* why) {
    const auto to = server();
    const auto backend = ship(to);
    ASSERT_TRUE(backend->create(kName, config, kNever).ok());
    const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
    ASSERT_TRUE(writer->upsert(*testing::to_batch(config, points)).ok());
    spoil(*to);
    const Status status = backend->finish(kName, config, kNever);
    EXPECT_EQ(kind_of(status), ErrorKind::kConflict);
    EXPECT_THAT(failing(status), HasSubstr(why));
    EXPECT_FALSE(to->has_arrived(kName, 0));
    to->described.reset();
    to->listed.reset();
    EXPECT_TRUE(backend->drop(kName, kNever).ok());
    EXPECT_EQ(loads(), 0U);
  };
  const auto with = [&](const std::function<void(Json&)>& change) {
    return [&, change](FolderServer& to) {
      Json json = Json::parse(to_json(to.describe(kName, kNever).ValueOrDie()));
      change(json["config"]);
      to.described = parse_collection_config(json.dump()).ValueOrDie();
    };
  };
  const std::string dense = [&] {
    for (const auto& spec : config.vectors) {
      if (spec.kind == VectorKind::kDense && !spec.name.empty()) {
        return spec.name;
      }
    }
    return std::string();
  }();
  refuse(with([&](Json& settings) { settings["params"]["vectors"][dense]["size"] = 3; }),
         "other vectors");
  refuse(with([&](Json& settings) {
           auto& distance = settings["params"]["vectors"][dense]["distance"];
           distance = distance == "Dot" ? "Euclid" : "Dot";
         }),
         "other vectors");
  refuse(with([&](Json& settings) {
           auto& vectors = settings["params"]["vectors"];
           vectors["other"] = vectors[dense];
           vectors.erase(dense);
         }),
         "other vectors");
  refuse(with([&](Json& settings) { settings["params"]["vectors"][dense]["on_disk"] = true; }),
         "on_disk");
  refuse(with([](Json& settings) { settings["hnsw_config"]["m"] = 5; }), "m");
  refuse(with([](Json& settings) {
           settings["quantization_config"] = {{"scalar", {{"type", "int8"}}}};
         }),
         "quantization");
  refuse([](FolderServer& to) { to.listed = std::vector<ShardInfo>{{.id = 0}}; }, "other shards");
}

// What does not end in a segment may be changed meanwhile.
TEST_F(ShipTest, OtherSettingsMayChangeMeanwhile) {
  const auto config = small();
  const auto to = server();
  const auto backend = ship(to);
  ASSERT_TRUE(backend->create(kName, config, kNever).ok());
  Json json = Json::parse(to_json(to->describe(kName, kNever).ValueOrDie()));
  json["config"]["optimizer_config"]["max_segment_size"] = 7;
  json["config"]["metadata"] = {{"owner", "me"}};
  to->described = parse_collection_config(json.dump()).ValueOrDie();
  EXPECT_TRUE(backend->finish(kName, config, kNever).ok());
}

TEST_F(ShipTest, WithoutAnIndexThePointsArriveAsTheyAre) {
  const auto config = low_threshold(default_config({{.dim = 32, .distance = Distance::kDot}}));
  const auto points = generator_.points(config, 500);
  const auto to = server();
  const auto backend = ship(to, {.build_index = false});
  ASSERT_TRUE(testing::fill(*backend, kName, config, points).ok());
  EXPECT_EQ(to->arrived(kName, 0).indexed_vectors, 0U);
  EXPECT_EQ(to->points(kName), points);
}

TEST_F(ShipTest, TellsOfIndexingOverAllShards) {
  const auto config = low_threshold(default_config({{.dim = 32, .distance = Distance::kDot}}));
  const auto to = server();
  uint64_t last = 0;
  uint64_t all = 0;
  const auto backend =
      ship(to, {.index_threads = 1, .index_progress = [&](uint64_t done, uint64_t total) {
                  EXPECT_GE(done, last);
                  last = done;
                  all = total;
                }});
  ASSERT_TRUE(testing::fill(*backend, kName, config,
                            generator_.points(config, 500, {.missing_vectors = false}))
                  .ok());
  EXPECT_EQ(all, 500U);
  EXPECT_EQ(last, 500U);
}

TEST_F(ShipTest, WritersSideBySideReplaceAndRemove) {
  const auto config = small();
  const auto points = generator_.points(config, 400);
  const auto to = server();
  const auto backend = ship(to);
  EXPECT_GE(backend->capabilities().write_lanes, 2);
  ASSERT_TRUE(backend->create(kName, config, kNever).ok());
  std::vector<std::thread> lanes;
  for (size_t lane = 0; lane < 4; ++lane) {
    lanes.emplace_back([&, lane] {
      const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
      const auto batch = testing::to_batch(config, points);
      for (int again = 0; again < 2; ++again) {
        testing::must(writer->upsert(*batch->Slice(static_cast<int64_t>(lane) * 100, 100)));
        testing::must(writer->checkpoint());
      }
    });
  }
  for (auto& lane : lanes) {
    lane.join();
  }
  const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
  const std::vector<PointId> gone = {points[5].id, points[377].id, PointId::of(12345678901)};
  ASSERT_TRUE(writer->remove(gone).ok());
  ASSERT_TRUE(backend->finish(kName, config, kNever).ok());
  auto left = points;
  left.erase(left.begin() + 377);
  left.erase(left.begin() + 5);
  EXPECT_EQ(to->points(kName), left);
  EXPECT_EQ(kind_of(writer->upsert(*testing::to_batch(config, points))), ErrorKind::kNotFound);
}

TEST_F(ShipTest, PointsGoToTheShardsOfTheirKeysWhichAreMadeWhenTheyCome) {
  const auto config = custom_sharding();
  const auto to = server({{.id = 1, .key = "known"}});
  const auto backend = ship(to);
  auto points = generator_.points(config, 200);
  const std::vector<std::string> keys = {"known", "new", "5"};
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].shard_key = keys[i % keys.size()];
  }
  ASSERT_TRUE(testing::fill(*backend, kName, config, points).ok());
  EXPECT_THAT(to->calls, ElementsAre("create", "key new", "key 5", "write 1", "write 2", "write 3",
                                     "write 4", "write 5", "prove", "finish"));
  const auto shards = to->shards(kName, kNever).ValueOrDie();
  const auto router = ShardRouter::make(shards).ValueOrDie();
  std::map<uint32_t, std::vector<TestPoint>> expected;
  for (auto point : points) {
    const auto shard = router.shard_of(point.id, point.shard_key);
    ASSERT_TRUE(shard);
    point.shard_key.reset();
    expected[*shard].push_back(point);
  }
  for (const auto& shard : shards) {
    EXPECT_EQ(to->arrived(kName, shard.id).points, expected[shard.id]) << shard.id;
  }
}

TEST_F(ShipTest, WhatDoesNotFitIsRefusedWhole) {
  const auto config = Generator::every_kind();
  const auto to = server();
  const auto backend = ship(to);
  ASSERT_TRUE(backend->create(kName, config, kNever).ok());
  const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
  const auto refuse = [&](const CollectionConfig& of, TestPoint last, const char* why) {
    auto points = generator_.points(of, 50);
    last.id = PointId::of(UINT64_MAX);
    points.push_back(std::move(last));
    const Status status = writer->upsert(*testing::to_batch(of, points));
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
    EXPECT_THAT(failing(status), HasSubstr(why));
  };
  refuse(config, {.shard_key = "k"}, "shard key");
  std::string deep(200, '[');
  refuse(config, {.payload = "{\"a\":" + deep + std::string(200, ']') + "}"}, "deeper");
  refuse(default_config({{.name = "nobody", .dim = 2}}), {}, "nobody");
  auto other = config.vectors;
  other.front().dim += 1;
  refuse(default_config(other), {}, "expected");
  ASSERT_TRUE(backend->finish(kName, config, kNever).ok());
  EXPECT_TRUE(to->points(kName).empty()) << "something of a refused batch was kept";
}

TEST_F(ShipTest, AnUploadThatFailsLeavesNothingButWhatTheCallerDrops) {
  const auto config = small();
  const auto points = generator_.points(config, 100);
  const auto to = server();
  to->refused[1] = fail({.kind = ErrorKind::kUnavailable, .what = "500 Internal Server Error"});
  const auto backend = ship(to);
  const Status status = testing::fill(*backend, kName, config, points);
  EXPECT_EQ(kind_of(status), ErrorKind::kUnavailable);
  EXPECT_THAT(to->calls, Not(::testing::Contains("finish")));
  // Tried again it goes on with what is missing.
  to->refused.clear();
  to->calls.clear();
  ASSERT_TRUE(backend->finish(kName, config, kNever).ok());
  EXPECT_THAT(to->calls, ElementsAre("write 1", "prove", "finish"));
  EXPECT_EQ(to->points(kName), points);
}

TEST_F(ShipTest, AnUploadThatFailsInPassingIsTriedAgain) {
  const auto config = small();
  const auto points = generator_.points(config, 100);
  const auto to = server();
  int cut = 0;
  to->on_write = [&](uint32_t) {
    to->refused.clear();
    if (++cut < 3) {
      to->refused[0] =
          fail({.kind = ErrorKind::kUnavailable, .what = "connection cut", .retryable = true});
    }
  };
  const auto backend = ship(to);
  ASSERT_TRUE(testing::fill(*backend, kName, config, points).ok());
  EXPECT_THAT(to->calls,
              ElementsAre("create", "write 0", "write 0", "write 0", "write 1", "prove", "finish"));
  EXPECT_EQ(to->points(kName), points);
}

TEST_F(ShipTest, DroppedHalfWayNothingIsLeft) {
  const auto config = small();
  const auto to = server();
  to->refused[1] = fail({.kind = ErrorKind::kRefused, .what = "403"});
  const auto backend = ship(to);
  EXPECT_FALSE(testing::fill(*backend, kName, config, generator_.points(config, 100)).ok());
  EXPECT_EQ(loads(), 1U);
  ASSERT_TRUE(backend->drop(kName, kNever).ok());
  EXPECT_EQ(loads(), 0U);
  EXPECT_EQ(kind_of(to->describe(kName, kNever).status()), ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(backend->drop(kName, kNever)), ErrorKind::kNotFound);
}

TEST_F(ShipTest, WhenTheServerWouldDropWritesItIsNotFinished) {
  class Lying : public FolderServer {
   public:
    using FolderServer::FolderServer;
    Status prove_writable(std::string_view /*collection*/, uint64_t least,
                          StopToken /*stop*/) override {
      return least > 0 ? fail({.kind = ErrorKind::kCorrupt, .what = "writes are dropped"})
                       : Status::OK();
    }
  };
  const auto config = small();
  const auto to =
      std::make_shared<Lying>(dir_.path() / "server", std::vector<ShardInfo>{{.id = 0}});
  const auto backend = ship(to);
  EXPECT_EQ(kind_of(testing::fill(*backend, kName, config, generator_.points(config, 10))),
            ErrorKind::kCorrupt);
  EXPECT_FALSE(to->finished(kName));
}

TEST_F(ShipTest, StopsInTheMiddleOfEverything) {
  const auto config = low_threshold(small());
  const auto batch = testing::to_batch(config, generator_.points(config, 200));
  const auto to = server();
  const auto backend = ship(to);
  ASSERT_TRUE(backend->create(kName, config, kNever).ok());
  arrow::StopSource source;
  const auto writer = backend->open_writer(kName, source.token()).ValueOrDie();
  ASSERT_TRUE(writer->upsert(*batch).ok());
  to->on_write = [&](uint32_t) { source.RequestStop(); };
  EXPECT_EQ(kind_of(backend->finish(kName, config, source.token())), ErrorKind::kCancelled);
  EXPECT_THAT(to->calls, ElementsAre("create", "write 0"));
  EXPECT_EQ(kind_of(writer->upsert(*batch)), ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(backend->finish(kName, config, source.token())), ErrorKind::kCancelled);
  ASSERT_TRUE(backend->drop(kName, kNever).ok());
  EXPECT_EQ(loads(), 0U);
}

// Undone by another backend of the same process, while the cancelled optimise works on.
TEST_F(ShipTest, WhatWasStoppedCanBeDroppedThroughAnotherBackendAtOnce) {
  const auto config = low_threshold(default_config({{.dim = 256, .distance = Distance::kEuclid}}));
  const auto to = server({{.id = 0}});
  ShipOptions options{.kept = dir_.path() / "kept", .index_threads = 1};
  arrow::StopSource source;
  options.index_progress = [&](uint64_t, uint64_t) { source.RequestStop(); };
  {
    const auto backend = ship_to(to, options).ValueOrDie();
    ASSERT_TRUE(backend->create(kName, config, kNever).ok());
    const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(writer->upsert(*testing::to_batch(config, generator_.points(config, 1000))).ok());
    }
    ASSERT_EQ(kind_of(backend->finish(kName, config, source.token())), ErrorKind::kCancelled);
  }
  {
    const auto backend = ship_to(to, options).ValueOrDie();
    EXPECT_TRUE(backend->take_over(kName, kNever).ValueOrDie());
    EXPECT_TRUE(backend->drop(kName, kNever).ok());
    EXPECT_FALSE(fs::exists(options.kept));
  }
  discard_kept(options.kept);
  EXPECT_FALSE(fs::exists(options.kept));
}

// A cancelled optimise works on in the background, and must not bring the spool back.
TEST_F(ShipTest, StopsWhileItIndexes) {
  const auto config = low_threshold(default_config({{.dim = 256, .distance = Distance::kEuclid}}));
  const auto to = server({{.id = 0}});
  arrow::StopSource source;
  const auto backend = ship(to, {.index_threads = 1, .index_progress = [&](uint64_t, uint64_t) {
                                   source.RequestStop();
                                 }});
  ASSERT_TRUE(backend->create(kName, config, kNever).ok());
  const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(writer->upsert(*testing::to_batch(config, generator_.points(config, 1000))).ok());
  }
  EXPECT_EQ(kind_of(backend->finish(kName, config, source.token())), ErrorKind::kCancelled);
  EXPECT_THAT(to->calls, ElementsAre("create"));
  ASSERT_TRUE(backend->drop(kName, kNever).ok());
  EXPECT_EQ(loads(), 0U);
}

TEST_F(ShipTest, WithoutRoomNothingIsMade) {
  const auto to = server();
  const auto backend = ship(to, {.expected_bytes = uint64_t{1} << 60});
  const Status status = backend->create(kName, small(), kNever);
  EXPECT_EQ(kind_of(status), ErrorKind::kIo);
  EXPECT_THAT(failing(status), HasSubstr(spool().string()));
  EXPECT_THAT(failing(status), HasSubstr("--spool DIR"));
  EXPECT_TRUE(to->calls.empty());
}

TEST_F(ShipTest, SettingsThatTheEngineDoesNotTakeLeaveNoCollection) {
  auto config = default_config({{.dim = 4}});
  Json settings = Json::parse(config.settings_json);
  settings["quantization_config"] = {{"holographic", {{"bits", 1}}}};
  config.settings_json = settings.dump();
  const auto to = server();
  const auto backend = ship(to);
  EXPECT_EQ(kind_of(backend->create(kName, config, kNever)), ErrorKind::kIncompatible);
  EXPECT_THAT(to->calls, ElementsAre("create", "drop"));
  EXPECT_EQ(loads(), 0U);
  EXPECT_EQ(kind_of(backend->create("", config, kNever)), ErrorKind::kExists);
}

TEST_F(ShipTest, CollectionsOfOthersAreTheTargetsOwn) {
  const auto config = small();
  const auto to = server();
  ASSERT_TRUE(to->create(kName, config, kNever).ok());
  const auto backend = ship(to);
  EXPECT_EQ(kind_of(backend->create(kName, config, kNever)), ErrorKind::kExists);
  EXPECT_EQ(kind_of(backend->take_over(kName, kNever).status()), ErrorKind::kNotFound)
      << "a load without a spool has to begin again";
  ASSERT_TRUE(backend->finish(kName, config, kNever).ok());
  EXPECT_THAT(to->calls, ElementsAre("create", "finish"));
  EXPECT_FALSE(backend->take_over(kName, kNever).ValueOrDie());
  EXPECT_EQ(backend->list(kNever).ValueOrDie().size(), 1U);
}

TEST_F(ShipTest, SaysBeforehandWhetherItCanBeDone) {
  const auto to = server();
  EXPECT_TRUE(can_ship(*to, kNever).ok());
  to->generation = "1.19";
  EXPECT_TRUE(can_ship(*to, kNever).ok());
  to->generation = "1.17";
  EXPECT_EQ(kind_of(can_ship(*to, kNever)), ErrorKind::kIncompatible);
  to->generation = "1.18";
  to->allowed = fail({.kind = ErrorKind::kRefused, .what = "403"});
  EXPECT_EQ(kind_of(can_ship(*to, kNever)), ErrorKind::kRefused);
  class Plain : public FolderServer {
   public:
    using FolderServer::FolderServer;
    SnapshotStore* snapshots() override { return nullptr; }
  };
  const auto plain = std::make_shared<Plain>(dir_.path() / "plain", std::vector<ShardInfo>());
  EXPECT_EQ(kind_of(can_ship(*plain, kNever)), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(ship_to(plain, {}).status()), ErrorKind::kIncompatible);
}

}  // namespace
}  // namespace vecferry
