#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "arrow/record_batch.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/qdrant/http_client_internal.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/routes/ship.h"
#include "vecferry/server/server.h"
#include "vecferry/wire/server_errors.h"

// Ship to servers over the wire: our own in this process, and a real one when
// VECFERRY_TEST_QDRANT_URL names it.
namespace vecferry {
namespace {

using Json = nlohmann::json;
using testing::Generator;
using testing::TestPoint;

const StopToken kNever = StopToken::Unstoppable();
constexpr const char* kName = "vecferry-ship-test";

std::string real_url() {
  const char* url = std::getenv("VECFERRY_TEST_QDRANT_URL");
  return url == nullptr ? std::string() : std::string(url);
}

std::vector<std::string> servers() {
  std::vector<std::string> urls = {""};
  if (!real_url().empty()) {
    urls.push_back(real_url());
  }
  return urls;
}

// Indexed from a few points on.
CollectionConfig config() {
  auto made = Generator::every_kind();
  Json settings = Json::parse(made.settings_json);
  settings["optimizer_config"]["indexing_threshold"] = 10;
  made.settings_json = settings.dump();
  made.payload_indexes = {{.path = "a", .schema_json = "\"keyword\""},
                          {.path = "n", .schema_json = "\"integer\""}};
  return made;
}

/// The parameter is a server's address; empty: one of our own, which builds no index by itself.
class ShipServerTest : public ::testing::TestWithParam<std::string> {
 protected:
  ShipServerTest() {
    std::string url = GetParam();
    QdrantOptions options{.url = url};
    if (url.empty()) {
      server_ = server::Server::start({.places = {dir_.path() / "place"},
                                       .http_port = 0,
                                       .grpc = "127.0.0.1:0",
                                       .optimise = false})
                    .ValueOrDie();
      options.url = "http://127.0.0.1:" + std::to_string(server_->http_port());
      options.grpc_url = "127.0.0.1:" + std::to_string(server_->grpc_port());
    }
    http_ = remote::HttpClient::make({.base_url = options.url, .use_proxy = false}).ValueOrDie();
    target_ = open_qdrant(options, kNever).ValueOrDie();
    discard(target_->drop(kName, kNever), "of a run that died");
  }
  ~ShipServerTest() override { discard(target_->drop(kName, kNever), "there may be none"); }

  std::shared_ptr<Backend> ship(ShipOptions options = {}) {
    options.spool = dir_.path() / "spool";
    return ship_to(target_, std::move(options)).ValueOrDie();
  }

  Json info() const {
    const auto reply =
        http_->send({.path = std::string("/collections/") + kName}, kNever).ValueOrDie();
    return Json::parse(wire::result_of(reply.body).ValueOrDie());
  }

  testing::TempDir dir_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<remote::HttpClient> http_;
  std::shared_ptr<Backend> target_;
  Generator generator_{7};
};

TEST_P(ShipServerTest, ArrivesWholeIndexedAndGreenAndTakesLaterWrites) {
  ASSERT_TRUE(can_ship(*target_, kNever).ok()) << can_ship(*target_, kNever);
  auto points = generator_.points(config(), 1500);
  ASSERT_TRUE(testing::fill(*ship(), kName, config(), points).ok());

  const auto arrived = info();
  EXPECT_EQ(arrived["status"], "green");
  EXPECT_GT(arrived["indexed_vectors_count"].get<uint64_t>(), 1500U);
  EXPECT_EQ(arrived["payload_schema"].size(), 2U);
  EXPECT_EQ(target_->unready(kName, kNever).ValueOrDie(), "");
  EXPECT_TRUE(testing::same_points(testing::map_of(points),
                                   testing::read_all(*target_, kName).ValueOrDie()));
  const auto there = target_->describe(kName, kNever).ValueOrDie();
  EXPECT_EQ(config_differences(config(), there), std::vector<std::string>());

  // Replaced, removed and added, as if the server had made all of it.
  auto fresh = generator_.points(config(), 40);
  for (size_t i = 0; i < 20; ++i) {
    fresh[i].id = points[i * 70].id;
  }
  std::sort(fresh.begin(), fresh.end(),
            [](const TestPoint& a, const TestPoint& b) { return a.id < b.id; });
  const std::vector<PointId> gone = {points[1].id, points[801].id};
  {
    const auto writer = target_->open_writer(kName, kNever).ValueOrDie();
    ASSERT_TRUE(writer->upsert(*testing::to_batch(config(), fresh)).ok());
    ASSERT_TRUE(writer->remove(gone).ok());
    ASSERT_TRUE(writer->checkpoint().ok());
  }
  auto expected = testing::map_of(points);
  for (const auto& [key, point] : testing::map_of(fresh)) {
    expected.insert_or_assign(key, point);
  }
  for (const auto& id : gone) {
    expected.erase({id, std::nullopt});
  }
  EXPECT_TRUE(testing::same_points(expected, testing::read_all(*target_, kName).ValueOrDie()));
}

TEST_P(ShipServerTest, UnindexedPointsAreTheServersToIndex) {
  const auto points = generator_.points(config(), 300);
  ASSERT_TRUE(testing::fill(*ship({.build_index = false}), kName, config(), points).ok());
  EXPECT_TRUE(testing::same_points(testing::map_of(points),
                                   testing::read_all(*target_, kName).ValueOrDie()));
}

TEST_P(ShipServerTest, AnEmptyCollectionArrivesToo) {
  ASSERT_TRUE(testing::fill(*ship(), kName, config(), {}).ok());
  EXPECT_EQ(target_->count(kName, nullptr, kNever).ValueOrDie(), 0U);
  const auto points = generator_.points(config(), 3);
  const auto writer = target_->open_writer(kName, kNever).ValueOrDie();
  ASSERT_TRUE(writer->upsert(*testing::to_batch(config(), points)).ok());
  ASSERT_TRUE(writer->checkpoint().ok());
  EXPECT_EQ(target_->count(kName, nullptr, kNever).ValueOrDie(), 3U);
}

TEST_P(ShipServerTest, DroppedHalfWayNothingIsLeft) {
  const auto backend = ship();
  ASSERT_TRUE(backend->create(kName, config(), kNever).ok());
  const auto writer = backend->open_writer(kName, kNever).ValueOrDie();
  ASSERT_TRUE(writer->upsert(*testing::to_batch(config(), generator_.points(config(), 50))).ok());
  EXPECT_EQ(target_->count(kName, nullptr, kNever).ValueOrDie(), 0U);
  ASSERT_TRUE(backend->drop(kName, kNever).ok());
  EXPECT_EQ(kind_of(target_->describe(kName, kNever).status()), ErrorKind::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(Servers, ShipServerTest, ::testing::ValuesIn(servers()),
                         [](const auto& test) {
                           return std::string(test.param.empty() ? "serve" : "real");
                         });

}  // namespace
}  // namespace vecferry
