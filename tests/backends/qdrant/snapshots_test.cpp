#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>

#include "tests/backends/qdrant/raw_server.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"

// Shards as files of a cluster that a test describes: which node is asked for what, and what is
// taken for whole.
namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();
const std::string kWhole = std::string(3000, 'x') + std::string(1024, '\0');

// One node, which answers as it is told to and writes down what it was asked.
class Node {
 public:
  explicit Node(uint64_t peer)
      : peer_(peer), server_([this](const RawRequest& request) { return answer(request); }) {}

  std::string url() const { return server_.url(); }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  std::string placement;                         ///< `result` of the collection's cluster
  std::map<std::string, std::string> replies{};  ///< by "METHOD suffix"; whole, head and body

 private:
  RawReply answer(const RawRequest& request) {
    const std::string path = request.path.substr(0, request.path.find('?'));
    if (path == "/") {
      return {http_reply(200, R"({"title":"qdrant","version":"1.18.3"})")};
    }
    if (path == "/cluster") {
      return {ok_reply(fmt::format(R"({{"status":"enabled","peer_id":{}}})", peer_))};
    }
    if (path == "/collections/c/cluster") {
      return {ok_reply(placement)};
    }
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(request.method + " " + request.path);
    }
    for (const auto& [what, reply] : replies) {
      const size_t blank = what.find(' ');
      if (request.method == what.substr(0, blank) && path.ends_with(what.substr(blank + 1))) {
        return {reply};
      }
    }
    return {error_reply(404, "Not found: nothing here")};
  }

  const uint64_t peer_;
  std::mutex mutex_;
  std::vector<std::string> asked_;  // guarded by mutex_
  RawServer server_;
};

std::string replica(uint32_t shard, const std::string& more) {
  return fmt::format(R"({{"shard_id":{},{}}})", shard, more);
}

std::string local(uint32_t shard) {
  return replica(shard, R"("points_count":1,"state":"Active")");
}

std::string remote(uint32_t shard, uint64_t peer, const std::string& state = "Active") {
  return replica(shard, fmt::format(R"("peer_id":{},"state":"{}")", peer, state));
}

std::string cluster(const std::string& locals, const std::string& remotes,
                    const std::string& transfers = "") {
  return fmt::format(
      R"({{"peer_id":1,"shard_count":2,"local_shards":[{}],"remote_shards":[{}],"shard_transfers":[{}]}})",
      locals, remotes, transfers);
}

class Snapshots : public ::testing::Test {
 protected:
  SnapshotStore& store(std::vector<std::string> nodes = {}) {
    QdrantOptions options{.url = first_.url(), .transport = Transport::kRest};
    options.nodes = std::move(nodes);
    options.retry.give_up_after = std::chrono::milliseconds(0);
    backend_ = open_qdrant(std::move(options), kGoOn).ValueOrDie();
    return *backend_->snapshots();
  }
  static Result<std::string> read(SnapshotStore& store, uint32_t shard) {
    std::string all;
    ARROW_RETURN_NOT_OK(store.read_shard(
        "c", shard,
        [&all](std::string_view piece) {
          all += piece;
          return Status::OK();
        },
        kGoOn));
    return all;
  }

  Node first_{1};
  Node second_{2};
  std::unique_ptr<Backend> backend_;
};

TEST_F(Snapshots, AShardIsReadFromANodeThatHoldsItActive) {
  first_.placement = cluster(local(0), remote(0, 2, "Dead") + "," + remote(1, 2));
  first_.replies["GET /shards/0/snapshot"] = http_reply(200, kWhole);
  second_.replies["GET /shards/1/snapshot"] = http_reply(200, kWhole + kWhole);
  auto& shards = store({first_.url(), second_.url()});
  EXPECT_EQ(shards.shards("c", kGoOn)->size(), 2U);
  EXPECT_EQ(*read(shards, 0), kWhole);
  EXPECT_EQ(*read(shards, 1), kWhole + kWhole);
  EXPECT_EQ(second_.asked(), std::vector<std::string>{"GET /collections/c/shards/1/snapshot"});
  EXPECT_EQ(shards.address_of("c", 1, kGoOn)->url,
            second_.url() + "/collections/c/shards/1/snapshot");
}

TEST_F(Snapshots, WithoutItsNodeAShardIsNotToBeHad) {
  first_.placement = cluster(local(0), remote(1, 2));
  const auto unnamed = failure_of(store().shards("c", kGoOn).status());
  EXPECT_EQ(unnamed.kind, ErrorKind::kIncompatible);
  EXPECT_NE(unnamed.next.find("nodes ="), std::string::npos);
  const auto away = failure_of(store({"http://127.0.0.1:1"}).shards("c", kGoOn).status());
  EXPECT_EQ(away.kind, ErrorKind::kIncompatible);
  EXPECT_NE(away.what.find("http://127.0.0.1:1: nothing answers"), std::string::npos) << away.what;
  EXPECT_NE(away.next.find("--route stream"), std::string::npos);
}

TEST_F(Snapshots, ANodeThatIsAwayIsNotMissedWhereAnotherHoldsTheShards) {
  first_.placement = cluster(local(0) + "," + local(1), remote(0, 2) + "," + remote(1, 2));
  EXPECT_EQ(store({"http://127.0.0.1:1"}).shards("c", kGoOn)->size(), 2U);
}

TEST_F(Snapshots, ShardsThatMoveAreLeftAlone) {
  first_.placement = cluster(local(0), "", R"({"shard_id":0,"from":1,"to":2,"sync":true})");
  EXPECT_EQ(kind_of(store().shards("c", kGoOn).status()), ErrorKind::kIncompatible);
}

TEST_F(Snapshots, AStreamWithoutItsEndIsNotTaken) {
  first_.placement = cluster(local(0), "");
  auto& shards = store();
  for (const auto& body : {kWhole.substr(0, kWhole.size() - 1) + "y", kWhole.substr(0, 2000),
                           std::string(1024, '\0'), std::string()}) {
    first_.replies["GET /shards/0/snapshot"] = http_reply(200, body);
    const auto failure = failure_of(read(shards, 0).status());
    EXPECT_EQ(failure.kind, ErrorKind::kUnavailable) << body.size();
    EXPECT_TRUE(failure.retryable);
  }
  const auto full = fail({.kind = ErrorKind::kIo, .what = "full"});
  first_.replies["GET /shards/0/snapshot"] = http_reply(200, kWhole);
  EXPECT_EQ(kind_of(shards.read_shard(
                "c", 0, [&](std::string_view) { return full; }, kGoOn)),
            ErrorKind::kIo);
}

TEST_F(Snapshots, AFileGoesToEachHolderWithItsHash) {
  TempDir dir;
  const ShardFile file{.path = dir.path() / "0.snapshot", .sha256 = std::string(64, 'a')};
  std::ofstream(file.path) << "shard";
  first_.placement = cluster(local(0), remote(0, 2));
  first_.replies["POST /shards/0/snapshots/upload"] = ok_reply("null");
  second_.replies = first_.replies;
  auto& shards = store({second_.url()});
  ASSERT_TRUE(shards.write_shard("c", 0, file, kGoOn).ok());
  for (Node* node : {&first_, &second_}) {
    ASSERT_EQ(node->asked().size(), 1U);
    EXPECT_NE(node->asked()[0].find("priority=no_sync&checksum=" + file.sha256), std::string::npos);
  }
  // Each would fetch another moment of it.
  EXPECT_EQ(kind_of(shards.fetch_shard("c", 0, {.url = "http://10.0.0.1/x"}, kGoOn)),
            ErrorKind::kIncompatible);
}

TEST_F(Snapshots, AReplicaThatCannotBeFilledKeepsTheOthersFromBeing) {
  TempDir dir;
  const ShardFile file{.path = dir.path() / "0.snapshot"};
  std::ofstream(file.path) << "shard";
  first_.replies["POST /shards/0/snapshots/upload"] = ok_reply("null");
  first_.replies["PUT /shards/0/snapshots/recover"] = ok_reply("true");
  const auto refused = [&](const std::string& placement, std::vector<std::string> nodes) {
    first_.placement = placement;
    auto& shards = store(std::move(nodes));
    EXPECT_TRUE(shards.shards("c", kGoOn).ok()) << "to be read it is whole";
    const auto failure = failure_of(shards.write_shard("c", 0, file, kGoOn));
    EXPECT_NE(failure.next.find("nodes ="), std::string::npos);
    return failure.kind == ErrorKind::kIncompatible &&
           kind_of(shards.fetch_shard("c", 0, {.url = "http://10.0.0.1/x"}, kGoOn)) ==
               ErrorKind::kIncompatible;
  };
  EXPECT_TRUE(refused(cluster(local(0), remote(0, 2)), {}));
  EXPECT_TRUE(refused(cluster(local(0), remote(0, 2)), {"http://127.0.0.1:1"}));
  EXPECT_TRUE(refused(cluster(local(0), remote(0, 2, "Dead")), {second_.url()}));
  EXPECT_TRUE(first_.asked().empty());
}

TEST_F(Snapshots, RightsAreAskedForWithoutDoingAnything) {
  first_.placement = cluster(local(0), "");
  auto& shards = store();
  EXPECT_TRUE(shards.may_read("c", kGoOn).ok()) << "no such shard, but the right is there";
  EXPECT_TRUE(shards.may_write(kGoOn).ok());
  first_.replies["GET /snapshot"] = error_reply(403, "Forbidden: Write access is required");
  first_.replies["PUT /snapshots/recover"] = error_reply(403, "Forbidden: Global access");
  EXPECT_EQ(kind_of(shards.may_read("c", kGoOn)), ErrorKind::kRefused);
  EXPECT_EQ(kind_of(shards.may_write(kGoOn)), ErrorKind::kRefused);
}

TEST_F(Snapshots, WritesThatAServerWouldDropAreFound) {
  first_.placement = cluster(local(0), "");
  auto& shards = store();
  const auto answers = [&](uint64_t operation) {
    first_.replies["POST /points/delete"] =
        ok_reply(fmt::format(R"({{"operation_id":{},"status":"completed"}})", operation));
    return kind_of(shards.prove_writable("c", 1000, kGoOn));
  };
  EXPECT_EQ(answers(999), ErrorKind::kCorrupt);
  first_.replies["POST /points/delete"] = ok_reply(R"({"operation_id":1000,"status":"completed"})");
  EXPECT_TRUE(shards.prove_writable("c", 1000, kGoOn).ok());
}

}  // namespace
}  // namespace vecferry::testing
