#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/server/http_server.h"
#include "vecferry/engine/snapshot.h"

/// Snapshots over REST: made, listed, downloaded, recovered.
namespace vecferry {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::HttpServer;
using Json = nlohmann::json;

class SnapshotsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ask("PUT", "/collections/c",
        {{"vectors", {{"size", 2}, {"distance", "Dot"}}}, {"hnsw_config", {{"m", 24}}}});
    ask("PUT", "/collections/c/index?wait=true",
        {{"field_name", "n"}, {"field_schema", {{"type", "integer"}, {"lookup", false}}}});
    Json points = Json::array();
    for (int id = 1; id <= 20; ++id) {
      points.push_back({{"id", id}, {"vector", {id, 1}}, {"payload", {{"n", id}}}});
    }
    ask("PUT", "/collections/c/points?wait=true", {{"points", points}});
  }

  // The result of what must succeed.
  Json ask(const std::string& method, const std::string& path, const Json& body = nullptr) {
    const auto json = http_.ask_json(method, path, body);
    EXPECT_EQ(json.value("status", Json()), "ok") << path << ": " << json;
    return json.value("result", Json());
  }
  std::string refused(const std::string& method, const std::string& path, const Json& body) {
    const auto json = http_.ask_json(method, path, body);
    return json["status"].is_object() ? json["status"]["error"].get<std::string>() : "not refused";
  }
  fs::path download(const std::string& path) {
    const fs::path file = http_.dir().path() / "downloaded.snapshot";
    std::ofstream(file, std::ios::binary) << http_.ask("GET", path).body;
    return file;
  }
  Json upload(const std::string& path, const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const auto answer = http_.client().Post(
        path, httplib::MultipartFormDataItems{{"snapshot", bytes, "x.snapshot", ""}});
    return answer ? Json::parse(answer->body, nullptr, false) : Json("no answer");
  }
  Json scrolled(const std::string& name) {
    return ask("POST", "/collections/" + name + "/points/scroll",
               {{"limit", 100}, {"with_vector", true}});
  }
  // Settings and payload indexes, without what is counted.
  Json settings(const std::string& name) {
    const auto info = ask("GET", "/collections/" + name);
    return {info["config"], info["payload_schema"]};
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(http_.port()) + path;
  }

  HttpServer http_;
};

TEST_F(SnapshotsTest, ACollectionsSnapshotOpensWithTheEngine) {
  const auto made = ask("POST", "/collections/c/snapshots");
  const auto listed = ask("GET", "/collections/c/snapshots");
  EXPECT_EQ(listed, Json::array({made}));
  const auto file = download("/collections/c/snapshots/" + made["name"].get<std::string>());
  EXPECT_EQ(fs::file_size(file), made["size"]);
  const auto unpacked =
      engine::unpack_snapshot(file, http_.dir().path() / "unpacked", {}, StopToken::Unstoppable());
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  ASSERT_TRUE(unpacked->config.has_value());
  EXPECT_THAT(unpacked->config->settings_json, HasSubstr(R"("m":24)"));
  ASSERT_EQ(unpacked->shards.size(), 1U);
  EXPECT_EQ(unpacked->shards[0].replica_state, "Active");
  const auto shard = engine::Shard::open(unpacked->shards[0].folder, {}).ValueOrDie();
  EXPECT_EQ(shard->count(nullptr).ValueOrDie(), 20U);
}

TEST_F(SnapshotsTest, UploadedAndRecoveredCollectionsAreEqual) {
  const auto made = ask("POST", "/collections/c/snapshots");
  const std::string path = "/collections/c/snapshots/" + made["name"].get<std::string>();
  EXPECT_EQ(upload("/collections/up/snapshots/upload?priority=snapshot", download(path))["result"],
            true);
  EXPECT_EQ(ask("PUT", "/collections/down/snapshots/recover",
                {{"location", url(path)}, {"checksum", made["checksum"]}}),
            true);
  for (const char* name : {"up", "down"}) {
    EXPECT_EQ(scrolled(name), scrolled("c")) << name;
    EXPECT_EQ(settings(name), settings("c")) << name;
  }
  // Into a collection that is there: its points are replaced, later writes go on.
  ask("POST", "/collections/up/points/delete?wait=true", {{"points", {1, 2, 3}}});
  ask("PUT", "/collections/up/snapshots/recover", {{"location", url(path)}});
  EXPECT_EQ(scrolled("up"), scrolled("c"));
  ask("POST", "/collections/up/points/delete?wait=true", {{"points", {5}}});
  EXPECT_EQ(ask("POST", "/collections/up/points/count", Json::object())["count"], 19);
}

TEST_F(SnapshotsTest, WhatDoesNotFitIsRefusedAndChangesNothing) {
  const auto made = ask("POST", "/collections/c/snapshots");
  const std::string path = "/collections/c/snapshots/" + made["name"].get<std::string>();
  const auto before = scrolled("c");
  EXPECT_THAT(refused("PUT", "/collections/x/snapshots/recover",
                      {{"location", url(path)}, {"checksum", std::string(64, '0')}}),
              HasSubstr("Wrong input: Snapshot checksum mismatch: expected 000"));
  EXPECT_THAT(
      refused("PUT", "/collections/x/snapshots/recover", {{"location", "file:///etc/passwd"}}),
      HasSubstr("must be inside the snapshots directory"));
  ask("PUT", "/collections/other", {{"vectors", {{"size", 3}, {"distance", "Dot"}}}});
  EXPECT_THAT(refused("PUT", "/collections/other/snapshots/recover", {{"location", url(path)}}),
              HasSubstr("Snapshot is not compatible with existing collection"));
  const fs::path file = download(path);
  fs::resize_file(file, fs::file_size(file) - 600);
  EXPECT_TRUE(upload("/collections/c/snapshots/upload", file)["status"].is_object());
  EXPECT_TRUE(upload("/collections/x/snapshots/upload", file)["status"].is_object());
  EXPECT_EQ(scrolled("c"), before);
  EXPECT_EQ(ask("GET", "/collections/x/exists")["exists"], false);
}

TEST_F(SnapshotsTest, AStreamedShardGoesIntoAnotherCollection) {
  const fs::path file = download("/collections/c/shards/0/snapshot");
  ask("PUT", "/collections/to", {{"vectors", {{"size", 2}, {"distance", "Dot"}}}});
  const auto uploaded = upload("/collections/to/shards/0/snapshots/upload?priority=snapshot", file);
  EXPECT_EQ(uploaded["status"], "ok") << uploaded;
  EXPECT_TRUE(uploaded["result"].is_null());
  EXPECT_EQ(scrolled("to"), scrolled("c"));
  // A write after it has a number above all that the points carry, and takes effect.
  const auto write = ask("PUT", "/collections/to/points?wait=true",
                         {{"points", {{{"id", 7}, {"vector", {0, 0}}}}}});
  EXPECT_GT(write["operation_id"], 1000);
  EXPECT_EQ(ask("GET", "/collections/to/points/7")["vector"], Json({0.0, 0.0}));
  EXPECT_EQ(http_.ask("GET", "/collections/c/shards/1/snapshot").status, 404);
}

TEST_F(SnapshotsTest, ShardSnapshotsAreKeptApart) {
  const auto made = ask("POST", "/collections/c/shards/0/snapshots");
  EXPECT_EQ(ask("GET", "/collections/c/snapshots"), Json::array());
  EXPECT_EQ(ask("GET", "/collections/c/shards/0/snapshots"), Json::array({made}));
  ask("POST", "/collections/c/points/delete?wait=true", {{"points", {1}}});
  ask("PUT", "/collections/c/shards/0/snapshots/recover", {{"location", made["name"]}});
  EXPECT_EQ(ask("POST", "/collections/c/points/count", Json::object())["count"], 20);
  const std::string path = "/collections/c/shards/0/snapshots/" + made["name"].get<std::string>();
  ask("DELETE", path);
  EXPECT_EQ(http_.ask("GET", path).status, 404);
  EXPECT_EQ(ask("GET", "/collections/c/shards/0/snapshots"), Json::array());
}

}  // namespace
}  // namespace vecferry
