#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/backends/local/child.h"
#include "tests/support/temp_dir.h"
#include "vecferry/server/collections.h"

/// A server process that is killed, and one that finds its folder in use.
namespace vecferry {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

class ServeCrashTest : public ::testing::Test {
 protected:
  std::unique_ptr<testing::Child> start() {
    auto child =
        std::make_unique<testing::Child>(std::vector<std::string>{place(), dir_.file("port")});
    EXPECT_TRUE(child->wait_for("ready"));
    std::ifstream(dir_.file("port")) >> port_;
    return child;
  }
  std::string place() const { return dir_.file("place"); }

  httplib::Client client() const { return httplib::Client("127.0.0.1", port_); }

  static std::string points(int first, int count) {
    Json list = Json::array();
    for (int id = first; id < first + count; ++id) {
      list.push_back({{"id", id}, {"vector", {id, 1}}, {"payload", {{"n", id}}}});
    }
    return Json{{"points", list}}.dump();
  }

  testing::TempDir dir_;
  int port_ = 0;
};

TEST_F(ServeCrashTest, WhatWasAnsweredWithWaitIsThereAfterAKill) {
  constexpr int kBatch = 50;
  std::atomic<int> acknowledged{0};
  {
    const auto child = start();
    auto http = client();
    ASSERT_EQ(
        http.Put("/collections/c", R"({"vectors":{"size":2,"distance":"Dot"}})", "application/json")
            ->status,
        200);
    std::thread writer([&] {
      auto own = client();
      for (int first = 0;; first += kBatch) {
        const auto answer =
            own.Put("/collections/c/points?wait=true", points(first, kBatch), "application/json");
        if (!answer || answer->status != 200) {
          return;
        }
        acknowledged = first + kBatch;
      }
    });
    // Killed in the middle of some write, whichever it is.
    while (acknowledged < 20 * kBatch) {
      std::this_thread::yield();
    }
    child->kill();
    writer.join();
  }
  const auto child = start();
  auto http = client();
  const auto count = http.Post("/collections/c/points/count", "{}", "application/json");
  ASSERT_TRUE(count);
  const auto there = Json::parse(count->body)["result"]["count"].get<int>();
  EXPECT_GE(there, acknowledged);
  const auto last = http.Get("/collections/c/points/" + std::to_string(acknowledged - 1));
  ASSERT_TRUE(last);
  EXPECT_EQ(Json::parse(last->body)["result"]["payload"]["n"], acknowledged - 1);
  EXPECT_EQ(child->wait().exit_code, 0);
}

TEST_F(ServeCrashTest, AChangeOfSettingsAndAliasesSurvivesAKill) {
  {
    const auto child = start();
    auto http = client();
    const auto json = "application/json";
    ASSERT_EQ(
        http.Put("/collections/c", R"({"vectors":{"size":2,"distance":"Dot"}})", json)->status,
        200);
    ASSERT_EQ(http.Patch("/collections/c", R"({"hnsw_config":{"m":20}})", json)->status, 200);
    ASSERT_EQ(http.Put("/collections/c/index?wait=true",
                       R"({"field_name":"n","field_schema":"integer"})", json)
                  ->status,
              200);
    ASSERT_EQ(
        http.Post("/collections/aliases",
                  R"({"actions":[{"create_alias":{"collection_name":"c","alias_name":"a"}}]})",
                  json)
            ->status,
        200);
    child->kill();
  }
  const auto child = start();
  const auto info = Json::parse(client().Get("/collections/a")->body)["result"];
  EXPECT_EQ(info["config"]["hnsw_config"]["m"], 20);
  EXPECT_TRUE(info["payload_schema"].contains("n"));
}

TEST_F(ServeCrashTest, TwoServersDoNotShareAFolder) {
  const auto child = start();
  testing::Child second({place(), dir_.file("other_port")});
  const auto outcome = second.wait();
  EXPECT_EQ(outcome.exit_code, static_cast<int>(ErrorKind::kConflict) + 10);
  EXPECT_THAT(outcome.err, HasSubstr("process " + std::to_string(child->pid())));
  const auto here = server::Collections::open({place()});
  EXPECT_EQ(kind_of(here.status()), ErrorKind::kConflict);
}

}  // namespace
}  // namespace vecferry
