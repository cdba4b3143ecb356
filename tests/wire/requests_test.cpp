#include "vecferry/wire/requests.h"

#include <gtest/gtest.h>
#include <points.pb.h>

#include <string>

#include "tests/wire/messages.h"
#include "tests/wire/recordings.h"
#include "vecferry/wire/grpc_filter.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using vecferry::testing::deterministic;
using vecferry::testing::from_base64;
using vecferry::testing::recording;

PointId id_of(const json& id) {
  if (id.is_object()) {
    return *parse_point_id(id.begin().value().get<std::string>());
  }
  return id.is_string() ? *parse_point_id(id.get<std::string>()) : PointId::of(id.get<uint64_t>());
}

std::vector<PointId> ids_of(const json& list) {
  std::vector<PointId> ids;
  for (const auto& id : list) {
    ids.push_back(id_of(id));
  }
  return ids;
}

template <typename Message>
std::string encoded(const auto& request) {
  Message message;
  const Status status = fill(request, &message);
  EXPECT_TRUE(status.ok()) << status;
  return deterministic(message);
}

// Every recorded request that ours can say is said the same.
TEST(Requests, EqualTheRecordedGrpcOnes) {
  size_t seen = 0;
  for (const auto& exchange : recording("grpc-1.18.3.jsonl")) {
    if (exchange["service"] != "qdrant.Points" || exchange["code"] == "INVALID_ARGUMENT") {
      continue;
    }
    const auto& said = exchange["request_json"];
    const auto bytes = from_base64(exchange["request"].get<std::string>());
    const auto name = said["collection_name"].get<std::string>();
    const bool whole = said.value("with_payload", json()) == json{{"enable", true}} &&
                       said.value("with_vectors", json()) == json{{"enable", true}};
    if (exchange["method"] == "Scroll" && whole) {
      ScrollRequest request{.collection = name, .limit = said["limit"].get<uint32_t>()};
      if (said.contains("offset")) {
        request.offset = id_of(said["offset"]);
      }
      EXPECT_EQ(encoded<qdrant::ScrollPoints>(request), deterministic<qdrant::ScrollPoints>(bytes));
    } else if (exchange["method"] == "Get" && whole) {
      const RetrieveRequest request{.collection = name, .ids = ids_of(said["ids"])};
      EXPECT_EQ(encoded<qdrant::GetPoints>(request), deterministic<qdrant::GetPoints>(bytes));
    } else if (exchange["method"] == "Count") {
      CountRequest request{.collection = name};
      qdrant::CountPoints message;
      ASSERT_TRUE(vecferry::testing::parse(bytes, &message));
      if (message.has_filter()) {
        request.filter_json = filter_json_of(message.filter()).ValueOrDie();
      }
      EXPECT_EQ(encoded<qdrant::CountPoints>(request), deterministic<qdrant::CountPoints>(bytes));
    } else if (exchange["method"] == "Delete" && said["points"].contains("points")) {
      const DeleteRequest request{.collection = name,
                                  .ids = ids_of(said["points"]["points"]["ids"])};
      EXPECT_EQ(encoded<qdrant::DeletePoints>(request), deterministic<qdrant::DeletePoints>(bytes));
    } else {
      continue;
    }
    ++seen;
  }
  EXPECT_EQ(seen, 12U);
}

TEST(Requests, EqualTheRecordedRestOnes) {
  size_t seen = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (exchange["status"] != 200 || !exchange.contains("request")) {
      continue;
    }
    const auto& said = exchange["request"];
    auto path = exchange["path"].get<std::string>();
    path = path.substr(0, path.find('?'));
    const auto last = path.substr(path.rfind('/') + 1);
    const bool whole =
        said.value("with_payload", json()) == true && said.value("with_vector", json()) == true;
    if (last == "scroll" && whole && said.contains("limit")) {
      ScrollRequest request{.limit = said["limit"].get<uint32_t>()};
      if (said.contains("offset")) {
        request.offset = id_of(said["offset"]);
      }
      if (said.contains("filter")) {
        request.filter_json = said["filter"].dump();
      }
      EXPECT_EQ(json::parse(scroll_body(request)), said);
    } else if (last == "points" && exchange["method"] == "POST" && whole) {
      EXPECT_EQ(json::parse(retrieve_body({.ids = ids_of(said["ids"])})), said);
    } else if (last == "count" && said.contains("exact")) {
      CountRequest request;
      if (said.contains("filter")) {
        request.filter_json = said["filter"].dump();
      }
      EXPECT_EQ(json::parse(count_body(request)), said);
    } else if (last == "delete" && path.find("/points/delete") != std::string::npos &&
               said.contains("points")) {
      EXPECT_EQ(json::parse(delete_body({.ids = ids_of(said["points"])})), said);
    } else {
      continue;
    }
    ++seen;
  }
  EXPECT_GE(seen, 6U);
}

TEST(Requests, SelectionsAndShardKeys) {
  const ScrollRequest scroll{.collection = "c",
                             .limit = 5,
                             .payload = false,
                             .vectors = std::vector<std::string>{"a", ""},
                             .shard_key = "\"5\"",
                             .timeout_s = 3};
  EXPECT_EQ(
      json::parse(scroll_body(scroll)),
      json::parse(R"({"limit":5,"with_payload":false,"with_vector":["a",""],"shard_key":"5"})"));
  qdrant::ScrollPoints message;
  ASSERT_TRUE(fill(scroll, &message).ok());
  EXPECT_EQ(message.with_vectors().include().names_size(), 2);
  EXPECT_EQ(message.shard_key_selector().shard_keys(0).keyword(), "5");
  EXPECT_EQ(message.timeout(), 3U);
  EXPECT_TRUE(message.with_payload().has_enable());
  EXPECT_FALSE(message.with_payload().enable());
  const ScrollRequest none{.collection = "c", .limit = 1, .vectors = std::vector<std::string>{}};
  EXPECT_EQ(json::parse(scroll_body(none))["with_vector"], false);
  ASSERT_TRUE(fill(none, &message).ok());
  EXPECT_TRUE(message.with_vectors().has_enable());
  EXPECT_FALSE(message.with_vectors().enable());
  EXPECT_EQ(json::parse(delete_body({.ids = {PointId::of(uint64_t{1})}, .shard_key = "5"})),
            json::parse(R"({"points":[1],"shard_key":5})"));
}

}  // namespace
}  // namespace vecferry::wire
