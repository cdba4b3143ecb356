#include "vecferry/wire/grpc_query.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <points.pb.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace vecferry::wire {
namespace {

using nlohmann::json;

// Messages are written in protobuf's own JSON, so that a case is one line on either side.
template <typename Message>
Message message_of(const std::string& text) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << " in " << text;
  return message;
}

json query_of(const std::string& query) {
  const auto message = message_of<qdrant::QueryPoints>(R"({"query":)" + query + "}");
  const auto body = query_body_of(message);
  EXPECT_TRUE(body.ok()) << body.status().ToString();
  return body.ok() ? json::parse(*body).at("query") : json();
}

std::string refusal_of(const std::string& query) {
  const auto body = query_body_of(message_of<qdrant::QueryPoints>(R"({"query":)" + query + "}"));
  EXPECT_EQ(kind_of(body.status()), ErrorKind::kUsage) << query;
  return body.ok() ? "" : failure_of(body.status()).what;
}

TEST(GrpcQuery, EveryVariant) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"nearest":{"dense":{"data":[1,0.5]}}})", R"({"nearest":[1.0,0.5]})"},
      {R"({"nearest":{"id":{"num":"18446744073709551615"}}})",
       R"({"nearest":18446744073709551615})"},
      {R"({"nearest":{"id":{"uuid":"550e8400-e29b-41d4-a716-446655440000"}}})",
       R"({"nearest":"550e8400-e29b-41d4-a716-446655440000"})"},
      {R"({"nearest":{"sparse":{"values":[1.5],"indices":[7]}}})",
       R"({"nearest":{"indices":[7],"values":[1.5]}})"},
      {R"({"nearest":{"multi_dense":{"vectors":[{"data":[1,2]},{"data":[3,4]}]}}})",
       R"({"nearest":[[1.0,2.0],[3.0,4.0]]})"},
      {R"({"recommend":{"positive":[{"id":{"num":1}}],"negative":[{"dense":{"data":[1]}}],"strategy":"SumScores"}})",
       R"({"recommend":{"positive":[1],"negative":[[1.0]],"strategy":"sum_scores"}})"},
      {R"({"recommend":{"positive":[{"id":{"num":1}}]}})",
       R"({"recommend":{"positive":[1],"negative":[]}})"},
      {R"({"discover":{"target":{"id":{"num":1}},"context":{"pairs":[{"positive":{"id":{"num":2}},"negative":{"id":{"num":3}}}]}}})",
       R"({"discover":{"target":1,"context":[{"positive":2,"negative":3}]}})"},
      {R"({"context":{"pairs":[{"positive":{"id":{"num":2}},"negative":{"id":{"num":3}}}]}})",
       R"({"context":[{"positive":2,"negative":3}]})"},
      {R"({"order_by":{"key":"n","direction":"Desc","start_from":{"integer":"-5"}}})",
       R"({"order_by":{"key":"n","direction":"desc","start_from":-5}})"},
      {R"({"order_by":{"key":"n","start_from":{"timestamp":"2026-11-23T00:00:00Z"}}})",
       R"({"order_by":{"key":"n","start_from":"2026-11-23T00:00:00Z"}})"},
      {R"({"fusion":"RRF"})", R"({"fusion":"rrf"})"},
      {R"({"fusion":"DBSF"})", R"({"fusion":"dbsf"})"},
      {R"({"sample":"Random"})", R"({"sample":"random"})"},
      {R"({"nearest_with_mmr":{"nearest":{"id":{"num":1}},"mmr":{"diversity":0.5,"candidates_limit":9}}})",
       R"({"nearest":1,"mmr":{"diversity":0.5,"candidates_limit":9}})"},
      {R"({"rrf":{"k":60,"weights":[1,0.5]}})", R"({"rrf":{"k":60,"weights":[1.0,0.5]}})"},
      {R"({"relevance_feedback":{"target":{"id":{"num":1}},"feedback":[{"example":{"id":{"num":2}},"score":0.5}],"strategy":{"naive":{"a":1,"b":2,"c":0.5}}}})",
       R"({"relevance_feedback":{"target":1,"feedback":[{"example":2,"score":0.5}],"strategy":{"naive":{"a":1.0,"b":2.0,"c":0.5}}}})"},
  };
  for (const auto& [message, body] : cases) {
    EXPECT_EQ(query_of(message), json::parse(body)) << message;
  }
}

TEST(GrpcQuery, EveryExpressionOfAFormula) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"constant":2.5})", "2.5"},
      {R"({"variable":"$score"})", R"("$score")"},
      {R"({"condition":{"field":{"key":"k","match":{"keyword":"v"}}}})",
       R"({"key":"k","match":{"value":"v"}})"},
      {R"({"geo_distance":{"origin":{"lon":1,"lat":2},"to":"at"}})",
       R"({"geo_distance":{"origin":{"lon":1.0,"lat":2.0},"to":"at"}})"},
      {R"({"datetime":"2026-01-01"})", R"({"datetime":"2026-01-01"})"},
      {R"({"datetime_key":"t"})", R"({"datetime_key":"t"})"},
      {R"({"mult":{"mult":[{"constant":1},{"variable":"x"}]}})", R"({"mult":[1.0,"x"]})"},
      {R"({"sum":{"sum":[{"constant":1}]}})", R"({"sum":[1.0]})"},
      {R"({"div":{"left":{"constant":1},"right":{"variable":"x"},"by_zero_default":0}})",
       R"({"div":{"left":1.0,"right":"x","by_zero_default":0.0}})"},
      {R"({"neg":{"variable":"x"}})", R"({"neg":"x"})"},
      {R"({"abs":{"variable":"x"}})", R"({"abs":"x"})"},
      {R"({"sqrt":{"variable":"x"}})", R"({"sqrt":"x"})"},
      {R"({"pow":{"base":{"variable":"x"},"exponent":{"constant":2}}})",
       R"({"pow":{"base":"x","exponent":2.0}})"},
      {R"({"exp":{"variable":"x"}})", R"({"exp":"x"})"},
      {R"({"log10":{"variable":"x"}})", R"({"log10":"x"})"},
      {R"({"ln":{"variable":"x"}})", R"({"ln":"x"})"},
      {R"({"exp_decay":{"x":{"variable":"x"},"target":{"constant":1},"scale":0.5,"midpoint":0.25}})",
       R"({"exp_decay":{"x":"x","target":1.0,"scale":0.5,"midpoint":0.25}})"},
      {R"({"gauss_decay":{"x":{"variable":"x"}}})", R"({"gauss_decay":{"x":"x"}})"},
      {R"({"lin_decay":{"x":{"variable":"x"}}})", R"({"lin_decay":{"x":"x"}})"},
  };
  for (const auto& [expression, body] : cases) {
    const json formula = query_of(std::string(R"({"formula":{"expression":)") + expression +
                                  R"(,"defaults":{"x":{"integer_value":"1"}}}})");
    EXPECT_EQ(formula, (json{{"formula", json::parse(body)}, {"defaults", {{"x", 1}}}}))
        << expression;
  }
}

TEST(GrpcQuery, WhatSaysNothingIsRefusedInTheServersWords) {
  EXPECT_EQ(refusal_of("{}"), "Query variant is missing");
  EXPECT_EQ(refusal_of(R"({"nearest":{}})"), "VectorInput variant is missing");
  EXPECT_EQ(refusal_of(R"({"nearest":{"id":{}}})"), "Empty ID is not allowed");
  EXPECT_EQ(refusal_of(R"({"nearest":{"id":{"uuid":"abc"}}})"), "Unable to parse UUID: abc");
  EXPECT_EQ(refusal_of(R"({"discover":{}})"), "DiscoverInput target is missing");
  EXPECT_EQ(refusal_of(R"({"discover":{"target":{"id":{"num":1}}}})"),
            "DiscoverInput context is missing");
  EXPECT_EQ(refusal_of(R"({"context":{"pairs":[{}]}})"), "ContextPair positive is missing");
  EXPECT_EQ(refusal_of(R"({"nearest_with_mmr":{}})"), "nearest vector is missing");
  EXPECT_EQ(refusal_of(R"({"nearest_with_mmr":{"nearest":{"id":{"num":1}}}})"), "mmr is missing");
  EXPECT_EQ(refusal_of(R"({"formula":{}})"), "Formula expression is missing");
  EXPECT_THAT(refusal_of(R"({"nearest":{"document":{}}})"), ::testing::HasSubstr("inference"));
  qdrant::QueryPoints none;
  none.set_limit(0);
  EXPECT_EQ(failure_of(query_body_of(none).status()).what,
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]");
}

TEST(GrpcQuery, WhatStandsAroundAQuery) {
  const auto message = message_of<qdrant::QueryPoints>(R"({
    "collection_name": "c", "using": "v", "limit": 3, "offset": 4, "score_threshold": 0.5,
    "prefetch": [{"query":{"nearest":{"id":{"num":1}}},"using":"w","limit":9,"score_threshold":0.25,
                  "filter":{"must":[{"has_id":{"has_id":[{"num":1}]}}]},
                  "prefetch":[{"limit":5}]}],
    "filter": {"must_not":[{"is_null":{"key":"k"}}]},
    "params": {"exact": true, "hnsw_ef": 64, "quantization": {"rescore": false}},
    "with_payload": {"exclude": {"fields": ["a"]}},
    "with_vectors": {"include": {"names": ["v"]}},
    "lookup_from": {"collection_name": "d", "vector_name": "w"},
    "shard_key_selector": {"shard_keys": [{"keyword": "a"}, {"number": 5}]}})");
  EXPECT_EQ(json::parse(query_body_of(message).ValueOrDie()), json::parse(R"({
    "using": "v", "limit": 3, "offset": 4, "score_threshold": 0.5,
    "prefetch": [{"query":{"nearest":1},"using":"w","limit":9,"score_threshold":0.25,
                  "filter":{"must":[{"has_id":[1]}]}, "prefetch":[{"limit":5}]}],
    "filter": {"must_not":[{"is_null":{"key":"k"}}]},
    "params": {"exact": true, "hnsw_ef": 64, "quantization": {"rescore": false}},
    "with_payload": {"exclude": ["a"]},
    "with_vector": ["v"],
    "lookup_from": {"collection": "d", "vector": "w"},
    "shard_key": ["a", 5]})"));
}

TEST(GrpcQuery, FloatsKeepTheirValue) {
  qdrant::QueryPoints message;
  auto* data = message.mutable_query()->mutable_nearest()->mutable_dense();
  for (const float value : {0.1F, 1e-45F, 3.4028235e38F, -0.0F, 16777217.0F}) {
    data->add_data(value);
  }
  const json body = json::parse(query_body_of(message).ValueOrDie());
  for (int i = 0; i < data->data_size(); ++i) {
    EXPECT_EQ(body["query"]["nearest"][static_cast<size_t>(i)].get<float>(), data->data(i));
  }
  EXPECT_TRUE(std::signbit(body["query"]["nearest"][3].get<float>()));
}

TEST(GrpcQuery, TheOlderSearches) {
  EXPECT_EQ(json::parse(query_body_of(message_of<qdrant::SearchPoints>(
                                          R"({"vector":[1,2],"limit":3,"vector_name":"v","offset":1,
                                "sparse_indices":{"data":[4,5]},"with_payload":{"enable":true}})"))
                            .ValueOrDie()),
            json::parse(R"({"query":{"nearest":{"indices":[4,5],"values":[1.0,2.0]}},"using":"v",
                            "limit":3,"offset":1,"with_payload":true})"));
  EXPECT_EQ(
      json::parse(query_body_of(message_of<qdrant::RecommendPoints>(
                                    R"({"positive":[{"num":1}],"positive_vectors":[{"data":[1,2]}],
                                "negative":[{"num":2}],"limit":3,"strategy":"BestScore"})"))
                      .ValueOrDie()),
      json::parse(R"({"query":{"recommend":{"positive":[1,[1.0,2.0]],"negative":[2],
                            "strategy":"best_score"}},"limit":3})"));
  EXPECT_EQ(json::parse(query_body_of(message_of<qdrant::DiscoverPoints>(
                                          R"({"target":{"single":{"id":{"num":1}}},"limit":3,
                                "context":[{"positive":{"id":{"num":2}},
                                            "negative":{"vector":{"dense":{"data":[1]}}}}]})"))
                            .ValueOrDie()),
            json::parse(R"({"query":{"discover":{"target":1,"context":[{"positive":2,
                            "negative":[1.0]}]}},"limit":3})"));
  EXPECT_EQ(failure_of(query_body_of(qdrant::SearchPoints()).status()).what,
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]");
}

TEST(GrpcQuery, GroupsAndFacets) {
  EXPECT_EQ(
      json::parse(query_groups_body_of(
                      message_of<qdrant::QueryPointGroups>(
                          R"({"query":{"nearest":{"id":{"num":1}}},"group_by":"g","group_size":2,
                          "limit":4,"with_lookup":{"collection":"d","with_payload":{"enable":true}}})"))
                      .ValueOrDie()),
      json::parse(R"({"query":{"nearest":1},"group_by":"g","group_size":2,"limit":4,
                      "with_lookup":{"collection":"d","with_payload":true}})"));
  EXPECT_EQ(json::parse(query_groups_body_of(
                            message_of<qdrant::SearchPointGroups>(
                                R"({"vector":[1],"limit":3,"group_by":"g","group_size":2})"))
                            .ValueOrDie()),
            json::parse(R"({"query":{"nearest":[1.0]},"limit":3,"group_by":"g","group_size":2})"));
  EXPECT_FALSE(query_groups_body_of(message_of<qdrant::SearchPointGroups>(
                                        R"({"vector":[1],"limit":3,"group_by":"g"})"))
                   .ok());
  EXPECT_EQ(json::parse(facet_body_of(message_of<qdrant::FacetCounts>(
                                          R"({"key":"k","limit":5,"exact":true,
                                "filter":{"must":[{"is_empty":{"key":"e"}}]}})"))
                            .ValueOrDie()),
            json::parse(R"({"key":"k","limit":5,"exact":true,
                            "filter":{"must":[{"is_empty":{"key":"e"}}]}})"));
}

TEST(GrpcQuery, IdsAndOrders) {
  EXPECT_EQ(point_id_of(message_of<qdrant::PointId>(R"({"num":7})")).ValueOrDie(),
            PointId::of(uint64_t{7}));
  EXPECT_EQ(to_string(point_id_of(message_of<qdrant::PointId>(
                                      R"({"uuid":"550E8400-e29b-41d4-a716-446655440000"})"))
                          .ValueOrDie()),
            "550e8400-e29b-41d4-a716-446655440000");
  EXPECT_EQ(failure_of(point_id_of(qdrant::PointId()).status()).what, "Empty ID is not allowed");
  EXPECT_EQ(
      order_by_of(message_of<qdrant::OrderBy>(R"({"key":"n","direction":"Asc"})")).ValueOrDie(),
      R"({"direction":"asc","key":"n"})");
}

}  // namespace
}  // namespace vecferry::wire
