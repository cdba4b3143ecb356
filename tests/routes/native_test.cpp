#include "vecferry/routes/native.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/faulty_backend.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/sha256.h"

namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

std::string sha256_of(const std::string& bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

// A server's shards as plain bytes; what it is asked for is counted.
class BytesStore : public SnapshotStore {
 public:
  std::string place = "http://10.0.0.1:6333";
  std::vector<ShardInfo> listed = {{.id = 0}, {.id = 1}};
  std::map<uint32_t, std::string> bytes{};
  Status fetching{};  ///< what `fetch_shard` answers
  int cuts = 0;       ///< so many streams end in the middle
  int fetches = 0;
  int uploads = 0;

  SnapshotKind kind() const override { return {.place = place, .generation = "1.18"}; }
  Status may_read(std::string_view /*collection*/, StopToken /*stop*/) override { return {}; }
  Status may_write(StopToken /*stop*/) override { return {}; }
  Result<std::vector<ShardInfo>> shards(std::string_view /*collection*/,
                                        StopToken /*stop*/) override {
    return listed;
  }
  Status read_shard(std::string_view /*collection*/, uint32_t shard, const PieceSink& sink,
                    StopToken /*stop*/) override {
    const std::string& all = bytes.at(shard);
    ARROW_RETURN_NOT_OK(sink(std::string_view(all).substr(0, all.size() / 2)));
    if (cuts > 0) {
      --cuts;
      return fail({.kind = ErrorKind::kUnavailable, .what = "cut short", .retryable = true});
    }
    return sink(std::string_view(all).substr(all.size() / 2));
  }
  Status write_shard(std::string_view /*collection*/, uint32_t shard, const ShardFile& file,
                     StopToken /*stop*/) override {
    ++uploads;
    ARROW_ASSIGN_OR_RAISE(bytes[shard], read_file(file.path));
    return file.sha256 == sha256_of(bytes[shard])
               ? Status::OK()
               : fail({.kind = ErrorKind::kCorrupt, .what = "another hash"});
  }
  Status fetch_shard(std::string_view /*collection*/, uint32_t shard, const ShardAddress& from,
                     StopToken /*stop*/) override {
    ++fetches;
    if (fetching.ok()) {
      bytes[shard] = from.url;
    }
    return fetching;
  }
  Result<ShardAddress> address_of(std::string_view /*collection*/, uint32_t shard,
                                  StopToken /*stop*/) override {
    return ShardAddress{.url = place + "/" + std::to_string(shard)};
  }
  Status prove_writable(std::string_view /*collection*/, uint64_t /*least_operation*/,
                        StopToken /*stop*/) override {
    return {};
  }
};

class Server : public FaultyBackend {
 public:
  Server() : Server(memory_backend()) {}
  SnapshotStore* snapshots() override { return &store; }
  BytesStore store{};
  Faults faults{};

 private:
  explicit Server(std::unique_ptr<Backend> memory)
      : FaultyBackend(*memory, faults), memory_(std::move(memory)) {}
  std::unique_ptr<Backend> memory_;
};

class Native : public ::testing::Test {
 protected:
  Native() {
    source_.store.bytes = {{0, std::string(5000, 'a')}, {1, std::string(7000, 'b')}};
    target_.store.place = "http://10.0.0.2:6333";
  }

  Result<NativeOutcome> carry() {
    return carry_natively(source_, "docs", target_, "new", {.parent = spool_.path()}, kGoOn);
  }
  bool spool_is_empty() const { return std::filesystem::is_empty(spool_.path()); }

  TempDir spool_;
  Server source_;
  Server target_;
};

TEST_F(Native, TheTargetFetchesWhereItCan) {
  const auto outcome = carry().ValueOrDie();
  EXPECT_EQ(outcome.shards, 2u);
  EXPECT_EQ(outcome.fetched, 2u);
  EXPECT_EQ(target_.store.uploads, 0);
  EXPECT_EQ(target_.store.bytes[1], "http://10.0.0.1:6333/1");
}

TEST_F(Native, ElseTheFilesComeThroughHereWithTheirHash) {
  target_.store.fetching = fail({.kind = ErrorKind::kUnavailable, .what = "no route to host"});
  const auto outcome = carry().ValueOrDie();
  EXPECT_EQ(outcome.fetched, 0u);
  EXPECT_EQ(target_.store.fetches, 1) << "it is not asked again";
  EXPECT_EQ(target_.store.bytes, source_.store.bytes);
  EXPECT_NE(to_string(outcome).find("no route to host"), std::string::npos);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(Native, AStreamThatIsCutIsTakenAgain) {
  target_.store.fetching = fail({.kind = ErrorKind::kRefused, .what = "not allowed"});
  source_.store.cuts = 2;
  ASSERT_TRUE(carry().ok());
  EXPECT_EQ(target_.store.bytes, source_.store.bytes);
  source_.store.cuts = 100;
  EXPECT_EQ(kind_of(carry().status()), ErrorKind::kUnavailable);
  EXPECT_TRUE(spool_is_empty());
}

TEST_F(Native, AServerElsewhereIsNotSentToLocalhost) {
  source_.store.place = "http://localhost:6333";
  ASSERT_TRUE(carry().ok());
  EXPECT_EQ(target_.store.fetches, 0);
  EXPECT_EQ(target_.store.bytes, source_.store.bytes);
  target_.store.place = "http://127.0.0.1:7333";
  ASSERT_TRUE(carry().ok());
  EXPECT_EQ(target_.store.fetches, 2);
}

TEST_F(Native, OtherShardsAreRefusedBeforeAnyIsSent) {
  for (const auto& other :
       {std::vector<ShardInfo>{{.id = 0}}, std::vector<ShardInfo>{{.id = 0}, {.id = 2}},
        std::vector<ShardInfo>{{.id = 0}, {.id = 1, .key = "eu"}}}) {
    target_.store.listed = other;
    EXPECT_EQ(kind_of(carry().status()), ErrorKind::kIncompatible);
  }
  EXPECT_EQ(target_.store.fetches + target_.store.uploads, 0);
}

}  // namespace
}  // namespace vecferry::testing
