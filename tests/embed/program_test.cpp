#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"
#include "vecferry/embed/embedder.h"

namespace vecferry {
namespace {

using testing::TempDir;

const StopToken kNoStop = StopToken::Unstoppable();
const std::vector<std::string> kTexts = {"a", "bb", "ccc"};

// Programs for the shell, which is there wherever POSIX is. Each answers a line with [1, 2].
constexpr const char* kAnswer = R"(echo "{\"vector\":[1,2]}")";

Result<std::vector<float>> ask(Embedder& embedder, const std::vector<std::string>& texts,
                               const StopToken& stop = kNoStop) {
  std::optional<size_t> refused;
  return embedder.embed(texts, stop, &refused);
}

class Program : public ::testing::Test {
 protected:
  Program() { std::signal(SIGPIPE, SIG_IGN); }  // as the program does

  std::unique_ptr<Embedder> embedder(const std::string& script,
                                     std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
    const std::string file = dir_.file("program.sh");
    std::ofstream(file) << script;
    return make_embedder({.command = "sh '" + file + "'", .dim = 2, .timeout = timeout})
        .ValueOrDie();
  }

  std::string content(const std::string& name) const {
    std::ifstream file(dir_.file(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir dir_;
};

TEST_F(Program, AnswersLineByLine) {
  const auto made = embedder("while read -r line; do echo \"$line\" >> " + dir_.file("seen") +
                             "; " + kAnswer + "; done");
  EXPECT_EQ(made->in_flight(), 1);
  EXPECT_EQ(ask(*made, kTexts).ValueOrDie(), (std::vector<float>{1, 2, 1, 2, 1, 2}));
  EXPECT_EQ(content("seen"), "{\"text\":\"a\"}\n{\"text\":\"bb\"}\n{\"text\":\"ccc\"}\n");
}

TEST_F(Program, IsStartedOnceAndEndsWithItsInput) {
  const std::string started = dir_.file("started");
  const std::string ended = dir_.file("ended");
  {
    const auto made = embedder("echo x >> " + started + "; while read -r line; do " + kAnswer +
                               "; done; echo bye > " + ended);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(ask(*made, kTexts).ok());
    }
    EXPECT_FALSE(std::filesystem::exists(ended));
  }
  EXPECT_EQ(content("started"), "x\n");
  EXPECT_EQ(content("ended"), "bye\n");
}

TEST_F(Program, MoreThanAPipeHoldsGoesBothWays) {
  const std::vector<std::string> texts(300, std::string(4000, 'x'));
  const auto made = embedder("while read -r line; do " + std::string(kAnswer) + "; done");
  EXPECT_EQ(ask(*made, texts).ValueOrDie().size(), 600U);
}

TEST_F(Program, ThatDiesIsQuoted) {
  const auto made =
      embedder("read -r line; " + std::string(kAnswer) + "; echo 'no model here' >&2; exit 3");
  const auto failure = failure_of(ask(*made, kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
  EXPECT_NE(failure.what.find("(status 3) after 1 of 3 vectors: no model here"), std::string::npos)
      << failure.what;
}

TEST_F(Program, ThatIsKilledSaysSo) {
  const auto made = embedder("kill -9 $$");
  const auto failure = failure_of(ask(*made, kTexts).status());
  EXPECT_NE(failure.what.find("(signal 9) after 0 of 3"), std::string::npos) << failure.what;
}

TEST_F(Program, ThatSaysTooMuchIsRefused) {
  const auto made =
      embedder(R"(while read -r line; do printf '{"vector":[1,2]}\n{"vector":[1,2]}\n'; done)");
  const auto failure = failure_of(ask(*made, kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
  EXPECT_NE(failure.what.find("more lines than texts"), std::string::npos) << failure.what;
}

TEST_F(Program, ThatIsNotThereIsNotFound) {
  const auto made = make_embedder({.command = "no-such-program-here --x", .dim = 2}).ValueOrDie();
  EXPECT_EQ(kind_of(ask(*made, kTexts).status()), ErrorKind::kNotFound);
}

TEST_F(Program, ThatKeepsItsLinesIsNotWaitedForWithoutEnd) {
  const auto made = embedder("while read -r line; do :; done", std::chrono::milliseconds(50));
  const auto failure = failure_of(ask(*made, kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kTimeout);
  EXPECT_NE(failure.next.find("flush"), std::string::npos);
}

TEST_F(Program, AStopEndsTheWait) {
  arrow::StopSource stop;
  stop.RequestStop();
  const auto made = embedder("while read -r line; do :; done");
  EXPECT_EQ(kind_of(ask(*made, kTexts, stop.token()).status()), ErrorKind::kCancelled);
}

TEST_F(Program, OneOfTheTwoWaysIsNamed) {
  EXPECT_EQ(kind_of(make_embedder({}).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(make_embedder({.url = "http://x", .command = "x"}).status()),
            ErrorKind::kUsage);
  EXPECT_EQ(kind_of(make_embedder({.command = "x", .dim = 0}).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(make_embedder({.url = "localhost:1"}).status()), ErrorKind::kUsage);
}

TEST_F(Program, ItsVectorsAreNotThoseOfAnother) {
  const EmbedderOptions server{.url = "http://a"};
  EXPECT_EQ(identity_of(server), identity_of({.url = "http://b"}));
  EXPECT_NE(identity_of(server), identity_of({.command = "a"}));
  EXPECT_NE(identity_of({.command = "b"}), identity_of({.command = "a"}));
  EXPECT_NE(identity_of(server), identity_of({.url = "http://a", .model = "other"}));
  EXPECT_NE(identity_of(server), identity_of({.url = "http://a", .dim = 3}));
}

}  // namespace
}  // namespace vecferry
