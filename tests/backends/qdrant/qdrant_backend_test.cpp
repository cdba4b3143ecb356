#include "vecferry/backends/qdrant/qdrant_backend.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "arrow/record_batch.h"
#include "tests/backends/local/child.h"
#include "tests/backends/qdrant/fake_qdrant.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/qdrant/doctor.h"
#include "vecferry/backends/qdrant/http_client_internal.h"
#include "vecferry/server/server.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

// Against our own server in this process.
namespace vecferry::testing {
namespace {

using Json = nlohmann::json;

const StopToken kGoOn = StopToken::Unstoppable();

class QdrantBackendTest : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(std::vector<std::string> api_keys, std::vector<std::string> read_only_api_keys = {}) {
    server_.reset();
    server_ = server::Server::start({.places = {dir_.path() / "place"},
                                     .http_port = 0,
                                     .grpc = "127.0.0.1:0",
                                     .api_keys = std::move(api_keys),
                                     .read_only_api_keys = std::move(read_only_api_keys),
                                     .optimise = false})
                  .ValueOrDie();
    options_ = {.url = fmt::format("http://127.0.0.1:{}", server_->http_port()),
                .grpc_url = fmt::format("127.0.0.1:{}", server_->grpc_port())};
  }

  std::unique_ptr<Backend> connect() const { return open_qdrant(options_, kGoOn).ValueOrDie(); }

  // The `result` of a request, by hand.
  Json ask(const std::string& method, const std::string& path, const std::string& body = {}) const {
    const auto client =
        remote::HttpClient::make({.base_url = options_.url, .use_proxy = false}).ValueOrDie();
    const auto reply =
        client->send({.method = method, .path = path, .body = body}, kGoOn).ValueOrDie();
    return Json::parse(reply.body)["result"];
  }

  std::vector<std::string> names(Backend& backend) const {
    std::vector<std::string> found;
    for (const auto& summary : backend.list(kGoOn).ValueOrDie()) {
      found.push_back(summary.name);
    }
    return found;
  }

  const Check* check(const std::vector<Check>& checks, const std::string& topic) const {
    const auto found = std::find_if(checks.begin(), checks.end(),
                                    [&](const Check& each) { return each.topic == topic; });
    return found == checks.end() ? nullptr : &*found;
  }

  TempDir dir_;
  std::unique_ptr<server::Server> server_;
  QdrantOptions options_;
  CollectionConfig config_ = default_config({{.dim = 2, .distance = Distance::kDot}});
};

TEST_F(QdrantBackendTest, ALoadIsMarkedUntilItIsFinished) {
  const auto backend = connect();
  auto settings = Json::parse(config_.settings_json);
  settings["metadata"] = {{"owner", "me"}};
  settings["optimizer_config"]["indexing_threshold"] = 12345;
  config_.settings_json = settings.dump();
  ASSERT_TRUE(backend->create("shop", config_, kGoOn).ok());

  const Json loading = ask("GET", "/collections/shop")["config"];
  const Json mark = loading["metadata"]["vecferry.unfinished_load"];
  EXPECT_EQ(loading["optimizer_config"]["indexing_threshold"], 0);
  EXPECT_EQ(mark["pid"], getpid());
  // Whoever finds it later knows what is to be set.
  EXPECT_EQ(Json::parse(mark["finish"].get<std::string>())["optimizers_config"],
            Json({{"indexing_threshold", 12345}}));
  EXPECT_TRUE(names(*backend).empty());
  EXPECT_FALSE(backend->abandoned("shop", kGoOn).ValueOrDie());
  EXPECT_EQ(kind_of(backend->create("shop", config_, kGoOn)), ErrorKind::kExists);

  ASSERT_TRUE(backend->finish("shop", config_, kGoOn).ok());
  const Json finished = ask("GET", "/collections/shop")["config"];
  EXPECT_EQ(finished["metadata"], Json({{"owner", "me"}}));
  EXPECT_EQ(finished["optimizer_config"]["indexing_threshold"], 12345);
  EXPECT_EQ(names(*backend), std::vector<std::string>{"shop"});
  EXPECT_TRUE(config_differences(config_, backend->describe("shop", kGoOn).ValueOrDie()).empty());
}

TEST_F(QdrantBackendTest, ALoadWhoseProcessHasDiedIsReplaced) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  const auto backend = connect();
  must(backend->create("shop", config_, kGoOn));
  must(backend->open_writer("shop", kGoOn)
           .ValueOrDie()
           ->upsert(*to_batch(config_, {{.id = PointId::of(uint64_t{1})}})));
  Json mark = ask("GET", "/collections/shop")["config"]["metadata"];
  mark["vecferry.unfinished_load"]["pid"] = child;
  ask("PATCH", "/collections/shop", Json({{"metadata", mark}}).dump());

  const auto checks = examine_server(options_, kGoOn).ValueOrDie();
  const auto* load = check(checks, "loads");
  ASSERT_NE(load, nullptr);
  EXPECT_EQ(load->level, CheckLevel::kWarn);
  EXPECT_NE(load->text.find("ended"), std::string::npos) << load->text;
  EXPECT_NE(load->next.find(R"("metadata":{"vecferry.unfinished_load":null})"), std::string::npos)
      << load->next;

  EXPECT_TRUE(backend->abandoned("shop", kGoOn).ValueOrDie());
  ASSERT_TRUE(backend->create("shop", config_, kGoOn).ok());
  ASSERT_TRUE(backend->finish("shop", config_, kGoOn).ok());
  EXPECT_EQ(backend->count("shop", nullptr, kGoOn).ValueOrDie(), 0U);
}

// A process that loads `shop` and is killed in the middle leaves 20 points and more.
class KilledLoadTest : public QdrantBackendTest {
 protected:
  void SetUp() override {
    QdrantBackendTest::SetUp();
    Child worker({options_.url, options_.grpc_url});
    ASSERT_TRUE(worker.wait_for("loading"));
    worker.kill();
  }
};

TEST_F(KilledLoadTest, CanBeTakenOverAndGoesOn) {
  const auto backend = connect();
  const Json before =
      ask("GET", "/collections/shop")["config"]["metadata"]["vecferry.unfinished_load"];
  ASSERT_TRUE(backend->abandoned("shop", kGoOn).ValueOrDie());
  ASSERT_TRUE(backend->take_over("shop", kGoOn).ValueOrDie());

  const Json mark =
      ask("GET", "/collections/shop")["config"]["metadata"]["vecferry.unfinished_load"];
  EXPECT_EQ(mark["pid"], getpid());
  for (const char* kept : {"load", "since", "finish"}) {
    EXPECT_EQ(mark[kept], before[kept]) << kept;
  }
  EXPECT_FALSE(backend->abandoned("shop", kGoOn).ValueOrDie());
  EXPECT_TRUE(connect()->take_over("shop", kGoOn).ValueOrDie()) << "it is this process's now";
  EXPECT_EQ(kind_of(backend->create("shop", config_, kGoOn)), ErrorKind::kExists);

  const auto there = backend->count("shop", nullptr, kGoOn).ValueOrDie();
  EXPECT_GE(there, 20U);
  const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
  must(writer->upsert(*to_batch(config_, {{.id = PointId::of(uint64_t{1000000})}})));
  must(writer->checkpoint());
  must(backend->finish("shop", config_, kGoOn));
  EXPECT_EQ(names(*backend), std::vector<std::string>{"shop"});
  EXPECT_EQ(read_all(*backend, "shop").ValueOrDie().size(), there + 1);
  const Json finished = ask("GET", "/collections/shop")["config"];
  EXPECT_GT(finished["optimizer_config"]["indexing_threshold"], 0);
  EXPECT_FALSE(backend->take_over("shop", kGoOn).ValueOrDie()) << "it is finished";
}

TEST_F(KilledLoadTest, CanBeTakenOverAndDropped) {
  const auto backend = connect();
  ASSERT_TRUE(backend->take_over("shop", kGoOn).ValueOrDie());
  must(backend->drop("shop", kGoOn));
  EXPECT_EQ(kind_of(backend->describe("shop", kGoOn).status()), ErrorKind::kNotFound);
  EXPECT_FALSE(backend->take_over("shop", kGoOn).ValueOrDie());
}

TEST_F(QdrantBackendTest, LargeIntegersComeThroughGrpc) {
  const auto backend = connect();
  std::vector<TestPoint> points;
  for (uint64_t id = 1; id <= 300; ++id) {
    points.push_back({.id = PointId::of(id), .vectors = {{"", dense({1, 2})}}});
    points.back().payload = id % 7 == 0   ? R"({"big":18446744073709551615,"n":1})"
                            : id % 7 == 1 ? R"({"big":9.223372036854776e18})"
                                          : fmt::format(R"({{"n":{}}})", id);
  }
  ASSERT_TRUE(backend->capabilities().non_finite) << "gRPC does not answer";
  must(fill(*backend, "shop", config_, points));
  const auto read = read_all(*backend, "shop", {.batch_bytes = 3000});
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_TRUE(same_points(map_of(points), *read));
}

TEST_F(QdrantBackendTest, ANameThatIsAnAliasLeadsToItsCollection) {
  const auto backend = connect();
  must(fill(*backend, "shop", config_, {{.id = PointId::of(uint64_t{1})}}));
  const AliasChange alias{"current", "shop"};
  must(backend->change_aliases({&alias, 1}, kGoOn));
  EXPECT_EQ(backend->describe("current", kGoOn).ValueOrDie().aliases,
            std::vector<std::string>{"current"});
  EXPECT_EQ(read_all(*backend, "current").ValueOrDie().size(), 1U);
  EXPECT_EQ(kind_of(backend->drop("current", kGoOn)), ErrorKind::kNotFound);
}

TEST_F(QdrantBackendTest, TheKeyOpensBothPorts) {
  start({"s3cret"});
  const auto locked = open_qdrant(options_, kGoOn);
  if (locked.ok()) {
    EXPECT_EQ(kind_of((*locked)->list(kGoOn).status()), ErrorKind::kRefused);
  }
  auto checks = examine_server(options_, kGoOn).ValueOrDie();
  EXPECT_EQ(check(checks, "rights")->level, CheckLevel::kFail);

  for (const bool bearer : {false, true}) {
    QdrantOptions keyed = options_;
    keyed.transport = Transport::kGrpc;
    (bearer ? keyed.bearer_token : keyed.api_key) = "s3cret";
    const auto backend = open_qdrant(keyed, kGoOn).ValueOrDie();
    const std::string name = bearer ? "b" : "a";
    must(fill(*backend, name, config_, {{.id = PointId::of(uint64_t{1})}}));
    EXPECT_EQ(read_all(*backend, name).ValueOrDie().size(), 1U);
    checks = examine_server(keyed, kGoOn).ValueOrDie();
    EXPECT_EQ(check(checks, "rights")->level, CheckLevel::kOk);
    for (const auto& each : checks) {
      EXPECT_EQ((each.text + each.next).find("s3cret"), std::string::npos);
    }
  }
}

TEST_F(QdrantBackendTest, TheDoctorLooksAtEverything) {
  const auto backend = connect();
  must(fill(*backend, "shop", config_, {}));
  const auto checks = examine_server(options_, kGoOn).ValueOrDie();
  for (const char* topic : {"rest", "grpc", "version", "rights", "cluster", "collections"}) {
    const auto* found = check(checks, topic);
    ASSERT_NE(found, nullptr) << topic;
    EXPECT_EQ(found->level, CheckLevel::kOk) << topic << ": " << found->text;
  }
  EXPECT_NE(check(checks, "collections")->text.find("1 there, 1 in good health"),
            std::string::npos);
  EXPECT_EQ(names(*backend), std::vector<std::string>{"shop"});  // nothing was changed

  QdrantOptions wrong_grpc = options_;
  wrong_grpc.grpc_url = "127.0.0.1:1";
  EXPECT_EQ(check(examine_server(wrong_grpc, kGoOn).ValueOrDie(), "grpc")->level,
            CheckLevel::kWarn);
  wrong_grpc.transport = Transport::kGrpc;
  EXPECT_EQ(check(examine_server(wrong_grpc, kGoOn).ValueOrDie(), "grpc")->level,
            CheckLevel::kFail);
  EXPECT_EQ(kind_of(open_qdrant(wrong_grpc, kGoOn).status()), ErrorKind::kUnavailable);

  QdrantOptions nobody{.url = "http://127.0.0.1:1"};
  const auto gone = examine_server(nobody, kGoOn).ValueOrDie();
  EXPECT_EQ(check(gone, "rest")->level, CheckLevel::kFail);
  EXPECT_EQ(check(gone, "version"), nullptr);
}

TEST_F(QdrantBackendTest, ThePortOfAnotherServerIsNotTakenForOurs) {
  must(fill(*connect(), "shop", config_, {{.id = PointId::of(uint64_t{1})}}));
  TempDir other_dir;
  const auto other = server::Server::start({.places = {other_dir.path() / "place"},
                                            .http_port = 0,
                                            .grpc = "127.0.0.1:0",
                                            .optimise = false})
                         .ValueOrDie();
  options_.grpc_url = fmt::format("127.0.0.1:{}", other->grpc_port());
  EXPECT_FALSE(connect()->capabilities().non_finite) << "points would go to another server";
  const auto checks = examine_server(options_, kGoOn).ValueOrDie();
  EXPECT_EQ(check(checks, "grpc")->level, CheckLevel::kWarn) << check(checks, "grpc")->text;
  options_.transport = Transport::kGrpc;
  EXPECT_EQ(kind_of(open_qdrant(options_, kGoOn).status()), ErrorKind::kConflict);

  // The same names, but not the same collection.
  must(other->collections().create("shop", default_config({{.dim = 3}})));
  const auto backend = connect();
  EXPECT_EQ(kind_of(backend->open_reader("shop", {}, kGoOn).status()), ErrorKind::kConflict);
  EXPECT_EQ(kind_of(backend->open_writer("shop", kGoOn).status()), ErrorKind::kConflict);
  // A load has a mark of its own.
  must(backend->create("new", config_, kGoOn));
  must(other->collections().create("new", config_));
  EXPECT_EQ(kind_of(backend->open_writer("new", kGoOn).status()), ErrorKind::kConflict);
}

TEST(QdrantLosses, AnOldServerSaysBeforehandWhatItCannotKeep) {
  CollectionConfig config = default_config({{.dim = 2}});
  auto settings = Json::parse(config.settings_json);
  settings["metadata"] = {{"owner", "me"}};
  settings["strict_mode_config"] = {{"enabled", true}};
  config.settings_json = settings.dump();
  config.payload_indexes = {{"shop.id", R"("uuid")"}};

  const auto lost_at = [&](const char* version) {
    const FakeQdrant server(config, {}, version);
    const auto backend = server.connect();
    const auto lost = backend->losses(config, kGoOn).ValueOrDie();
    EXPECT_EQ(server.count_of("PUT"), 0U) << "only asked";
    return lost;
  };
  EXPECT_EQ(lost_at("1.18.3"), std::vector<std::string>{});
  EXPECT_EQ(lost_at("1.10.1"),
            (std::vector<std::string>{"strict_mode_config: not known to Qdrant 1.10.1",
                                      "metadata: not known to Qdrant 1.10.1",
                                      "payload index shop.id (uuid): not known to Qdrant 1.10.1"}));

  config = default_config({{.element = ElementType::kUint8, .dim = 2}});
  const FakeQdrant server(config, {}, "1.8.4");
  EXPECT_EQ(kind_of(server.connect()->losses(config, kGoOn).status()), ErrorKind::kIncompatible);
}

// What each of `nodes` in vecferry.toml turns out to be.
class NodesTest : public ::testing::Test {
 protected:
  static FakeQdrant::Override in_cluster(const std::string& peer) {
    return [peer](const RawRequest& request, const auto&) {
      constexpr const char* kPeers =
          R"({"11":{"uri":"http://a:6335/"},"12":{"uri":"http://b:6335/"}})";
      return request.path == "/cluster"
                 ? RawReply{ok_reply(fmt::format(
                       R"({{"status":"enabled","peer_id":{},"peers":{}}})", peer, kPeers))}
                 : RawReply{};
    };
  }

  std::vector<Check> examine(const std::vector<const FakeQdrant*>& nodes) const {
    QdrantOptions options{.url = first_.url(), .transport = Transport::kRest};
    for (const auto* node : nodes) {
      options.nodes.push_back(node->url());
    }
    std::vector<Check> found;
    for (auto& each : examine_server(options, kGoOn).ValueOrDie()) {
      if (each.topic == "nodes") {
        found.push_back(std::move(each));
      }
    }
    return found;
  }

  CollectionConfig config_ = default_config({{.dim = 2}});
  FakeQdrant first_{config_, in_cluster("11")};
  FakeQdrant second_{config_, in_cluster("12")};
};

TEST_F(NodesTest, EachIsKnownByThePeerThatAnswers) {
  auto checks = examine({&first_, &second_});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].level, CheckLevel::kOk) << checks[0].text;
  EXPECT_EQ(checks[0].text, "2 of 2 nodes are named and answer");

  checks = examine({&second_});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].level, CheckLevel::kWarn) << checks[0].text;

  checks = examine({});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].level, CheckLevel::kWarn);
  EXPECT_NE(checks[0].next.find("nodes ="), std::string::npos) << checks[0].next;
}

TEST_F(NodesTest, OneOfAnotherClusterAndABalancerAreSaid) {
  const FakeQdrant stranger(config_, in_cluster("99"));
  auto checks = examine({&first_, &stranger});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].level, CheckLevel::kFail);
  EXPECT_EQ(checks[0].text, stranger.url() + " is no node of this cluster");

  const FakeQdrant balancer(config_, in_cluster("11"));
  checks = examine({&first_, &balancer});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].level, CheckLevel::kFail);
  EXPECT_EQ(checks[0].text, balancer.url() + " leads to a node that is named already");
}

TEST_F(QdrantBackendTest, AReadOnlyKeyLooksAndChangesNothing) {
  start({"s3cret"}, {"looker"});
  QdrantOptions full = options_;
  full.api_key = "s3cret";
  must(fill(*open_qdrant(full, kGoOn).ValueOrDie(), "shop", config_,
            {{.id = PointId::of(uint64_t{1})}}));
  for (const auto transport : {Transport::kGrpc, Transport::kRest}) {
    QdrantOptions reading = options_;
    reading.api_key = "looker";
    reading.transport = transport;
    const auto backend = open_qdrant(reading, kGoOn).ValueOrDie();
    EXPECT_EQ(read_all(*backend, "shop").ValueOrDie().size(), 1U);
    const auto writer = backend->open_writer("shop", kGoOn).ValueOrDie();
    Status written = writer->upsert(*to_batch(config_, {{.id = PointId::of(uint64_t{2})}}));
    written = written.ok() ? writer->checkpoint() : written;
    EXPECT_EQ(kind_of(written), ErrorKind::kRefused);
    EXPECT_EQ(kind_of(backend->create("new", config_, kGoOn)), ErrorKind::kRefused);
    EXPECT_EQ(kind_of(backend->drop("shop", kGoOn)), ErrorKind::kRefused);
    EXPECT_EQ(backend->count("shop", nullptr, kGoOn).ValueOrDie(), 1U);
    const auto checks = examine_server(reading, kGoOn).ValueOrDie();
    EXPECT_EQ(check(checks, "rights")->level, CheckLevel::kWarn) << check(checks, "rights")->text;
  }
}

TEST_F(QdrantBackendTest, ARestOnlyServerIsFoundOut) {
  options_.grpc_url = "127.0.0.1:1";
  const auto backend = connect();
  EXPECT_FALSE(backend->capabilities().non_finite);
  must(fill(*backend, "shop", config_, {{.id = PointId::of(uint64_t{1})}}));
  EXPECT_EQ(read_all(*backend, "shop").ValueOrDie().size(), 1U);
}

TEST_F(QdrantBackendTest, AServerWithoutItsRestPortSaysWhatIsMissing) {
  options_.url = "http://127.0.0.1:1";
  const auto failure = failure_of(open_qdrant(options_, kGoOn).status());
  EXPECT_EQ(failure.kind, ErrorKind::kUnavailable);
  EXPECT_NE(failure.what.find("gRPC answers at " + options_.grpc_url), std::string::npos)
      << failure.what;
  EXPECT_NE(failure.next.find("open REST's port"), std::string::npos) << failure.next;
  const auto checks = examine_server(options_, kGoOn).ValueOrDie();
  EXPECT_EQ(check(checks, "rest")->level, CheckLevel::kFail);
  EXPECT_NE(check(checks, "grpc")->text.find("need REST's port"), std::string::npos)
      << check(checks, "grpc")->text;
  // Nothing at all is said as before, and so is REST alone, as it was asked for.
  auto nobody = options_;
  nobody.grpc_url = "127.0.0.1:1";
  auto rest_alone = options_;
  rest_alone.transport = Transport::kRest;
  for (const auto& options : {nobody, rest_alone}) {
    EXPECT_EQ(failure_of(open_qdrant(options, kGoOn).status()).what.find("nothing answers at"), 0U);
  }
}

}  // namespace
}  // namespace vecferry::testing
