#include <gtest/gtest.h>
#include <httplib.h>
#include <points.pb.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/grpc_client.h"
#include "tests/support/temp_dir.h"
#include "vecferry/server/server.h"

namespace vecferry::testing {
namespace {

using Json = nlohmann::json;

constexpr int kDim = 4;
constexpr uint64_t kIdsOfAClient = 1000;

// The thread sanitizer does not see into gRPC's library, and reports its own threads.
#if defined(__SANITIZE_THREAD__)
constexpr bool kWithGrpc = false;
#else
constexpr bool kWithGrpc = true;
#endif

// How long the clients go on: a minute under a sanitizer, and as long as one likes by hand.
std::chrono::seconds duration() {
  const char* text = std::getenv("VECFERRY_LOAD_SECONDS");
  return std::chrono::seconds(text == nullptr ? 3 : std::stoi(text));
}

// What one client does: it alone writes its ids, so that it knows what must be there.
class Client {
 public:
  Client(int number, int http_port, int grpc_port)
      : first_(static_cast<uint64_t>(number) * kIdsOfAClient),
        random_(static_cast<unsigned>(number)),
        rest_("127.0.0.1", http_port) {
    if (kWithGrpc) {
      grpc_.emplace(grpc_port);
    }
    rest_.set_keep_alive(true);
    rest_.set_read_timeout(60);
  }

  void run(std::chrono::steady_clock::time_point end) {
    std::vector<std::function<void()>> acts{
        [this] { upsert_over_rest(); }, [this] { remove(); },
        [this] { set_payload(); },      [this] { query(); },
        [this] { check_own(); },        [this] { look_around(); },
    };
    if (grpc_) {
      acts.emplace_back([this] { upsert_over_grpc(); });
      acts.emplace_back([this] { scroll_over_grpc(); });
    }
    while (std::chrono::steady_clock::now() < end) {
      acts[random_() % acts.size()]();
      ++acts_done;
    }
    check_own();
  }

  const std::vector<bool>& present() const { return present_; }
  uint64_t acts_done = 0;

 private:
  Json ask(const std::string& path, const Json& body, bool put = false) {
    const auto reply = put ? rest_.Put(path, body.dump(), "application/json")
                           : rest_.Post(path, body.dump(), "application/json");
    EXPECT_TRUE(reply) << path;
    if (!reply) {
      return Json();
    }
    EXPECT_EQ(reply->status, 200) << path << ": " << reply->body;
    return Json::parse(reply->body, nullptr, false).value("result", Json());
  }

  uint64_t some_id() { return first_ + random_() % kIdsOfAClient; }
  Json vector() {
    Json values = Json::array();
    for (int i = 0; i < kDim; ++i) {
      values.push_back(static_cast<double>(random_() % 1000) / 1000 + 0.001);
    }
    return values;
  }

  void upsert_over_rest() {
    Json points = Json::array();
    for (int i = 0; i < 10; ++i) {
      const uint64_t id = some_id();
      present_[id - first_] = true;
      points.push_back({{"id", id}, {"vector", vector()}, {"payload", {{"k", id % 7}}}});
    }
    ask("/collections/c/points?wait=true", {{"points", points}}, true);
  }

  void upsert_over_grpc() {
    qdrant::UpsertPoints request;
    request.set_collection_name("c");
    request.set_wait(true);
    for (int i = 0; i < 10; ++i) {
      const uint64_t id = some_id();
      present_[id - first_] = true;
      auto* point = request.add_points();
      point->mutable_id()->set_num(id);
      for (const auto& value : vector()) {
        point->mutable_vectors()->mutable_vector()->mutable_dense()->add_data(value.get<float>());
      }
      (*point->mutable_payload())["k"].set_integer_value(static_cast<int64_t>(id % 7));
    }
    const auto done = grpc_->ask<qdrant::PointsOperationResponse>("/qdrant.Points/Upsert", request);
    EXPECT_EQ(done.result().status(), qdrant::Completed);
  }

  void remove() {
    const uint64_t id = some_id();
    present_[id - first_] = false;
    ask("/collections/c/points/delete?wait=true", {{"points", {id}}});
  }

  void set_payload() {
    ask("/collections/c/points/payload?wait=true",
        {{"payload", {{"seen", random_() % 100}}}, {"filter", {{"must", Json::array({own()})}}}});
  }

  void scroll_over_grpc() {
    qdrant::ScrollPoints request;
    request.set_collection_name("c");
    request.set_limit(500);
    request.mutable_offset()->set_num(some_id());
    request.mutable_with_vectors()->set_enable(true);
    const auto page = grpc_->ask<qdrant::ScrollResponse>("/qdrant.Points/Scroll", request);
    uint64_t before = 0;
    for (const auto& point : page.result()) {
      EXPECT_LT(before, point.id().num() + 1) << "in id order";
      before = point.id().num() + 1;
      EXPECT_EQ(point.vectors().vector().dense().data_size() + point.vectors().vector().data_size(),
                kDim);
    }
  }

  void query() {
    const Json found = ask("/collections/c/points/query", {{"query", vector()}, {"limit", 5}});
    EXPECT_TRUE(found.contains("points")) << found;
  }

  void look_around() {
    for (const char* path : {"/collections/c", "/collections", "/metrics", "/telemetry"}) {
      const auto reply = rest_.Get(path);
      EXPECT_TRUE(reply && reply->status == 200) << path;
    }
  }

  Json own() const {
    Json ids = Json::array();
    for (uint64_t id = first_; id < first_ + kIdsOfAClient; ++id) {
      ids.push_back(id);
    }
    return {{"has_id", ids}};
  }

  // What this client was told is stored is there, and nothing else of its ids.
  void check_own() {
    const auto expected = std::count(present_.begin(), present_.end(), true);
    const Json counted = ask("/collections/c/points/count",
                             {{"exact", true}, {"filter", {{"must", Json::array({own()})}}}});
    EXPECT_EQ(counted.value("count", -1), expected);
  }

  uint64_t first_;
  std::minstd_rand random_;
  httplib::Client rest_;
  std::optional<GrpcClient> grpc_;
  std::vector<bool> present_ = std::vector<bool>(kIdsOfAClient, false);
};

TEST(MixedLoad, EightClientsSeeWhatTheyWrote) {
  constexpr int kClients = 8;
  const TempDir dir;
  server::ServerOptions options{.places = {dir.path() / "place"}, .http_port = 0};
  options.grpc = kWithGrpc ? std::optional<std::string>("127.0.0.1:0") : std::nullopt;
  auto server = server::Server::start(options).ValueOrDie();
  const Json body{{"vectors", {{"size", kDim}, {"distance", "Dot"}}},
                  {"optimizers_config", {{"indexing_threshold", 1}}}};
  ASSERT_TRUE(server->collections().create("c", body.dump()).ok());

  uint64_t expected = 0;
  uint64_t acts = 0;
  {
    const auto end = std::chrono::steady_clock::now() + duration();
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<Client>(i, server->http_port(), server->grpc_port()));
    }
    std::vector<std::jthread> threads;
    for (const auto& client : clients) {
      threads.emplace_back([&client, end] { client->run(end); });
    }
    threads.clear();
    for (const auto& client : clients) {
      const auto& present = client->present();
      expected += static_cast<uint64_t>(std::count(present.begin(), present.end(), true));
      acts += client->acts_done;
    }
  }
  EXPECT_GE(acts, kClients);
  const auto count =
      server->collections().find("c").ValueOrDie()->count({.filter = "", .exact = true});
  EXPECT_EQ(count.ValueOrDie(), expected);
  server->stop();
  RecordProperty("acts", std::to_string(acts));
}

}  // namespace
}  // namespace vecferry::testing
