#include "vecferry/wire/grpc_settings.h"

#include <collections.pb.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <points.pb.h>

#include <map>
#include <string>

#include "tests/support/points.h"
#include "tests/wire/messages.h"
#include "tests/wire/recordings.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vecferry::testing::deterministic;
using vecferry::testing::from_base64;
using vecferry::testing::Generator;
using vecferry::testing::parse;
using vecferry::testing::recording;

template <typename Message>
Message request_of(const json& exchange) {
  Message message;
  EXPECT_TRUE(parse(from_base64(exchange["request"].get<std::string>()), &message));
  return message;
}

// The recording through both directions: our body of a recorded message makes that message again,
// and a server of ours that works on bodies shows the recorded info.
TEST(GrpcSettings, RecordedMessagesComeBack) {
  std::map<std::string, CollectionConfig> collections;
  size_t infos = 0;
  for (const auto& exchange : recording("grpc-1.18.3.jsonl")) {
    if (exchange["code"] != "OK") {
      continue;
    }
    const auto method = exchange["method"].get<std::string>();
    if (method == "Create" && exchange["service"] == "qdrant.Collections") {
      const auto message = request_of<qdrant::CreateCollection>(exchange);
      const auto body = create_body_of(message).ValueOrDie();
      qdrant::CreateCollection again;
      EXPECT_THAT(read_create_body(body, &again).ValueOrDie(), IsEmpty());
      again.set_collection_name(message.collection_name());
      EXPECT_EQ(deterministic(again), deterministic(message));
      collections[message.collection_name()] = config_of_create(body).ValueOrDie();
    } else if (method == "Update") {
      const auto message = request_of<qdrant::UpdateCollection>(exchange);
      const auto body = patch_body_of(message).ValueOrDie();
      qdrant::UpdateCollection again;
      EXPECT_THAT(read_patch_body(body, &again).ValueOrDie(), IsEmpty());
      again.set_collection_name(message.collection_name());
      EXPECT_EQ(deterministic(again), deterministic(message));
      auto& config = collections.at(message.collection_name());
      config = patched(config, body).ValueOrDie();
    } else if (method == "UpdateAliases") {
      const auto message = request_of<qdrant::ChangeAliases>(exchange);
      qdrant::ChangeAliases again;
      EXPECT_THAT(read_alias_body(alias_body_of(message).ValueOrDie(), &again).ValueOrDie(),
                  IsEmpty());
      EXPECT_EQ(deterministic(again), deterministic(message));
    } else if (method == "CreateFieldIndex") {
      auto message = request_of<qdrant::CreateFieldIndexCollection>(exchange);
      const auto body = index_body_of(message).ValueOrDie();
      collections.at(message.collection_name())
          .payload_indexes.push_back(index_of_body(body).ValueOrDie());
      qdrant::CreateFieldIndexCollection again;
      EXPECT_THAT(read_index_body(body, &again).ValueOrDie(), IsEmpty());
      again.set_collection_name(message.collection_name());
      again.set_wait(message.wait());
      EXPECT_EQ(deterministic(again), deterministic(message));
    } else if (method == "Get" && exchange["service"] == "qdrant.Collections") {
      ++infos;
      qdrant::GetCollectionInfoResponse reply;
      ASSERT_TRUE(parse(from_base64(exchange["response"].get<std::string>()), &reply));
      const auto info = info_of(reply.result()).ValueOrDie();
      const auto& config =
          collections.at(exchange["request_json"]["collection_name"].get<std::string>());
      EXPECT_THAT(config_differences(config_of_info(info, {}).ValueOrDie(), config), IsEmpty());
      // Our own info of the same collection makes the same message.
      std::vector<uint64_t> points;
      for (const auto& index : config.payload_indexes) {
        points.push_back(json::parse(info)["payload_schema"][index.path]["points"].get<uint64_t>());
      }
      qdrant::CollectionInfo again;
      EXPECT_THAT(
          read_info(info_of(config, state_of_info(info).ValueOrDie(), points), &again).ValueOrDie(),
          IsEmpty());
      EXPECT_EQ(deterministic(again), deterministic(reply.result()));
    }
  }
  EXPECT_EQ(infos, 4U);
}

TEST(GrpcSettings, RecordedRestBodiesComeBack) {
  size_t seen = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (exchange["status"] != 200 || !exchange.contains("request")) {
      continue;
    }
    auto path = exchange["path"].get<std::string>();
    path = path.substr(0, path.find('?'));
    json body = exchange["request"];
    const auto slashes = std::count(path.begin(), path.end(), '/');
    Result<std::vector<std::string>> unsaid = std::vector<std::string>();
    std::string again;
    if (path == "/collections/aliases") {
      qdrant::ChangeAliases message;
      unsaid = read_alias_body(body.dump(), &message);
      again = alias_body_of(message).ValueOrDie();
    } else if (exchange["method"] == "PUT" && slashes == 2) {
      qdrant::CreateCollection message;
      unsaid = read_create_body(body.dump(), &message);
      again = create_body_of(message).ValueOrDie();
    } else if (exchange["method"] == "PATCH") {
      qdrant::UpdateCollection message;
      unsaid = read_patch_body(body.dump(), &message);
      again = patch_body_of(message).ValueOrDie();
    } else if (path.size() > 6 && path.substr(path.size() - 6) == "/index") {
      qdrant::CreateFieldIndexCollection message;
      unsaid = read_index_body(body.dump(), &message);
      again = index_body_of(message).ValueOrDie();
    } else {
      continue;
    }
    ++seen;
    EXPECT_THAT(unsaid.ValueOrDie(), IsEmpty()) << body;
    EXPECT_EQ(json::parse(again), body);
  }
  EXPECT_GT(seen, 20U);
}

TEST(GrpcSettings, EveryParameterTravels) {
  const json create = json::parse(R"({
    "vectors":{"a":{"size":4,"distance":"Cosine","datatype":"float16","on_disk":true,"memory":"cold",
        "hnsw_config":{"m":4,"payload_m":2,"inline_storage":true},
        "multivector_config":{"comparator":"max_sim"},
        "quantization_config":{"binary":{"always_ram":true,"encoding":"one_and_half_bits","query_encoding":"scalar4bits"}}},
      "b":{"size":1,"distance":"Manhattan","quantization_config":{"product":{"compression":"x4"}}},
      "c":{"size":1,"distance":"Euclid","quantization_config":{"turbo":{"bits":"bits1_5","always_ram":false}}}},
    "sparse_vectors":{"s":{"index":{"on_disk":false,"datatype":"uint8","full_scan_threshold":7},"modifier":"none"}},
    "shard_number":2,"sharding_method":"custom","replication_factor":2,"write_consistency_factor":1,
    "on_disk_payload":false,"payload":{"memory":"pinned"},
    "optimizers_config":{"deleted_threshold":0.25,"max_optimization_threads":"auto","prevent_unoptimized":true},
    "wal_config":{"wal_capacity_mb":1,"wal_segments_ahead":2,"wal_retain_closed":3},
    "quantization_config":{"scalar":{"type":"int8","quantile":0.99}},
    "strict_mode_config":{"enabled":true,"search_max_oversampling":1.5,"max_points_count":9,
       "multivector_config":{"a":{"max_vectors":3}},"sparse_config":{"s":{"max_length":8}}},
    "metadata":{"n":null,"i":-1,"f":1.5,"s":"x","l":[1,{"b":true}],"o":{"k":[]}}})");
  qdrant::CreateCollection message;
  EXPECT_THAT(read_create_body(create.dump(), &message).ValueOrDie(), IsEmpty());
  EXPECT_EQ(json::parse(create_body_of(message).ValueOrDie()), create);

  const json patch =
      json::parse(R"({"vectors":{"":{"on_disk":true,"quantization_config":"Disabled"}},
    "params":{"read_fan_out_factor":2,"read_fan_out_delay_ms":3},"quantization_config":"Disabled",
    "optimizers_config":{"max_optimization_threads":2}})");
  qdrant::UpdateCollection update;
  EXPECT_THAT(read_patch_body(patch.dump(), &update).ValueOrDie(), IsEmpty());
  EXPECT_TRUE(update.quantization_config().has_disabled());
  EXPECT_TRUE(update.vectors_config().has_params());
  EXPECT_EQ(json::parse(patch_body_of(update).ValueOrDie()), patch);

  for (const char* schema :
       {R"("datetime")", R"({"type":"keyword","is_tenant":true,"enable_hnsw":false})",
        R"({"type":"integer","lookup":true,"range":false})",
        R"({"type":"float","is_principal":true})", R"({"type":"geo","on_disk":true})",
        R"({"type":"bool","memory":"cached"})", R"({"type":"uuid","is_tenant":false})",
        R"({"type":"datetime","on_disk":false})",
        R"({"type":"text","tokenizer":"multilingual","lowercase":false,"min_token_len":1,
            "stopwords":{"languages":["english"],"custom":["x"]},"phrase_matching":true,
            "stemmer":{"type":"snowball","language":"german"},"ascii_folding":true})",
        R"({"type":"text","tokenizer":"word","stemmer":{"type":"none"}})"}) {
    const json body = {{"field_name", "a.b[]"}, {"field_schema", json::parse(schema)}};
    qdrant::CreateFieldIndexCollection index;
    EXPECT_THAT(read_index_body(body.dump(), &index).ValueOrDie(), IsEmpty());
    EXPECT_TRUE(index.has_field_type());
    EXPECT_EQ(json::parse(index_body_of(index).ValueOrDie()), body);
  }
}

TEST(GrpcSettings, PlansGoOverGrpcToo) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto config = Generator(seed).config();
    const auto plan = plan_create(config, features_of("1.18.3").ValueOrDie()).ValueOrDie();
    qdrant::CreateCollection message;
    EXPECT_THAT(read_create_body(plan.create_body, &message).ValueOrDie(), IsEmpty());
    const auto made = config_of_create(create_body_of(message).ValueOrDie()).ValueOrDie();
    EXPECT_EQ(made.vectors, config.vectors) << "seed " << seed;
  }
}

TEST(GrpcSettings, WhatHasNoFieldIsNamed) {
  qdrant::CreateCollection message;
  EXPECT_THAT(read_create_body(R"({"vectors":{"size":1,"distance":"Dot","new":1},"newer":{"x":1},
                                   "hnsw_config":{"m":null,"newest":2}})",
                               &message)
                  .ValueOrDie(),
              ElementsAre("hnsw_config.newest", "newer", "vectors_config.params.new"));
  for (const char* body :
       {R"({"vectors":5})", R"({"vectors":{"size":1,"distance":"Chebyshev"}})",
        R"({"shard_number":-1})", R"({"shard_number":4294967296})", R"({"on_disk_payload":"yes"})",
        R"({"quantization_config":{"scalar":{"type":"int9"}}})"}) {
    qdrant::CreateCollection bad;
    EXPECT_EQ(kind_of(read_create_body(body, &bad).status()), ErrorKind::kIncompatible) << body;
  }
}

TEST(GrpcSettings, FieldTypeMustBeThereAndAgree) {
  qdrant::CreateFieldIndexCollection message;
  message.set_field_name("a");
  message.mutable_field_index_params()->mutable_text_index_params();
  EXPECT_EQ(failure_of(index_body_of(message).status()).what, "cannot convert field_type");
  message.set_field_type(qdrant::FieldTypeKeyword);
  EXPECT_EQ(kind_of(index_body_of(message).status()), ErrorKind::kUsage);
  message.set_field_type(qdrant::FieldTypeText);
  EXPECT_TRUE(index_body_of(message).ok());
}

}  // namespace
}  // namespace vecferry::wire
