#include "vecferry/ops/reembed.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "arrow/record_batch.h"
#include "tests/backends/qdrant/raw_server.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"
#include "tests/transform/apply.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/ops/copy.h"
#include "vecferry/ops/reembed_estimate.h"
#include "vecferry/transform/normalise.h"

namespace vecferry {
namespace {

using testing::dense;
using testing::must;
using testing::TestPoint;
using Json = nlohmann::json;

const StopToken kNoStop = StopToken::Unstoppable();

// The vector of a text is [its length, its first letter].
std::vector<float> vector_of(const std::string& text) {
  return {static_cast<float>(text.size()), static_cast<float>(text[0])};
}

TestPoint point(uint64_t id, std::string payload) {
  return {.id = PointId::of(id), .payload = std::move(payload)};
}

class ReembedTest : public ::testing::Test {
 protected:
  ReembedTest()
      : server_([this](const testing::RawRequest& request) {
          const Json asked = Json::parse(request.body);
          Json data = Json::array();
          const std::lock_guard lock(mutex_);
          ++requests_;
          for (const auto& text : asked["input"]) {
            texts_.insert(text.get<std::string>());
            data.push_back(
                {{"index", data.size()}, {"embedding", vector_of(text.get<std::string>())}});
          }
          return testing::RawReply{testing::http_reply(200, Json{{"data", data}}.dump())};
        }) {}

  // Compared by dot product, so that vectors stay as they come.
  ReembedRequest request() const {
    ReembedRequest request{.distance = Distance::kDot, .cache_folder = dir_.path() / "cache"};
    request.embedder.url = server_.url();
    request.embedder.dim = 2;
    return request;
  }

  static std::shared_ptr<Reembedding> open(ReembedRequest request) {
    return Reembedding::open(std::move(request), kNoStop).ValueOrDie();
  }

  std::vector<TestPoint> embedded(const CollectionConfig& config,
                                  const std::vector<TestPoint>& points, ReembedRequest asked) {
    const auto transform = reembed(open(std::move(asked)));
    return testing::applied(*transform, config, points);
  }

  static Status failing(const CollectionConfig& config, const std::vector<TestPoint>& points,
                        ReembedRequest asked) {
    const auto transform = reembed(open(std::move(asked)));
    return transform->apply(testing::to_batch(config, points)).status();
  }

  testing::TempDir dir_;
  std::mutex mutex_;
  int requests_ = 0;                  // guarded by mutex_
  std::multiset<std::string> texts_;  // guarded by mutex_
  testing::RawServer server_;         // last: its threads use the others
};

TEST_F(ReembedTest, GivesVectorsToPointsWithout) {
  const auto points =
      embedded(default_config({}),
               {point(1, R"({"content":"abc"})"), point(2, R"({"content":"b"})")}, request());
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].vectors.at(""), dense({3, 'a'}));
  EXPECT_EQ(points[1].vectors.at(""), dense({1, 'b'}));
  EXPECT_EQ(points[0].payload, R"({"content":"abc"})");
}

TEST_F(ReembedTest, TakesThePlaceOfTheOldVectorAndKeepsTheOthers) {
  const auto config = default_config({{.name = "a", .dim = 3},
                                      {.name = "b", .dim = 3, .distance = Distance::kDot},
                                      {.name = "c", .kind = VectorKind::kSparse}});
  TestPoint before = point(1, R"({"doc":{"parts":["x","yy"]}})");
  before.vectors = {{"a", dense({1, 0, 0})}, {"b", dense({4, 5, 6})}};
  auto asked = request();
  asked.vector = "b";
  asked.text_key = "doc.parts[1]";
  auto points = embedded(config, {before}, asked);
  EXPECT_EQ(points[0].vectors.at("a"), dense({1, 0, 0}));
  EXPECT_EQ(points[0].vectors.at("b"), dense({2, 'y'}));
  EXPECT_FALSE(points[0].vectors.contains("c"));
  // A name that is not there becomes one vector more, wherever it falls in the order of names.
  for (const char* name : {"", "Z", "bb", "zz"}) {
    asked.vector = name;
    points = embedded(config, {before}, asked);
    EXPECT_EQ(points[0].vectors.size(), 3U) << name;
    EXPECT_EQ(points[0].vectors.at(name), dense({2, 'y'})) << name;
  }
}

TEST_F(ReembedTest, KeepsDistanceAndSettingsOfTheOldVector) {
  auto config = default_config({{.name = "a", .dim = 3, .distance = Distance::kEuclid}});
  auto settings = Json::parse(config.settings_json);
  settings["params"]["vectors"]["a"]["quantization_config"] = {{"scalar", {{"type", "int8"}}}};
  config.settings_json = settings.dump();
  const auto after = reembed(open(request()))->config(config).ValueOrDie();
  ASSERT_EQ(after.vectors.size(), 1U);
  EXPECT_EQ(after.vectors[0], (VectorSpec{.name = "a", .dim = 2, .distance = Distance::kEuclid}));
  const auto entry = Json::parse(after.settings_json)["params"]["vectors"]["a"];
  EXPECT_EQ(entry["size"], 2);
  EXPECT_EQ(entry["quantization_config"]["scalar"]["type"], "int8");
}

TEST_F(ReembedTest, VectorsComparedByCosineBecomeUnitVectors) {
  for (const auto element : {ElementType::kFloat32, ElementType::kFloat16}) {
    const auto config = default_config({{.element = element, .dim = 7}});
    const auto points = embedded(config, {point(1, R"({"content":"abc"})")}, request());
    std::vector<float> unit = vector_of("abc");
    ASSERT_TRUE(normalise_vector(unit));
    if (element == ElementType::kFloat32) {
      EXPECT_EQ(points[0].vectors.at(""), dense(unit));
    } else {
      EXPECT_EQ(points[0].vectors.at("").elements.size(), 4U);
    }
  }
}

TEST_F(ReembedTest, WholeNumbersGiveWayToFloats) {
  const auto config =
      default_config({{.element = ElementType::kUint8, .dim = 7, .distance = Distance::kDot}});
  const auto points = embedded(config, {point(1, R"({"content":"abc"})")}, request());
  EXPECT_EQ(points[0].vectors.at(""), dense({3, 'a'}));
}

TEST_F(ReembedTest, WhichVectorMustBeClear) {
  const auto several = default_config({{.name = "a", .dim = 2}, {.name = "b", .dim = 2}});
  EXPECT_EQ(kind_of(reembedded_vector(request(), several).status()), ErrorKind::kUsage);
  const auto unnamed = default_config({{.dim = 2}, {.name = "b", .dim = 2}});
  EXPECT_EQ(reembedded_vector(request(), unnamed).ValueOrDie().name, "");
  auto asked = request();
  asked.vector = "s";
  const auto sparse = default_config({{.name = "s", .kind = VectorKind::kSparse}});
  EXPECT_EQ(kind_of(reembedded_vector(asked, sparse).status()), ErrorKind::kIncompatible);
  asked.text_key = "parts[].text";
  EXPECT_EQ(kind_of(Reembedding::open(asked, kNoStop).status()), ErrorKind::kUsage);
}

TEST_F(ReembedTest, EveryTextIsEmbeddedOnce) {
  const auto config = default_config({});
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < 200; ++id) {
    points.push_back(point(id, Json{{"content", std::string(1 + id % 50, 'x')}}.dump()));
  }
  auto asked = request();
  asked.texts_per_request = 10;
  {
    const auto transform = reembed(open(asked));
    must(transform->apply(testing::to_batch(config, points)).status());
    EXPECT_EQ(transform->counts(),
              (std::map<std::string, uint64_t>{
                  {"texts_embedded", 50}, {"texts_from_cache", 150}, {"texts_missing", 0}}));
  }
  EXPECT_EQ(requests_, 5);
  EXPECT_EQ(texts_.size(), 50U);
  // Another run, another process: nothing is asked for again.
  const auto transform = reembed(open(asked));
  must(transform->apply(testing::to_batch(config, points)).status());
  EXPECT_EQ(transform->counts().at("texts_from_cache"), 200U);
  EXPECT_EQ(requests_, 5);
}

TEST_F(ReembedTest, PointsWithoutATextAreNamedOrSkipped) {
  const auto config = default_config({{.dim = 2, .distance = Distance::kDot}});
  const std::vector<TestPoint> points = {point(1, R"({"content":"abc"})"),
                                         point(2, R"({"content":5})"), point(3, R"({"other":"x"})"),
                                         point(4, ""), point(5, R"({"content":"  \n"})")};
  const auto failure = failure_of(failing(config, points, request()));
  EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
  EXPECT_NE(failure.what.find("in 4 of 5 points: 2, 3, 4, 5"), std::string::npos) << failure.what;
  EXPECT_EQ(requests_, 0);

  auto asked = request();
  asked.skip_missing = true;
  const auto after = embedded(config, points, asked);
  EXPECT_EQ(after[0].vectors.size(), 1U);
  for (size_t i = 1; i < after.size(); ++i) {
    EXPECT_TRUE(after[i].vectors.empty()) << i;
  }
}

TEST_F(ReembedTest, AnErrorNamesTheFirstPointOfItsRequest) {
  auto asked = request();
  asked.embedder.dim = 3;
  const auto failure = failure_of(failing(
      default_config({}), {point(7, R"({"content":"a"})"), point(8, R"({"content":"b"})")}, asked));
  EXPECT_NE(failure.where.find("point 7 and 1 after it"), std::string::npos) << failure.where;
}

TEST_F(ReembedTest, ACopyIsPlannedWrittenAndProved) {
  const auto source = memory_backend();
  const auto target = memory_backend();
  std::vector<TestPoint> points;
  for (uint64_t id = 0; id < 300; ++id) {
    points.push_back(point(id, Json{{"content", std::string(1 + id, 'x')}, {"n", id}}.dump()));
    points.back().vectors[""] = dense({1, 0, 0});
  }
  must(testing::fill(*source, "docs", default_config({{.dim = 3, .distance = Distance::kDot}}),
                     points));
  Selection selection{.drop_payload = {"content"}};  // is read before it is dropped
  selection.reembed = open(request());
  auto plan = plan_copy({.source = {.backend = source.get(), .collection = "docs", .label = "a"},
                         .target = {.backend = target.get(), .collection = "new", .label = "b"},
                         .selection = selection},
                        kNoStop)
                  .ValueOrDie();
  const auto estimate =
      estimate_reembedding(plan.points, plan.expected_points, *selection.reembed, 2.0, kNoStop)
          .ValueOrDie();
  EXPECT_EQ(estimate.points, 300U);
  EXPECT_EQ(estimate.sampled, 300U);
  EXPECT_EQ(estimate.sampled_characters, 300U * 301 / 2);
  EXPECT_EQ(estimate.tokens, 300.0 * 301 / 2 / 4);
  EXPECT_EQ(estimate.probe_texts, 64U);
  EXPECT_EQ(requests_, 1);
  // Rows of 12 bytes of vector, 40 beside and their payload: 512 of them make eight requests.
  EXPECT_GT(estimate.batch_bytes, 512 * (12 + 40 + 100));
  EXPECT_LT(estimate.batch_bytes, 512 * (12 + 40 + 300));
  EXPECT_EQ(to_json(estimate)["cost"], 300.0 * 301 / 2 / 4 / 1e6 * 2);

  plan.points.batch_bytes = 10'000;  // several batches
  Progress progress;
  const auto receipt = run_copy(plan, progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(receipt.verified);
  EXPECT_EQ(receipt.counts.at("texts_embedded"), 300U - 64);
  EXPECT_EQ(texts_.size(), 300U);
  EXPECT_EQ(std::set(texts_.begin(), texts_.end()).size(), 300U);  // none twice
  const auto all = testing::read_all(*target, "new").ValueOrDie();
  ASSERT_EQ(all.size(), 300U);
  for (const auto& [key, copied] : all) {
    const auto id = copied.id.number;
    EXPECT_EQ(copied.vectors.at(""), dense(vector_of(std::string(1 + id, 'x')))) << id;
    EXPECT_EQ(copied.payload, "{\"n\":" + std::to_string(id) + "}");
  }
  EXPECT_GE(requests_, 1 + 4);
}

TEST_F(ReembedTest, APlanOnlyLooks) {
  const auto source = memory_backend();
  must(testing::fill(*source, "docs", default_config({}),
                     {point(1, R"({"title":"a","n":1})"), point(2, R"({"content":"größer"})")}));
  const Source points{.backend = source.get(), .collection = "docs"};
  auto asked = request();
  asked.look_only = true;
  const auto failure = failure_of(
      estimate_reembedding(points, std::nullopt, *open(asked), std::nullopt, kNoStop).status());
  EXPECT_NE(failure.what.find("1 of the first 2 points: 1"), std::string::npos) << failure.what;
  EXPECT_NE(failure.next.find("title"), std::string::npos) << failure.next;

  asked.skip_missing = true;
  const auto estimate =
      estimate_reembedding(points, std::nullopt, *open(asked), std::nullopt, kNoStop).ValueOrDie();
  EXPECT_EQ(estimate.points, 2U);
  EXPECT_EQ(estimate.sampled, 1U);
  EXPECT_EQ(estimate.sampled_missing, 1U);
  EXPECT_EQ(estimate.sampled_characters, 6U);
  EXPECT_FALSE(estimate.seconds);
  EXPECT_EQ(requests_, 0);
  EXPECT_FALSE(std::filesystem::exists(asked.cache_folder));
  EXPECT_FALSE(to_lines(estimate).empty());
}

}  // namespace
}  // namespace vecferry
