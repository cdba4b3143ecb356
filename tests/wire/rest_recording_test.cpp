// The REST exchanges of a real 1.18.3 server: replies into batches and back, upserts as it took or
// refused them.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/points.h"
#include "tests/wire/recordings.h"
#include "vecferry/wire/rest_points.h"

namespace vecferry::wire {
namespace {

using namespace vecferry::testing;  // NOLINT(google-build-using-namespace): test helpers
using nlohmann::json;

CollectionConfig config_of(const std::string& path) {
  if (path.rfind("/collections/named/", 0) == 0) {
    return default_config(
        {{.name = "bm25", .kind = VectorKind::kSparse, .distance = Distance::kDot},
         {.name = "body",
          .element = ElementType::kFloat16,
          .dim = 4,
          .distance = Distance::kEuclid},
         {.name = "colbert", .kind = VectorKind::kMulti, .dim = 2},
         {.name = "img",
          .element = ElementType::kUint8,
          .dim = 4,
          .distance = Distance::kManhattan},
         {.name = "splade", .kind = VectorKind::kSparse, .distance = Distance::kDot},
         {.name = "title", .dim = 3, .distance = Distance::kDot}});
  }
  if (path.rfind("/collections/sparse_only/", 0) == 0) {
    return default_config(
        {{.name = "text", .kind = VectorKind::kSparse, .distance = Distance::kDot}});
  }
  return default_config({{.name = "", .dim = 4}});
}

std::unique_ptr<PointsBuilder> builder_for(const std::string& path) {
  return PointsBuilder::make(points_schema(config_of(path)).ValueOrDie()).ValueOrDie();
}

std::string name_of(const json& exchange) {
  return exchange["method"].get<std::string>() + " " + exchange["path"].get<std::string>() + " " +
         exchange.value("request", json()).dump().substr(0, 200);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Records as they compare: without what a batch does not hold.
json records(const json& response) {
  json list = response["result"].is_array()           ? response["result"]
              : response["result"].contains("points") ? response["result"]["points"]
                                                      : json::array({response["result"]});
  for (auto& record : list) {
    record.erase("order_value");
    record.erase("version");
    record.erase("score");
  }
  return list;
}

TEST(RestRecording, RecordsSurviveOurBatches) {
  size_t pages = 0;
  size_t with_null = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    const auto path = exchange["path"].get<std::string>();
    const bool reads = ends_with(path, "/points/scroll") ||
                       (ends_with(path, "/points") && exchange["method"] == "POST") ||
                       (path.find("/points/") != std::string::npos && exchange["method"] == "GET");
    if (!reads || exchange["status"] != 200) {
      continue;
    }
    auto builder = builder_for(path);
    RestPointsReader reader(builder.get(), Direction::kReply);
    std::string body = exchange["response"].dump();
    const auto reply = reader.reply(&body);
    if (!reply.ok() && body.find("null]") != std::string::npos) {
      ++with_null;  // infinity: one point of the recording has it
      EXPECT_EQ(kind_of(reply.status()), ErrorKind::kIncompatible);
      continue;
    }
    ASSERT_TRUE(reply.ok()) << reply.status() << name_of(exchange);
    ++pages;
    const auto batch = builder->finish().ValueOrDie();
    const auto view = PointsView::make(*batch).ValueOrDie();
    const json expected = records(exchange["response"]);
    ASSERT_EQ(static_cast<size_t>(reply->points), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      std::string text;
      const Shown shown{.payload = expected[i].contains("payload"),
                        .vectors = expected[i].contains("vector")};
      append_record(view, static_cast<int64_t>(i), shown, std::nullopt, &text);
      EXPECT_EQ(json::parse(text), expected[i]) << name_of(exchange);
    }
    if (exchange["response"]["result"].is_object()) {
      const json next = exchange["response"]["result"].value("next_page_offset", json());
      EXPECT_EQ(reply->next_page.has_value(), !next.is_null());
      if (reply->next_page) {
        std::string text;
        append_id(*reply->next_page, &text);
        EXPECT_EQ(json::parse(text), next);
      }
    }
  }
  EXPECT_GT(pages, 50U);
  EXPECT_GT(with_null, 0U);
}

// The end of a serde message names a line and a column of the body, which we do not count.
std::string without_place(std::string text) {
  const auto place = text.find(" at line ");
  return place == std::string::npos ? text : text.substr(0, place);
}

TEST(RestRecording, UpsertsAreTakenAndRefusedLikeTheServerDid) {
  size_t taken = 0;
  std::set<std::string> refused;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    const auto path = exchange["path"].get<std::string>();
    if (exchange["method"] != "PUT" || path.find("/points") == std::string::npos ||
        path.find("/points/") != std::string::npos || exchange["status"] == 404) {
      continue;
    }
    std::string body = exchange.contains("request") ? exchange["request"].dump()
                                                    : exchange["request_text"].get<std::string>();
    auto builder = builder_for(path);
    RestPointsReader reader(builder.get(), Direction::kRequest);
    const auto head = reader.upsert(&body);
    if (exchange["status"] == 200) {
      ASSERT_TRUE(head.ok()) << head.status() << name_of(exchange);
      ++taken;
      continue;
    }
    const auto error = exchange["response"]["status"]["error"].get<std::string>();
    if (head.ok()) {
      EXPECT_EQ(head->points, 0) << name_of(exchange);
      EXPECT_EQ(error, "Bad request: Empty update request");
      continue;
    }
    EXPECT_EQ(kind_of(head.status()), ErrorKind::kUsage);
    if (error.find("expected value") == std::string::npos) {  // words of another JSON parser
      EXPECT_EQ(without_place(failure_of(head.status()).what), without_place(error));
    }
    refused.insert(error);
  }
  EXPECT_GT(taken, 10U);
  EXPECT_GT(refused.size(), 10U);
}

}  // namespace
}  // namespace vecferry::wire
