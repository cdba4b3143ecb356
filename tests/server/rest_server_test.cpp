#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <thread>

#include "tests/server/http_server.h"

namespace vecferry {
namespace {

using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::StartsWith;
using Json = nlohmann::json;

const Json kPlain = {{"vectors", {{"size", 2}, {"distance", "Dot"}}}};

std::string points_body(int first, int count) {
  Json list = Json::array();
  for (int id = first; id < first + count; ++id) {
    list.push_back({{"id", id}, {"vector", {id, 1}}, {"payload", {{"n", id}}}});
  }
  return Json{{"points", list}}.dump();
}

std::string error_of(const httplib::Response& response) {
  return Json::parse(response.body)["status"]["error"];
}

TEST(RestServerTest, AsksForAKeyBeforeAllElse) {
  HttpServer http({.api_keys = {"secret"}, .read_only_api_keys = {"look"}});
  const auto without = http.ask("GET", "/collections");
  EXPECT_EQ(without.status, 401);
  EXPECT_EQ(without.body, "Must provide an API key or an Authorization bearer token");
  EXPECT_EQ(http.ask("GET", "/collections", "", {{"api-key", "secreT"}}).body,
            "Invalid API key or JWT");
  EXPECT_EQ(http.ask("GET", "/collections", "", {{"api-key", "secretsecret"}}).status, 401);
  EXPECT_EQ(http.ask("GET", "/collections", "", {{"Authorization", "secret"}}).status, 401);
  EXPECT_EQ(http.ask("PUT", "/collections/c", "no JSON at all").status, 401);
  EXPECT_EQ(http.ask("GET", "/collections", "", {{"api-key", "secret"}}).status, 200);
  EXPECT_EQ(http.ask("GET", "/collections", "", {{"Authorization", "Bearer secret"}}).status, 200);
  for (const char* path : {"/", "/healthz", "/readyz", "/livez"}) {
    EXPECT_EQ(http.ask("GET", path).status, 200) << path;
  }
  EXPECT_EQ(http.ask("GET", "/metrics").status, 401);
}

TEST(RestServerTest, AKeyThatReadsDoesNotWrite) {
  HttpServer http({.api_keys = {"secret"}, .read_only_api_keys = {"look"}});
  const httplib::Headers full{{"api-key", "secret"}};
  const httplib::Headers read{{"api-key", "look"}};
  ASSERT_EQ(http.ask("PUT", "/collections/c", kPlain.dump(), full).status, 200);
  EXPECT_EQ(http.ask("GET", "/collections/c", "", read).status, 200);
  EXPECT_EQ(http.ask("POST", "/collections/c/points/scroll", "{}", read).status, 200);
  const auto create = http.ask("PUT", "/collections/d", kPlain.dump(), read);
  EXPECT_EQ(create.status, 403);
  EXPECT_EQ(error_of(create), "Forbidden: Global manage access is required");
  for (const auto& [method, path, body] : std::vector<std::array<std::string, 3>>{
           {"PUT", "/collections/c/points", points_body(1, 1)},
           {"POST", "/collections/c/points/delete", R"({"points":[1]})"},
           {"POST", "/collections/c/points/batch", R"({"operations":[]})"},
           {"PUT", "/collections/c/index", R"({"field_name":"n","field_schema":"integer"})"},
           {"DELETE", "/collections/c/index/n", ""},
           {"POST", "/collections/c/snapshots", "{}"}}) {
    const auto refused = http.ask(method, path, body, read);
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_EQ(error_of(refused), "Forbidden: Write access to collection c is required");
  }
  for (const auto& [method, path] :
       std::vector<std::array<std::string, 2>>{{"DELETE", "/collections/c"},
                                               {"PATCH", "/collections/c"},
                                               {"POST", "/collections/aliases"},
                                               {"PUT", "/collections/e/snapshots/recover"}}) {
    EXPECT_EQ(http.ask(method, path, method == "DELETE" ? "" : "{}", read).status, 403) << path;
  }
}

TEST(RestServerTest, BodiesHaveALimit) {
  HttpServer http({.max_request_bytes = 2000});
  ASSERT_EQ(http.ask("PUT", "/collections/c", kPlain.dump()).status, 200);
  std::string body = points_body(1, 3);
  body.resize(2000, ' ');
  EXPECT_EQ(http.ask("PUT", "/collections/c/points?wait=true", body).status, 200);
  body.push_back(' ');
  const auto declared = http.ask("PUT", "/collections/c/points?wait=true", body);
  EXPECT_EQ(declared.status, 400);
  EXPECT_EQ(error_of(declared),
            "JSON payload (2001 bytes) is larger than allowed (limit: 2000 bytes).");
  const auto chunked = http.client().Put(
      "/collections/c/points?wait=true",
      [&](size_t offset, httplib::DataSink& sink) {
        if (offset < body.size()) {
          sink.write(body.data() + offset, body.size() - offset);
        } else {
          sink.done();
        }
        return true;
      },
      "application/json");
  ASSERT_TRUE(chunked);
  EXPECT_EQ(chunked->status, 400);
  EXPECT_EQ(error_of(*chunked), "JSON payload has exceeded limit (2000 bytes).");
  // The connection goes on.
  EXPECT_EQ(http.ask("GET", "/collections").status, 200);
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<unsigned>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(RestServerTest, CompressedBodiesAreUnpackedWithinTheLimit) {
  HttpServer http({.max_request_bytes = 4000});
  ASSERT_EQ(http.ask("PUT", "/collections/c", kPlain.dump()).status, 200);
  const std::string good = points_body(1, 10);
  EXPECT_EQ(
      http.ask("PUT", "/collections/c/points?wait=true", gzip(good), {{"Content-Encoding", "gzip"}})
          .status,
      200);
  std::string zstd(ZSTD_compressBound(good.size()), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), good.data(), good.size(), 3));
  const httplib::Headers is_zstd{{"Content-Encoding", "zstd"}};
  EXPECT_EQ(http.ask("PUT", "/collections/c/points?wait=true", zstd, is_zstd).status, 200);
  EXPECT_EQ(http.ask("PUT", "/collections/c/points", zstd.substr(0, 20), is_zstd).status, 400);
  const std::string bomb(1'000'000, ' ');
  const auto refused =
      http.ask("PUT", "/collections/c/points", gzip(bomb), {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(error_of(refused), "JSON payload has exceeded limit (4000 bytes).");
  std::string packed(ZSTD_compressBound(bomb.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bomb.data(), bomb.size(), 3));
  EXPECT_EQ(error_of(http.ask("PUT", "/collections/c/points", packed, is_zstd)),
            "JSON payload has exceeded limit (4000 bytes).");
}

TEST(RestServerTest, RoutesThatAreNone) {
  HttpServer http;
  ASSERT_EQ(http.ask("PUT", "/collections/c/", kPlain.dump()).status, 200);  // a slash at the end
  EXPECT_EQ(http.ask("GET", "/collections/c/").status, 200);
  EXPECT_EQ(http.ask("HEAD", "/collections/c").status, 404);
  EXPECT_EQ(http.ask("GET", "/collections/c/nothing").status, 404);
  EXPECT_EQ(http.ask("GET", "/%").status, 404);
  EXPECT_EQ(http.ask("GET", "/collections/a%2Fb").status, 422);
  EXPECT_EQ(http.ask("PUT", "/collections/c/points?wait=1", points_body(1, 1)).status, 400);
  const auto formula =
      http.ask("POST", "/collections/c/points/query", R"({"query":{"formula":"x"}})");
  EXPECT_EQ(formula.status, 501);
  EXPECT_EQ(error_of(formula), "Not implemented: a query of `formula`");
  EXPECT_EQ(http.ask("POST", "/snapshots", "{}").status, 501);
  const auto key = http.ask("PUT", "/collections/c/points",
                            R"({"points":[{"id":1,"vector":[1,2]}],"shard_key":"a"})");
  EXPECT_EQ(key.status, 400);
  EXPECT_THAT(error_of(key), HasSubstr("Shard key \"a\" not found"));
}

TEST(RestServerTest, ARequestThatIsNoneEndsItsConnection) {
  HttpServer http;
  httplib::Client client("127.0.0.1", http.port());
  client.set_keep_alive(true);
  const auto odd = client.Post("/collections?a=b?c", "{\"points\": [1]}", "application/json");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->status, 400);
  EXPECT_EQ(odd->get_header_value("Connection"), "close");
  const auto next = client.Get("/healthz");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
}

TEST(RestServerTest, StrictModeLimitsRequests) {
  HttpServer http;
  Json config = kPlain;
  config["strict_mode_config"] = {{"enabled", true},
                                  {"max_query_limit", 5},
                                  {"upsert_max_batchsize", 3},
                                  {"search_allow_exact", false},
                                  {"max_payload_index_count", 1}};
  ASSERT_EQ(http.ask("PUT", "/collections/c", config.dump()).status, 200);
  EXPECT_THAT(error_of(http.ask("PUT", "/collections/c/points?wait=true", points_body(1, 4))),
              StartsWith("Bad request: Limit exceeded 4 > 3 for \"upsert limit\""));
  EXPECT_EQ(http.ask("PUT", "/collections/c/points?wait=true", points_body(1, 3)).status, 200);
  EXPECT_EQ(http.ask("POST", "/collections/c/points/scroll", R"({"limit":6})").status, 400);
  EXPECT_EQ(http.ask("POST", "/collections/c/points/query", R"({"limit":6})").status, 400);
  EXPECT_EQ(http.ask("POST", "/collections/c/points/query", R"({"query":[1,0],"limit":5})").status,
            200);
  EXPECT_EQ(error_of(http.ask("POST", "/collections/c/points/count", "{}")),
            "Bad request: Exact search disabled!. Help: Set exact=false.");
  const std::string index = "/collections/c/index?wait=true";
  EXPECT_EQ(http.ask("PUT", index, R"({"field_name":"n","field_schema":"integer"})").status, 200);
  EXPECT_EQ(http.ask("PUT", index, R"({"field_name":"n","field_schema":"integer"})").status, 200);
  EXPECT_EQ(http.ask("PUT", index, R"({"field_name":"m","field_schema":"integer"})").status, 400);
  // Off again, nothing is limited.
  ASSERT_EQ(
      http.ask("PATCH", "/collections/c", R"({"strict_mode_config":{"enabled":false}})").status,
      200);
  EXPECT_EQ(http.ask("PUT", index, R"({"field_name":"m","field_schema":"integer"})").status, 200);
}

TEST(RestServerTest, SearchesInOtherWordsAreTheSameQuery) {
  HttpServer http;
  ASSERT_EQ(http.ask("PUT", "/collections/c", kPlain.dump()).status, 200);
  ASSERT_EQ(http.ask("PUT", "/collections/c/points?wait=true", points_body(1, 9)).status, 200);
  const auto first_id = [&](const std::string& path, const Json& body) {
    const auto result = http.ask_json("POST", "/collections/c/points/" + path, body)["result"];
    return (result.is_array() ? result : result["points"]).at(0)["id"];
  };
  EXPECT_EQ(first_id("query", {{"query", {1, 0}}}), 9);
  EXPECT_EQ(first_id("search", {{"vector", {1, 0}}, {"limit", 1}}), 9);
  EXPECT_EQ(first_id("recommend", {{"positive", {9}}, {"limit", 1}}), 8);
  EXPECT_EQ(first_id("discover", {{"target", {1, 0}},
                                  {"context", {{{"positive", 9}, {"negative", 1}}}},
                                  {"limit", 1}}),
            8);
  const auto batch = http.ask_json(
      "POST", "/collections/c/points/search/batch",
      {{"searches", {{{"vector", {1, 0}}, {"limit", 2}}, {{"vector", {-1, 0}}, {"limit", 1}}}}});
  EXPECT_EQ(batch["result"][0].size(), 2U);
  EXPECT_EQ(batch["result"][1][0]["id"], 1);
  const auto groups =
      http.ask_json("POST", "/collections/c/points/query/groups",
                    {{"query", {1, 0}}, {"group_by", "n"}, {"limit", 2}, {"group_size", 1}});
  EXPECT_EQ(groups["result"]["groups"][1]["id"], 8);
  EXPECT_EQ(groups["result"]["groups"][1]["hits"][0]["id"], 8);
}

TEST(RestServerTest, StopsWhileRequestsRun) {
  constexpr int kClients = 4;
  HttpServer http;
  ASSERT_EQ(http.ask("PUT", "/collections/c", kPlain.dump()).status, 200);
  std::atomic<int> stored{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] {
      httplib::Client client("127.0.0.1", http.port());
      client.set_keep_alive(true);
      for (int n = 0;; ++n) {
        const auto answer = client.Put("/collections/c/points?wait=true",
                                       points_body(1000 * i + n, 1), "application/json");
        if (!answer) {
          return;  // the server is gone
        }
        ASSERT_EQ(answer->status, 200);
        ++stored;
      }
    });
  }
  while (stored < 20) {
    std::this_thread::yield();
  }
  http.rest().stop();
  for (auto& client : clients) {
    client.join();
  }
  const auto collection = http.collections().find("c").ValueOrDie();
  EXPECT_GE(collection->count({}).ValueOrDie(), static_cast<uint64_t>(stored));
}

}  // namespace
}  // namespace vecferry
