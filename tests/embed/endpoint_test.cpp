#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/backends/qdrant/raw_server.h"
#include "vecferry/embed/endpoint_internal.h"

namespace vecferry {
namespace {

using testing::http_reply;
using testing::RawReply;
using testing::RawRequest;
using testing::RawServer;
using Json = nlohmann::json;

const StopToken kNoStop = StopToken::Unstoppable();
const std::vector<std::string> kTexts = {"a", "bb"};

// The vector of a text is [its length, its first letter].
std::string good_reply(const RawRequest& request) {
  Json data = Json::array();
  const Json asked = Json::parse(request.body);
  for (const auto& text : asked["input"]) {
    const auto words = text.get<std::string>();
    data.push_back({{"index", data.size()}, {"embedding", {words.size(), words[0]}}});
  }
  return http_reply(200, Json{{"data", data}}.dump());
}

EmbedderOptions options_for(const std::string& url) {
  return {.url = url,
          .dim = 2,
          .api_key = "s3cret",
          .give_up_after = std::chrono::milliseconds(300),
          .first_delay = std::chrono::milliseconds(1)};
}

std::unique_ptr<Embedder> embedder(const RawServer& server) {
  return make_embedder(options_for(server.url())).ValueOrDie();
}

Result<std::vector<float>> ask(Embedder& embedder, const std::vector<std::string>& texts,
                               const StopToken& stop = kNoStop) {
  std::optional<size_t> refused;
  return embedder.embed(texts, stop, &refused);
}

TEST(Endpoint, PostsTextsAndTakesVectors) {
  RawRequest seen;
  const RawServer server([&](const RawRequest& request) {
    seen = request;
    return RawReply{good_reply(request)};
  });
  const auto made = embedder(server);
  EXPECT_EQ(ask(*made, kTexts).ValueOrDie(), (std::vector<float>{1, 'a', 2, 'b'}));
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/v1/embeddings");
  EXPECT_NE(seen.head.find("Authorization: Bearer s3cret"), std::string::npos);
  EXPECT_EQ(seen.body, R"({"input":["a","bb"],"model":"all-MiniLM-L6-v2"})");
  EXPECT_EQ(made->label().find("s3cret"), std::string::npos);
  ASSERT_TRUE(ask(*made, kTexts).ok());
  EXPECT_EQ(server.connections(), 1);
}

TEST(Endpoint, AddressesAreCompleted) {
  EXPECT_EQ(embeddings_url("http://h:1"), "http://h:1/v1/embeddings");
  EXPECT_EQ(embeddings_url("http://h:1/"), "http://h:1/v1/embeddings");
  EXPECT_EQ(embeddings_url("https://h/v1"), "https://h/v1/embeddings");
  EXPECT_EQ(embeddings_url("https://h/api/embeddings"), "https://h/api/embeddings");
  EXPECT_EQ(embeddings_url("https://h/x/?v=2"), "https://h/x/v1/embeddings?v=2");
  EXPECT_EQ(without_secrets("https://me:pass@h:1/x?key=1"), "https://h:1/x");
  EXPECT_EQ(without_secrets("http://h/a@b"), "http://h/a@b");
}

TEST(Endpoint, WhatMayPassLaterIsSentAgain) {
  for (const int status : {429, 408, 500, 502, 503, 529}) {
    std::atomic<int> asked = 0;
    const RawServer server([&](const RawRequest& request) {
      return RawReply{++asked < 3 ? http_reply(status, "busy") : good_reply(request)};
    });
    EXPECT_TRUE(ask(*embedder(server), kTexts).ok()) << status;
    EXPECT_EQ(asked, 3) << status;
  }
}

TEST(Endpoint, TheServersOwnTimeIsKept) {
  std::atomic<int> asked = 0;
  const RawServer server([&](const RawRequest& request) {
    return RawReply{++asked == 1 ? http_reply(429, "", "Retry-After: 1\r\n") : good_reply(request)};
  });
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(ask(*embedder(server), kTexts).ok());
  // The wait itself, which is longer than it would give up after by itself.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(asked, 2);
}

TEST(Endpoint, ACutConnectionIsTriedAgain) {
  std::atomic<int> asked = 0;
  const RawServer server([&](const RawRequest& request) {
    const std::string reply = good_reply(request);
    return ++asked < 3 ? RawReply{reply.substr(0, reply.size() / 2), true} : RawReply{reply};
  });
  EXPECT_TRUE(ask(*embedder(server), kTexts).ok());
  EXPECT_EQ(asked, 3);
}

TEST(Endpoint, ItGivesUpInTheEnd) {
  const RawServer server([](const RawRequest&) {
    return RawReply{http_reply(503, R"({"error":{"message":"the model is loading"}})")};
  });
  const auto failure = failure_of(ask(*embedder(server), kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kUnavailable);
  EXPECT_EQ(failure.what, "the server answers 503: the model is loading");
  EXPECT_EQ(failure.where, server.url());
}

TEST(Endpoint, WhatIsRefusedIsAskedOnce) {
  for (const auto& [status, kind] :
       {std::pair(401, ErrorKind::kRefused), std::pair(404, ErrorKind::kNotFound),
        std::pair(301, ErrorKind::kIncompatible)}) {
    std::atomic<int> asked = 0;
    const RawServer server([&, code = status](const RawRequest&) {
      ++asked;
      return RawReply{http_reply(code, R"({"error":{"message":"not like this"}})")};
    });
    const auto failed = ask(*embedder(server), kTexts).status();
    EXPECT_EQ(kind_of(failed), kind) << status;
    EXPECT_NE(failed.message().find("not like this"), std::string::npos);
    EXPECT_EQ(failed.ToString().find("s3cret"), std::string::npos);
    EXPECT_FALSE(failure_of(failed).next.empty());
    EXPECT_EQ(asked, 1) << status;
  }
}

// Servers have a limit, of which they say nothing beforehand.
TEST(Endpoint, FewerTextsAreSentWhereManyAreRefused) {
  std::mutex mutex;
  std::vector<size_t> sizes;
  const RawServer server([&](const RawRequest& request) {
    const size_t size = Json::parse(request.body)["input"].size();
    const std::lock_guard lock(mutex);
    sizes.push_back(size);
    return RawReply{size > 3 ? http_reply(413, "at most 3") : good_reply(request)};
  });
  const auto made = embedder(server);
  const std::vector<std::string> texts = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  std::vector<float> expected;
  for (const auto& text : texts) {
    expected.insert(expected.end(), {1, static_cast<float>(text[0])});
  }
  EXPECT_EQ(ask(*made, texts).ValueOrDie(), expected);
  EXPECT_EQ(sizes, (std::vector<size_t>{10, 5, 3, 2, 5, 3, 2}));
  sizes.clear();
  EXPECT_EQ(ask(*made, texts).ValueOrDie(), expected);  // it has learned
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 3, 3, 1}));
}

TEST(Endpoint, TheTextThatIsRefusedIsFound) {
  const RawServer server([](const RawRequest& request) {
    return RawReply{request.body.find("bad") == std::string::npos
                        ? good_reply(request)
                        : http_reply(400, R"({"error":{"message":"too long"}})")};
  });
  const auto made = embedder(server);
  for (size_t bad = 0; bad < 7; ++bad) {
    std::vector<std::string> texts(7, "good");
    texts[bad] = "bad";
    std::optional<size_t> refused;
    const auto status = made->embed(texts, kNoStop, &refused).status();
    EXPECT_EQ(failure_of(status).what, "the server answers 400: too long");
    EXPECT_EQ(refused, bad);
  }
}

TEST(Endpoint, WrongVectorsAreNotAskedForAgain) {
  std::atomic<int> asked = 0;
  const RawServer server([&](const RawRequest&) {
    ++asked;
    return RawReply{http_reply(200, R"({"data":[]})")};
  });
  EXPECT_EQ(kind_of(ask(*embedder(server), kTexts).status()), ErrorKind::kIncompatible);
  EXPECT_EQ(asked, 1);
}

TEST(Endpoint, AnAnswerWithoutEndIsCutOff) {
  const RawServer server([](const RawRequest&) {
    return RawReply{http_reply(200, std::string(size_t{3} << 20, ' '))};
  });
  const auto failure = failure_of(ask(*embedder(server), kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
  EXPECT_NE(failure.what.find("longer than"), std::string::npos);
}

TEST(Endpoint, NobodyThereIsSaidAtOnce) {
  std::string url;
  {
    url = RawServer([](const RawRequest&) { return RawReply{}; }).url();
  }
  auto options = options_for(url);
  options.give_up_after = std::chrono::hours(1);
  const auto failure = failure_of(ask(*make_embedder(options).ValueOrDie(), kTexts).status());
  EXPECT_EQ(failure.kind, ErrorKind::kUnavailable);
  EXPECT_NE(failure.next.find("--embed-url"), std::string::npos);
}

TEST(Endpoint, AStopAndATimeOutEndAWait) {
  arrow::StopSource source;
  const RawServer server([&](const RawRequest& request) {
    if (request.body.find("stop") != std::string::npos) {
      source.RequestStop();
    }
    return RawReply{.hold = true};
  });
  auto options = options_for(server.url());
  const std::vector<std::string> stopping = {"stop"};
  EXPECT_EQ(kind_of(ask(*make_embedder(options).ValueOrDie(), stopping, source.token()).status()),
            ErrorKind::kCancelled);
  options.timeout = std::chrono::milliseconds(30);
  options.give_up_after = std::chrono::milliseconds(60);
  EXPECT_EQ(kind_of(ask(*make_embedder(options).ValueOrDie(), kTexts).status()),
            ErrorKind::kTimeout);
}

TEST(Endpoint, AStopEndsTheWaitBetweenTries) {
  arrow::StopSource source;
  const RawServer server([&](const RawRequest&) {
    source.RequestStop();
    return RawReply{http_reply(429, "", "Retry-After: 3000\r\n")};
  });
  EXPECT_EQ(kind_of(ask(*embedder(server), kTexts, source.token()).status()),
            ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
