#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "tests/backends/qdrant/fake_qdrant.h"
#include "vecferry/backends/qdrant/wait_ready_internal.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::testing {
namespace {

using wire::CollectionState;

struct Waited {
  Status status{};
  size_t asked = 0;
  size_t woken = 0;
  std::vector<std::pair<uint64_t, uint64_t>> progress{};
};

// What comes of waiting while a collection is in these states, the last one for ever.
Waited wait_for(const std::vector<CollectionState>& states) {
  const auto config = default_config({{.dim = 512}});
  std::atomic<size_t> next = 0;
  FakeQdrant server(config, [&](const RawRequest& request, const auto&) -> RawReply {
    if (request.method == "PATCH") {
      return {ok_reply("true")};
    }
    if (request.path == "/collections/shop/optimizations") {
      return {ok_reply(R"({"running":[]})")};
    }
    if (request.path != "/collections/shop") {
      return {};
    }
    const size_t at = std::min(next++, states.size() - 1);
    return {ok_reply(wire::info_of(config, states[at], {}))};
  });
  Waited waited;
  const auto connection =
      remote::Connection::open(
          {.url = server.url(),
           .transport = Transport::kRest,
           .index_progress = [&](uint64_t done,
                                 uint64_t total) { waited.progress.emplace_back(done, total); },
           .stall_timeout = std::chrono::milliseconds(200)},
          StopToken::Unstoppable())
          .ValueOrDie();
  waited.status = remote::wait_until_ready(*connection, "shop", StopToken::Unstoppable());
  waited.asked = server.count_of("GET /collections/shop");
  waited.woken = server.count_of("PATCH /collections/shop");
  return waited;
}

CollectionState state(const std::string& status, uint64_t indexed = 0) {
  return {.status = status, .points_count = 1000, .indexed_vectors_count = indexed};
}

TEST(WaitUntilReady, GreenAndIndexedIsReady) {
  const auto waited = wait_for({state("yellow"), state("yellow", 400), state("green", 1000)});
  EXPECT_TRUE(waited.status.ok()) << waited.status.ToString();
  ASSERT_EQ(waited.progress.size(), 3U);
  EXPECT_EQ(waited.progress[1], std::make_pair(uint64_t{400}, uint64_t{1000}));
}

TEST(WaitUntilReady, GreenWithoutAnIndexIsLookedAtTwice) {
  // 1,000 vectors of 2 KiB may be above the threshold, and the optimizer not awake yet.
  const auto waited = wait_for({state("green"), state("yellow"), state("green", 1000)});
  EXPECT_TRUE(waited.status.ok()) << waited.status.ToString();
  EXPECT_EQ(waited.progress.size(), 3U);
  auto few = state("green");
  few.points_count = 10;
  EXPECT_EQ(wait_for({few}).progress.size(), 1U);
}

TEST(WaitUntilReady, AQueueIsWaitedFor) {
  auto queued = state("green", 1000);
  queued.queued_updates = 5;
  const auto waited = wait_for({queued, queued, state("green", 1000)});
  EXPECT_TRUE(waited.status.ok());
  EXPECT_EQ(waited.progress.size(), 3U);
}

TEST(WaitUntilReady, GreyIsWokenOnce) {
  const auto waited = wait_for({state("grey"), state("grey"), state("green", 1000)});
  EXPECT_TRUE(waited.status.ok());
  EXPECT_EQ(waited.woken, 1U);
}

TEST(WaitUntilReady, RedAndNothingMovingAreErrors) {
  auto red = state("red");
  red.optimizer_error = "no space left on device";
  const auto broken = wait_for({red});
  EXPECT_EQ(kind_of(broken.status), ErrorKind::kIo);
  EXPECT_NE(failure_of(broken.status).what.find("no space left"), std::string::npos);
  const auto stalled = wait_for({state("yellow", 7)});
  EXPECT_EQ(kind_of(stalled.status), ErrorKind::kTimeout);
}

}  // namespace
}  // namespace vecferry::testing
