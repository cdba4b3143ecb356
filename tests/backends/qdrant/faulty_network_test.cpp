#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <random>

#include "tests/backends/qdrant/raw_server.h"
#include "tests/backends/qdrant/tcp_proxy.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/qdrant/http_client_internal.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/ops/copy.h"
#include "vecferry/server/server.h"

// A copy between two servers over a network that fails: it ends complete and verified, or it fails
// and leaves nothing.
namespace vecferry::testing {
namespace {

const StopToken kGoOn = StopToken::Unstoppable();

struct Site {
  TempDir dir;
  std::unique_ptr<server::Server> server = server::Server::start({.places = {dir.path() / "place"},
                                                                  .http_port = 0,
                                                                  .grpc = "127.0.0.1:0",
                                                                  .optimise = false})
                                               .ValueOrDie();

  std::string http_url() const { return fmt::format("http://127.0.0.1:{}", server->http_port()); }
};

constexpr std::chrono::milliseconds kPatience{5000};

// Port 0: REST alone.
std::unique_ptr<Backend> connect(const std::string& url, int grpc_port,
                                 std::chrono::milliseconds give_up_after = kPatience) {
  QdrantOptions options{.url = url,
                        .transport = Transport::kRest,
                        .lanes = 2,
                        .read_timeout = std::chrono::milliseconds(20000),
                        .retry = {.first_delay = std::chrono::milliseconds(1),
                                  .longest_delay = std::chrono::milliseconds(20),
                                  .give_up_after = give_up_after}};
  if (grpc_port != 0) {
    options.transport = Transport::kGrpc;
    options.grpc_url = fmt::format("127.0.0.1:{}", grpc_port);
  }
  return open_qdrant(std::move(options), kGoOn).ValueOrDie();
}

// Passes REST on, and now and then does it badly.
class FaultyRest {
 public:
  FaultyRest(const std::string& server_url, uint64_t seed)
      : client_(
            remote::HttpClient::make({.base_url = server_url, .use_proxy = false}).ValueOrDie()),
        random_(seed),
        front_([this](const RawRequest& request) { return answer(request); }) {}

  std::string url() const { return front_.url(); }
  int faults() const { return faults_; }

 private:
  enum Fault { kBusy, kBroken, kDropped, kLost, kCut, kTwice, kNone };

  Fault next_fault(const RawRequest& request) {
    const std::lock_guard lock(mutex_);
    if (request.path == "/" || request.path == "/cluster") {
      return kNone;
    }
    const auto drawn = random_() % 30;
    faults_ += drawn < kNone ? 1 : 0;
    return drawn < kNone ? static_cast<Fault>(drawn) : kNone;
  }

  std::string forward(const RawRequest& request) const {
    const auto reply = client_->send(
        {.method = request.method, .path = request.path, .body = request.body}, kGoOn);
    return reply.ok() ? http_reply(reply->status, reply->body)
                      : error_reply(500, "the proxy's own trouble");
  }

  RawReply answer(const RawRequest& request) {
    switch (next_fault(request)) {
      case kBusy:
        return {error_reply(429, "Rate limiting exceeded", "Retry-After: 0\r\n")};
      case kBroken:
        return {error_reply(500, "Service internal error")};
      case kDropped:
        return {.close = true};
      case kLost:
        forward(request);
        return {.close = true};
      case kCut: {
        const auto whole = forward(request);
        return {whole.substr(0, whole.size() - whole.size() / 3), true};
      }
      case kTwice:
        forward(request);
        return {forward(request)};
      case kNone:
        break;
    }
    return {forward(request)};
  }

  std::unique_ptr<remote::HttpClient> client_;
  std::mutex mutex_;
  std::mt19937_64 random_;  // guarded by mutex_
  std::atomic<int> faults_ = 0;
  RawServer front_;
};

class FaultyNetwork : public ::testing::Test {
 protected:
  FaultyNetwork() {
    direct_source_ = connect(source_.http_url(), source_.server->grpc_port());
    direct_target_ = connect(target_.http_url(), target_.server->grpc_port());
    GeneratorOptions options{.unit_cosine = true};
    must(fill(*direct_source_, "shop", config_, random_.points(config_, 1500, options)));
  }

  // Whether the copy succeeded; either way the target is as it must be.
  bool copy(Backend& from, Backend& to) {
    const auto plan =
        plan_copy({.source = {.backend = &from, .collection = "shop", .label = "source"},
                   .target = {.backend = &to, .collection = "shop", .label = "target"},
                   .limits = {.memory_bytes = int64_t{1} << 20}},
                  kGoOn);
    Progress progress;
    const auto receipt =
        plan.ok() ? run_copy(*plan, progress, kGoOn) : Result<Receipt>(plan.status());
    if (receipt.ok()) {
      EXPECT_TRUE(receipt->verified);
      EXPECT_TRUE(same_collections(*direct_source_, "shop", *direct_target_, "shop"));
      must(direct_target_->drop("shop", kGoOn));
      return true;
    }
    EXPECT_FALSE(failure_of(receipt.status()).what.empty());
    EXPECT_EQ(kind_of(direct_target_->describe("shop", kGoOn).status()), ErrorKind::kNotFound)
        << receipt.status().ToString();
    return false;
  }

  Site source_;
  Site target_;
  Generator random_{7};
  CollectionConfig config_ = default_config({{.dim = 32, .distance = Distance::kCosine}});
  std::unique_ptr<Backend> direct_source_;
  std::unique_ptr<Backend> direct_target_;
};

TEST_F(FaultyNetwork, RestThatFailsInEveryWay) {
  int succeeded = 0;
  int faults = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    FaultyRest from_proxy(source_.http_url(), seed);
    FaultyRest to_proxy(target_.http_url(), seed + 100);
    const auto from = connect(from_proxy.url(), 0);
    const auto to = connect(to_proxy.url(), 0);
    succeeded += copy(*from, *to) ? 1 : 0;
    faults += from_proxy.faults() + to_proxy.faults();
  }
  EXPECT_GT(succeeded, 4);
  EXPECT_GT(faults, 20);
}

TEST_F(FaultyNetwork, GrpcConnectionsThatAreCut) {
  int succeeded = 0;
  int cuts = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    // The first of each is the probe; of the others some break in the middle of a page or a write.
    const auto budget = [seed](int connection) -> size_t {
      std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(connection));
      return connection == 0 || random() % 3 == 0 ? 0 : 60 + random() % 60000;
    };
    TcpProxy from_proxy(source_.server->grpc_port(), budget);
    TcpProxy to_proxy(target_.server->grpc_port(), budget);
    const auto from = connect(source_.http_url(), from_proxy.port());
    const auto to = connect(target_.http_url(), to_proxy.port());
    succeeded += copy(*from, *to) ? 1 : 0;
    cuts += from_proxy.cuts() + to_proxy.cuts();
  }
  EXPECT_GE(succeeded, 3);
  EXPECT_GT(cuts, 4);
}

TEST_F(FaultyNetwork, AServerThatEndsInTheMiddleIsACleanError) {
  const auto from =
      connect(source_.http_url(), source_.server->grpc_port(), std::chrono::milliseconds(300));
  const auto reader = from->open_reader("shop", {.batch_bytes = 20000}, kGoOn).ValueOrDie();
  std::shared_ptr<arrow::RecordBatch> batch;
  must(reader->ReadNext(&batch));
  source_.server->stop();
  Status status;
  do {
    status = reader->ReadNext(&batch);
  } while (status.ok() && batch != nullptr);
  EXPECT_EQ(kind_of(status), ErrorKind::kUnavailable) << status.ToString();
  EXPECT_EQ(failure_of(status).where.rfind("collection 'shop', page from id", 0), 0U)
      << failure_of(status).where;
}

}  // namespace
}  // namespace vecferry::testing
