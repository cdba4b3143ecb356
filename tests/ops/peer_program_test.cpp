#include "vecferry/ops/peer_program.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace vecferry {
namespace {

const std::map<std::string, std::string> kValues = {{"source", "http://a:6333/my docs"},
                                                    {"target", "http://b:6333/x"}};

TEST(PeerWords, AreSplitBeforeTheyAreFilledIn) {
  const auto words = peer_words("move --from={source} '{target} too' plain", kValues).ValueOrDie();
  const std::vector<std::string> expected = {"move", "--from=http://a:6333/my docs",
                                             "http://b:6333/x too", "plain"};
  EXPECT_EQ(words, expected);
}

TEST(PeerWords, ABraceThatNamesNothingIsAMistake) {
  const auto words = peer_words("move {sauce}", kValues);
  ASSERT_FALSE(words.ok());
  const Failure failure = failure_of(words.status());
  EXPECT_EQ(failure.kind, ErrorKind::kUsage);
  EXPECT_EQ(failure.what, "--peer knows no {sauce}");
  EXPECT_EQ(failure.next, "there are {source} {target}");
  EXPECT_EQ(peer_words("echo {", kValues).ValueOrDie().back(), "{");
  EXPECT_FALSE(peer_words("", kValues).ok());
}

TEST(Peer, SaysHowItEnded) {
  const auto go_on = StopToken::Unstoppable();
  EXPECT_TRUE(run_peer({"true"}, go_on).ok());
  EXPECT_TRUE(run_peer({"cat"}, go_on).ok());  // its stdin is empty
  const Status failed = run_peer({"sh", "-c", "echo one >&2; echo two >&2; exit 3"}, go_on);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failure_of(failed).what, "'sh' ended with status 3");
  EXPECT_EQ(failure_of(failed).where, "two");
  EXPECT_EQ(kind_of(run_peer({"no-such-program-anywhere"}, go_on)), ErrorKind::kNotFound);
}

TEST(Peer, IsEndedByAStop) {
  arrow::StopSource stop;
  std::jthread asks([&] { stop.RequestStop(); });
  const auto start = std::chrono::steady_clock::now();
  // It waits for what never comes, and closed its stdout, so that only its end is waited for.
  const Status stopped =
      run_peer({"sh", "-c", "exec >/dev/null 2>&1; kill -STOP $$"}, stop.token());
  EXPECT_EQ(kind_of(stopped), ErrorKind::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace vecferry
