#include "vecferry/wire/grpc_operations.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <points.pb.h>

#include <nlohmann/json.hpp>
#include <string>

#include "vecferry/wire/grpc_points.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;

template <typename Message>
Message message_of(const std::string& text) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << text;
  return message;
}

json json_of(const Result<std::string>& operation) {
  EXPECT_TRUE(operation.ok()) << operation.status().ToString();
  return operation.ok() ? json::parse(*operation) : json();
}

std::string words_of(const Result<std::string>& operation) {
  EXPECT_EQ(kind_of(operation.status()), ErrorKind::kUsage);
  return operation.ok() ? "" : failure_of(operation.status()).what;
}

constexpr const char* kIds = R"("points_selector":{"points":{"ids":[{"num":1},{"num":2}]}})";

TEST(GrpcOperations, Payloads) {
  const auto set = message_of<qdrant::SetPayloadPoints>(
      std::string(R"({"key":"a.b","payload":{"x":{"integer_value":"1"},"y":{"double_value":1},
                      "z":{"null_value":"NULL_VALUE"}},)") +
      kIds + "}");
  const json points = {1, 2};
  const json payload = json::parse(R"({"x":1,"y":1.0,"z":null})");
  EXPECT_EQ(json_of(operation_of(set, PayloadChange::kSet)),
            (json{{"set_payload", {{"payload", payload}, {"points", points}, {"key", "a.b"}}}}));
  // Overwriting takes no path, and says so nowhere.
  const std::string overwrite = operation_of(set, PayloadChange::kOverwrite).ValueOrDie();
  EXPECT_EQ(json::parse(overwrite),
            (json{{"overwrite_payload", {{"payload", payload}, {"points", points}}}}));
  EXPECT_NE(overwrite.find(R"("y":1.0)"), std::string::npos) << "a float stays a float";
  EXPECT_EQ(
      json_of(operation_of(message_of<qdrant::DeletePayloadPoints>(
          std::string(
              R"({"keys":["a","b.c"],"shard_key_selector":{"shard_keys":[{"number":5}]},)") +
          kIds + "}"))),
      (json{{"delete_payload", {{"keys", {"a", "b.c"}}, {"points", points}, {"shard_key", 5}}}}));
  EXPECT_EQ(json_of(operation_of(message_of<qdrant::ClearPayloadPoints>(
                R"({"points":{"filter":{"must":[{"is_null":{"key":"k"}}]}}})"))),
            json::parse(R"({"clear_payload":{"filter":{"must":[{"is_null":{"key":"k"}}]}}})"));
}

TEST(GrpcOperations, VectorsAndDeletes) {
  EXPECT_EQ(json_of(operation_of(message_of<qdrant::UpdatePointVectors>(
                R"({"points":[{"id":{"num":1},"vectors":{"vector":{"dense":{"data":[1,2]}}}},
                        {"id":{"num":2},"vectors":{"vectors":{"vectors":{
                           "s":{"sparse":{"values":[1],"indices":[9]}},
                           "m":{"data":[1,2,3,4],"vectors_count":2},
                           "o":{"data":[5],"indices":{"data":[6]}}}}}}],
              "update_filter":{"must":[{"is_empty":{"key":"k"}}]}})"))),
            json::parse(
                R"({"update_vectors":{"points":[{"id":1,"vector":[1.0,2.0]},
              {"id":2,"vector":{"s":{"indices":[9],"values":[1.0]},"m":[[1.0,2.0],[3.0,4.0]],
                                "o":{"indices":[6],"values":[5.0]}}}],
              "update_filter":{"must":[{"is_empty":{"key":"k"}}]}}})"));
  EXPECT_EQ(json_of(operation_of(message_of<qdrant::DeletePointVectors>(
                std::string(R"({"vectors":{"names":["","a"]},)") + kIds + "}"))),
            json::parse(R"({"delete_vectors":{"vector":["","a"],"points":[1,2]}})"));
  EXPECT_EQ(json_of(operation_of(
                message_of<qdrant::DeletePoints>(R"({"points":{"points":{"ids":[{"num":7}]}}})"))),
            json::parse(R"({"delete":{"points":[7]}})"));
}

TEST(GrpcOperations, WhatIsMissingIsNamedInTheServersWords) {
  EXPECT_EQ(words_of(operation_of(qdrant::DeletePoints())), "PointSelector is missing");
  EXPECT_EQ(words_of(operation_of(message_of<qdrant::DeletePoints>(R"({"points":{}})"))),
            "Malformed PointsSelector type");
  EXPECT_EQ(words_of(operation_of(qdrant::SetPayloadPoints(), PayloadChange::kSet)),
            "points_selector is expected");
  EXPECT_EQ(words_of(operation_of(message_of<qdrant::UpdatePointVectors>(R"({"points":[{}]})"))),
            "id is expected");
  EXPECT_EQ(words_of(operation_of(
                message_of<qdrant::UpdatePointVectors>(R"({"points":[{"id":{"num":1}}]})"))),
            "vectors is expected");
  EXPECT_EQ(words_of(operation_of(message_of<qdrant::UpdatePointVectors>(
                R"({"points":[{"id":{"num":1},"vectors":{}}]})"))),
            "No Vector Provided");
  qdrant::UpdateBatchPoints batch;
  batch.add_operations();
  EXPECT_EQ(failure_of(operations_of(batch).status()).what, "Operation is missing");
}

TEST(GrpcOperations, ABatchKeepsItsOrder) {
  const auto batch = message_of<qdrant::UpdateBatchPoints>(R"({"operations":[
    {"upsert":{"points":[{"id":{"num":1},"vectors":{"vector":{"data":[1]}}}],"update_mode":"InsertOnly",
               "shard_key_selector":{"shard_keys":[{"keyword":"k"}]}}},
    {"delete_points":{"points":{"points":{"ids":[{"num":1}]}}}},
    {"delete_deprecated":{"points":{"ids":[{"num":2}]}}},
    {"clear_payload":{"points":{"points":{"ids":[{"num":3}]}}}},
    {"clear_payload_deprecated":{"points":{"ids":[{"num":4}]}}},
    {"upsert":{}}]})");
  const auto operations = operations_of(batch).ValueOrDie();
  ASSERT_EQ(operations.size(), 6U);
  EXPECT_TRUE(operations[0].operation.empty());
  const auto head = read_upsert_head(operations[0].upsert).ValueOrDie();
  EXPECT_EQ(head.points, 1);
  EXPECT_EQ(head.update_mode, qdrant::InsertOnly);
  EXPECT_EQ(head.shard_keys, (std::vector<std::string>{"k"}));
  EXPECT_EQ(operations[1].operation, R"({"delete":{"points":[1]}})");
  EXPECT_EQ(operations[2].operation, R"({"delete":{"points":[2]}})");
  EXPECT_EQ(operations[3].operation, R"({"clear_payload":{"points":[3]}})");
  EXPECT_EQ(operations[4].operation, R"({"clear_payload":{"points":[4]}})");
  EXPECT_FALSE(operations[5].upsert.empty()) << "an upsert of no points is one";
}

}  // namespace
}  // namespace vecferry::wire
