#include "vecferry/routes/probe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/backends.h"
#include "tests/support/faulty_backend.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/routes/choose.h"
#include "vecferry/server/server.h"

namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

// Says what it was told to say, and counts nothing.
class FakeStore : public SnapshotStore {
 public:
  std::string place = "http://10.0.0.1:6333";
  Status readable{};
  Status writable{};

  SnapshotKind kind() const override { return {.place = place, .generation = "1.18"}; }
  Status may_read(std::string_view /*collection*/, StopToken /*stop*/) override { return readable; }
  Status may_write(StopToken /*stop*/) override { return writable; }
  Result<std::vector<ShardInfo>> shards(std::string_view /*collection*/,
                                        StopToken /*stop*/) override {
    return std::vector<ShardInfo>{{.id = 0}};
  }
  Status read_shard(std::string_view /*collection*/, uint32_t /*shard*/, const PieceSink& /*sink*/,
                    StopToken /*stop*/) override {
    return not_here();
  }
  Status write_shard(std::string_view /*collection*/, uint32_t /*shard*/, const ShardFile& /*file*/,
                     StopToken /*stop*/) override {
    return not_here();
  }
  Status fetch_shard(std::string_view /*collection*/, uint32_t /*shard*/,
                     const ShardAddress& /*from*/, StopToken /*stop*/) override {
    return not_here();
  }
  Result<ShardAddress> address_of(std::string_view /*collection*/, uint32_t /*shard*/,
                                  StopToken /*stop*/) override {
    return not_here();
  }
  Status prove_writable(std::string_view /*collection*/, uint64_t /*least_operation*/,
                        StopToken /*stop*/) override {
    return not_here();
  }

 private:
  static Status not_here() {
    return fail({.kind = ErrorKind::kInternal, .what = "a look moves no shard"});
  }
};

// A place in memory that has shard snapshots, as servers do, and counts its calls.
class FakeServer : public FaultyBackend {
 public:
  FakeServer() : FakeServer(memory_backend()) {}
  SnapshotStore* snapshots() override { return &store; }
  Capabilities capabilities() const override {
    auto can = FaultyBackend::capabilities();
    can.live = true;
    return can;
  }

  FakeStore store{};
  Faults faults{};

 private:
  explicit FakeServer(std::unique_ptr<Backend> memory)
      : FaultyBackend(*memory, faults), memory_(std::move(memory)) {}
  std::unique_ptr<Backend> memory_;
};

CollectionConfig config_of(uint32_t dim) {
  return default_config({{.dim = dim, .distance = Distance::kDot}});
}

// Points with a vector and a payload of 16 bytes.
void fill_with(Backend& backend, std::string_view name, const CollectionConfig& config,
               uint64_t count) {
  std::vector<TestPoint> points;
  for (uint64_t id = 1; id <= count; ++id) {
    points.push_back({.id = PointId::of(id),
                      .vectors = {{"", dense(std::vector<float>(config.vectors.front().dim, 1))}},
                      .payload = R"({"a":"12345678"})"});
  }
  must(fill(backend, name, config, points, 512));
}

TEST(Probe, BetweenPlacesHereNothingIsAsked) {
  Faults faults;
  const auto memory = memory_backend();
  FaultyBackend source(*memory, faults);
  const auto target = memory_backend();
  const Journey journey{
      .source = &source, .from = "docs", .target = target.get(), .config = config_of(4)};
  const auto choice = choose_route(journey, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie();
  EXPECT_EQ(choice.route, Route::kStream);
  EXPECT_TRUE(choice.reason.empty());
  for (const Call call : {Call::kList, Call::kDescribe, Call::kCount, Call::kOpenReader}) {
    EXPECT_EQ(faults.calls(call), 0);
  }
  const auto wanted = choose_route(journey, Prefer::kFast, Route::kEngineRead, kGoOn);
  ASSERT_FALSE(wanted.ok());
  EXPECT_EQ(kind_of(wanted.status()), ErrorKind::kIncompatible);
}

TEST(Probe, AFewPointsCostOneRequest) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 100);
  const Journey journey{.source = &source, .from = "docs", .target = &target, .config = config};
  const auto choice = choose_route(journey, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie();
  EXPECT_EQ(choice.route, Route::kStream);
  EXPECT_TRUE(choice.reason.starts_with("stream: 100 points")) << choice.reason;
  EXPECT_EQ(source.faults.calls(Call::kCount), 1);
  EXPECT_EQ(source.faults.calls(Call::kOpenReader), 0);
}

TEST(Probe, EveryMeansEvery) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 5'000);
  const Journey journey{.source = &source,
                        .from = "docs",
                        .target = &target,
                        .config = config,
                        .points = 5'000,
                        .every = true};
  const auto facts = probe_route_facts(journey, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie();
  EXPECT_EQ(facts.looked_at.size(), 4U);
  EXPECT_EQ(source.faults.calls(Call::kCount), 0);  // it was known
  EXPECT_EQ(source.faults.calls(Call::kOpenReader), 1);
  EXPECT_LE(source.faults.calls(Call::kReadNext), 2);
  EXPECT_DOUBLE_EQ(facts.payload_bytes, 16);
  EXPECT_GE(facts.vector_bytes, 16);
  EXPECT_LE(facts.vector_bytes, 64);
  EXPECT_TRUE(facts.page_seconds_per_byte.has_value());
  EXPECT_TRUE(facts.spool_free.has_value());
}

TEST(Probe, RightsAndWishesDecideWhatIsPossible) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 100);
  const Status no_right = fail({.kind = ErrorKind::kRefused, .what = "the key may only read"});
  const Journey journey{.source = &source,
                        .from = "docs",
                        .target = &target,
                        .config = config,
                        .points = 100,
                        .every = true};
  const auto look = [&](const Journey& of) {
    return probe_route_facts(of, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie();
  };
  auto facts = look(journey);
  for (const Route route : facts.looked_at) {
    EXPECT_TRUE(facts.why_not(route).ok()) << to_string(route) << facts.why_not(route);
  }
  source.store.readable = no_right;
  facts = look(journey);
  EXPECT_EQ(kind_of(facts.why_not(Route::kNative)), ErrorKind::kRefused);
  EXPECT_EQ(kind_of(facts.why_not(Route::kEngineRead)), ErrorKind::kRefused);
  EXPECT_TRUE(facts.why_not(Route::kShip).ok());
  source.store.readable = Status::OK();
  target.store.writable = no_right;
  facts = look(journey);
  EXPECT_FALSE(facts.why_not(Route::kNative).ok());
  EXPECT_FALSE(facts.why_not(Route::kShip).ok());
  EXPECT_TRUE(facts.why_not(Route::kEngineRead).ok());
  target.store.writable = Status::OK();

  auto part = journey;
  part.whole = false;
  EXPECT_FALSE(look(part).why_not(Route::kNative).ok());
  EXPECT_TRUE(look(part).why_not(Route::kShip).ok());
  auto into = journey;
  into.creates = false;
  EXPECT_FALSE(look(into).why_not(Route::kNative).ok());
  EXPECT_FALSE(look(into).why_not(Route::kShip).ok());
  auto reading = journey;
  reading.target = nullptr;
  const std::vector<Route> readings = {Route::kStream, Route::kEngineRead};
  EXPECT_EQ(look(reading).looked_at, readings);
  EXPECT_TRUE(look(reading).why_not(Route::kEngineRead).ok());
  const auto refused = choose_route(reading, Prefer::kFast, Route::kShip, kGoOn);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(kind_of(refused.status()), ErrorKind::kIncompatible);
  const auto here = memory_backend();
  auto to_file = journey;
  to_file.target = here.get();
  EXPECT_EQ(look(to_file).looked_at, readings);
}

TEST(Probe, AWantedRouteIsTheOnlyOneAskedFor) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 100);
  source.store.readable = fail({.kind = ErrorKind::kRefused, .what = "the key may only read"});
  const Journey journey{.source = &source, .from = "docs", .target = &target, .config = config};
  const auto refused = choose_route(journey, Prefer::kFast, Route::kNative, kGoOn);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(kind_of(refused.status()), ErrorKind::kRefused);
  EXPECT_EQ(failure_of(refused.status()).what,
            "route native is not possible here: the key may only read");
  EXPECT_FALSE(failure_of(refused.status()).next.empty());
  const auto shipped = choose_route(journey, Prefer::kFast, Route::kShip, kGoOn).ValueOrDie();
  EXPECT_EQ(shipped.route, Route::kShip);
  EXPECT_EQ(source.faults.calls(Call::kOpenReader), 0);
}

TEST(Probe, ALoopbackNameIsNoAddressForAServerElsewhere) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 100);
  const Journey journey{.source = &source,
                        .from = "docs",
                        .target = &target,
                        .config = config,
                        .points = 100,
                        .every = true};
  const auto fetches = [&] {
    return probe_route_facts(journey, Prefer::kFast, std::nullopt, kGoOn)
        .ValueOrDie()
        .target_fetches;
  };
  EXPECT_TRUE(fetches());
  source.store.place = "http://localhost:6333";
  EXPECT_FALSE(fetches());
  target.store.place = "http://127.0.0.1:7333";
  EXPECT_TRUE(fetches());
}

TEST(Probe, AStopStopsTheLook) {
  FakeServer source;
  FakeServer target;
  const auto config = config_of(4);
  fill_with(source, "docs", config, 100);
  arrow::StopSource stop;
  source.faults.stop_on(Call::kCount, 1, &stop);
  const Journey journey{
      .source = &source, .from = "docs", .target = &target, .config = config, .every = true};
  const auto choice = choose_route(journey, Prefer::kFast, std::nullopt, stop.token());
  ASSERT_FALSE(choice.ok());
  EXPECT_EQ(kind_of(choice.status()), ErrorKind::kCancelled);
}

TEST(Index, IsBuiltOnceASegmentIsLargeEnough) {
  const auto builds = [](uint64_t points, uint32_t dim, const std::string& settings,
                         VectorKind kind = VectorKind::kDense) {
    RouteFacts facts{.points = points};
    auto config = default_config({{.kind = kind, .dim = dim, .distance = Distance::kDot}});
    auto json = nlohmann::json::parse(config.settings_json);
    json.merge_patch(nlohmann::json::parse(settings));
    config.settings_json = json.dump();
    note_index(config, &facts);
    return facts.builds_index;
  };
  EXPECT_TRUE(builds(200'000, 384, "{}"));
  EXPECT_FALSE(builds(1'000, 384, "{}"));
  EXPECT_TRUE(builds(1'000, 384, R"({"optimizer_config":{"indexing_threshold":100}})"));
  EXPECT_FALSE(builds(200'000, 384, R"({"optimizer_config":{"indexing_threshold":0}})"));
  EXPECT_FALSE(builds(200'000, 384, R"({"hnsw_config":{"m":0}})"));
  EXPECT_FALSE(builds(200'000, 0, "{}", VectorKind::kSparse));
}

// A server of our own, over real connections.
class Serving {
 public:
  explicit Serving(server::ServerOptions options = {}) {
    options.places = {dir_.path() / "place"};
    options.http_port = 0;
    options.grpc = "127.0.0.1:0";
    options.optimise = false;
    server_ = server::Server::start(std::move(options)).ValueOrDie();
  }
  std::unique_ptr<Backend> open(const std::string& key = {}) const {
    return open_qdrant({.url = "http://127.0.0.1:" + std::to_string(server_->http_port()),
                        .grpc_url = "127.0.0.1:" + std::to_string(server_->grpc_port()),
                        .api_key = key},
                       kGoOn)
        .ValueOrDie();
  }

 private:
  TempDir dir_;
  std::unique_ptr<server::Server> server_;
};

TEST(Probe, OfServersFindsTheirTimesAndRights) {
  const Serving from({.api_keys = {"all"}, .read_only_api_keys = {"look"}});
  const Serving to;
  const auto source = from.open("all");
  const auto target = to.open();
  fill_with(*source, "docs", config_of(128), 2'000);
  const auto config = source->describe("docs", kGoOn).ValueOrDie();
  Journey journey{.source = source.get(),
                  .from = "docs",
                  .target = target.get(),
                  .config = config,
                  .every = true};
  const auto facts = probe_route_facts(journey, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie();
  EXPECT_EQ(facts.points, 2'000U);
  EXPECT_EQ(facts.source, EndKind::kServer);
  EXPECT_TRUE(facts.live);
  EXPECT_GT(facts.source_round_trip, 0);
  EXPECT_GT(facts.target_round_trip, 0);
  EXPECT_NEAR(facts.vector_bytes, 512, 64);
  EXPECT_DOUBLE_EQ(facts.payload_bytes, 16);
  EXPECT_TRUE(facts.one_machine);
  EXPECT_TRUE(facts.why_not(Route::kNative).ok()) << facts.why_not(Route::kNative);
  EXPECT_TRUE(facts.why_not(Route::kEngineRead).ok()) << facts.why_not(Route::kEngineRead);

  const auto reader = from.open("look");
  journey.source = reader.get();
  const auto refused = choose_route(journey, Prefer::kFast, Route::kEngineRead, kGoOn);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(kind_of(refused.status()), ErrorKind::kRefused) << refused.status();
  EXPECT_EQ(choose_route(journey, Prefer::kFast, std::nullopt, kGoOn).ValueOrDie().route,
            Route::kStream);
}

}  // namespace
}  // namespace vecferry::testing
