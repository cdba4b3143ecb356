#include "vecferry/wire/rest_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/support/points.h"
#include "tests/wire/recordings.h"

namespace vecferry::wire {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vecferry::testing::Generator;
using vecferry::testing::recording;

Features server(const char* version) {
  return features_of(version).ValueOrDie();
}

// What a server makes of a plan.
CollectionConfig made(const CreatePlan& plan) {
  auto config = config_of_create(plan.create_body).ValueOrDie();
  for (const auto& body : plan.index_bodies) {
    config.payload_indexes.push_back(index_of_body(body).ValueOrDie());
  }
  return plan.finish_body.empty() ? config : patched(config, plan.finish_body).ValueOrDie();
}

// Points are counted by the server; the rest of a schema entry is ours to print.
json without_points(json schema) {
  for (auto& entry : schema) {
    entry.erase("points");
  }
  return schema;
}

void upsert_index(CollectionConfig* config, const PayloadIndex& index) {
  auto& indexes = config->payload_indexes;
  indexes.erase(std::remove_if(indexes.begin(), indexes.end(),
                               [&](const auto& old) { return old.path == index.path; }),
                indexes.end());
  indexes.push_back(index);
}

// Play the recording's settings through the server side: every info must come out as recorded, and
// every refusal of a body in the recorded words.
TEST(RestSettings, ServerSideAnswersAsRecorded) {
  std::map<std::string, CollectionConfig> collections;
  size_t infos = 0;
  size_t refused = 0;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    const auto method = exchange["method"].get<std::string>();
    auto path = exchange["path"].get<std::string>();
    path = path.substr(0, path.find('?'));
    if (path.rfind("/collections/", 0) != 0) {
      continue;
    }
    const auto rest = path.substr(13);
    const auto name = rest.substr(0, rest.find('/'));
    const auto route = rest.substr(name.size());
    const int status = exchange["status"].get<int>();
    const std::string body =
        exchange.contains("request") ? exchange["request"].dump() : std::string();
    if (method == "PUT" && (route.empty() || route == "/index") && status == 400 &&
        exchange.contains("request") &&
        exchange["response"]["status"]["error"].get<std::string>().rfind("Format error", 0) == 0) {
      ++refused;
      // The recorder wrote blanks after commas and colons; columns count them.
      std::string spaced;
      for (const char c : body) {
        spaced.push_back(c);
        if (c == ':' || c == ',') {
          spaced.push_back(' ');
        }
      }
      const Status refusal =
          route.empty() ? config_of_create(spaced).status() : index_of_body(spaced).status();
      ASSERT_FALSE(refusal.ok()) << body;
      EXPECT_EQ(failure_of(refusal).what,
                exchange["response"]["status"]["error"].get<std::string>());
    }
    if (status != 200) {
      continue;
    }
    if (method == "PUT" && route.empty()) {
      collections[name] = config_of_create(body).ValueOrDie();
    } else if (method == "PATCH") {
      collections[name] = patched(collections.at(name), body).ValueOrDie();
    } else if (method == "DELETE" && route.empty()) {
      collections.erase(name);
    } else if (method == "PUT" && route == "/index") {
      upsert_index(&collections.at(name), index_of_body(body).ValueOrDie());
    } else if (method == "DELETE" && route.rfind("/index/", 0) == 0) {
      auto& indexes = collections.at(name).payload_indexes;
      indexes.erase(
          std::remove_if(indexes.begin(), indexes.end(),
                         [&](const auto& index) { return index.path == route.substr(7); }),
          indexes.end());
    } else if (method == "GET" && route.empty() && collections.count(name) > 0) {
      ++infos;
      const auto& result = exchange["response"]["result"];
      const auto& config = collections.at(name);
      const auto state = state_of_info(result.dump()).ValueOrDie();
      const auto info = json::parse(info_of(config, state, {}));
      EXPECT_EQ(info["config"], result["config"]) << name;
      EXPECT_EQ(without_points(info["payload_schema"]), without_points(result["payload_schema"]));
      auto expected = result;
      for (const char* key : {"config", "payload_schema"}) {
        expected.erase(key);
        EXPECT_TRUE(info.contains(key));
      }
      auto rest_of_info = info;
      rest_of_info.erase("config");
      rest_of_info.erase("payload_schema");
      EXPECT_EQ(rest_of_info, expected);
      // And as a client reads it.
      EXPECT_THAT(config_differences(config_of_info(result.dump(), {}).ValueOrDie(), config),
                  IsEmpty());
    }
  }
  EXPECT_EQ(infos, 6U);
  EXPECT_GE(refused, 4U);
}

TEST(RestSettings, TheIdOfASnapshotsCollectionIsNotShown) {
  auto config = default_config({{.dim = 3}});
  auto settings = json::parse(config.settings_json);
  settings["uuid"] = nullptr;
  config.settings_json = settings.dump();
  EXPECT_FALSE(json::parse(info_of(config, {}, {}))["config"].contains("uuid"));
}

TEST(RestSettings, APlanMakesTheSameCollection) {
  std::vector<CollectionConfig> configs;
  for (const auto& exchange : recording("rest-1.18.3.jsonl")) {
    if (exchange["method"] == "GET" &&
        exchange["path"].get<std::string>().rfind("/collections/", 0) == 0 &&
        exchange.contains("response") && exchange["response"].contains("result") &&
        exchange["response"]["result"].contains("config")) {
      configs.push_back(config_of_info(exchange["response"]["result"].dump(), {}).ValueOrDie());
    }
  }
  EXPECT_EQ(configs.size(), 8U);
  // Made by a server once, so that nothing is left to its defaults.
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const auto config = seed == 1 ? Generator::every_kind() : Generator(seed).config();
    configs.push_back(made(plan_create(config, server("1.18.3")).ValueOrDie()));
    EXPECT_EQ(configs.back().vectors, config.vectors);
  }
  for (const bool hold : {false, true}) {
    for (const auto& config : configs) {
      const auto plan = plan_create(config, server("1.18.3"), {.hold_indexing = hold}).ValueOrDie();
      EXPECT_THAT(plan.lost, IsEmpty());
      EXPECT_THAT(config_differences(config, made(plan)), IsEmpty()) << plan.create_body;
      EXPECT_EQ(plan.index_bodies.size(), config.payload_indexes.size());
      const auto create = json::parse(plan.create_body);
      EXPECT_EQ(hold, create["optimizers_config"]["indexing_threshold"] == 0 &&
                          plan.finish_body.find("indexing_threshold") != std::string::npos);
      EXPECT_FALSE(create.contains("strict_mode_config"));
    }
  }
}

constexpr const char* kNewest = R"({"config":{
  "params":{"vectors":{"size":4,"distance":"Dot","memory":"cold","future":1},"shard_number":3,
    "sharding_method":"custom","read_fan_out_factor":2,"read_fan_out_delay_ms":5,
    "payload":{"memory":"cold"},"sparse_vectors":{"s":{"modifier":"idf"}}},
  "hnsw_config":{"m":8,"full_scan_threshold":5},
  "optimizer_config":{"prevent_unoptimized":true,"max_segment_size":0,"indexing_threshold":777},
  "wal_config":{"wal_capacity_mb":16,"wal_retain_closed":2},
  "quantization_config":{"turbo":{"bits":"bits2"}},
  "strict_mode_config":{"enabled":true},"metadata":{"a":1},"something_new":{"x":[1]}},
  "payload_schema":{
    "u":{"data_type":"uuid","points":1},
    "k":{"data_type":"keyword","params":{"type":"keyword","is_tenant":true,"enable_hnsw":false},"points":0},
    "i":{"data_type":"integer","params":{"type":"integer","lookup":true,"range":false,"is_principal":null},"points":0},
    "b":{"data_type":"bool","params":{"type":"bool","on_disk":true},"points":0}}})";

TEST(RestSettings, WhatWeDoNotKnowTravels) {
  const auto config = config_of_info(kNewest, {}).ValueOrDie();
  const auto plan = plan_create(config, server("1.20.0")).ValueOrDie();
  const auto create = json::parse(plan.create_body);
  EXPECT_EQ(create["something_new"]["x"][0], 1);
  EXPECT_EQ(create["vectors"]["future"], 1);
  EXPECT_EQ(create["sharding_method"], "custom");
  EXPECT_EQ(create["hnsw_config"]["full_scan_threshold"], 10);
  EXPECT_FALSE(create["optimizers_config"].contains("max_segment_size"));
  EXPECT_THAT(plan.lost, SizeIs(1));
  EXPECT_EQ(json::parse(plan.finish_body),
            json::parse(R"({"params":{"read_fan_out_factor":2,"read_fan_out_delay_ms":5},
                            "optimizers_config":{"prevent_unoptimized":true},
                            "strict_mode_config":{"enabled":true}})"));
}

TEST(RestSettings, OlderServersAreNotAskedForWhatTheyLack) {
  const auto config = config_of_info(kNewest, {}).ValueOrDie();
  const auto plan = plan_create(config, server("1.8.0")).ValueOrDie();
  const auto create = json::parse(plan.create_body);
  for (const char* key : {"metadata", "strict_mode_config", "payload", "quantization_config"}) {
    EXPECT_FALSE(create.contains(key)) << key;
  }
  EXPECT_FALSE(create["vectors"].contains("memory"));
  EXPECT_FALSE(create["sparse_vectors"]["s"].contains("modifier"));
  EXPECT_FALSE(create["wal_config"].contains("wal_retain_closed"));
  EXPECT_EQ(json::parse(plan.finish_body), json::parse(R"({"params":{"read_fan_out_factor":2}})"));
  EXPECT_THAT(plan.lost, Contains("metadata: not known to Qdrant 1.8.0"));
  EXPECT_THAT(plan.lost, Contains("payload index u (uuid): not known to Qdrant 1.8.0"));
  EXPECT_THAT(plan.index_bodies, SizeIs(3));
  EXPECT_THAT(plan.index_bodies, Contains(R"({"field_name":"k","field_schema":"keyword"})"));
  EXPECT_THAT(
      plan.index_bodies,
      Contains(
          R"({"field_name":"i","field_schema":{"lookup":true,"range":false,"type":"integer"}})"));
  const auto held = plan_create(config, server("1.14.0"), {.hold_indexing = true}).ValueOrDie();
  EXPECT_EQ(json::parse(held.finish_body)["optimizers_config"]["indexing_threshold"], 777);
}

TEST(RestSettings, VectorsThatAServerCannotHoldAreRefused) {
  const auto config = default_config({{.name = "m", .kind = VectorKind::kMulti, .dim = 2},
                                      {.name = "h", .element = ElementType::kFloat16, .dim = 2}});
  EXPECT_TRUE(plan_create(config, server("1.10.0")).ok());
  const auto plan = plan_create(config, server("1.9.0"));
  EXPECT_EQ(kind_of(plan.status()), ErrorKind::kIncompatible);
}

TEST(RestSettings, PatchRules) {
  auto config = config_of_create(R"({"vectors":{"a":{"size":2,"distance":"Dot"}},
      "quantization_config":{"scalar":{"type":"int8"}},"metadata":{"x":1,"y":{"z":1}}})")
                    .ValueOrDie();
  const auto settings = [&](const char* body) {
    config = patched(config, body).ValueOrDie();
    return json::parse(config.settings_json);
  };
  EXPECT_EQ(settings(R"({"metadata":{"x":null,"y":{"w":2}},"hnsw_config":{"m":null}})")["metadata"],
            json::parse(R"({"y":{"w":2}})"));
  EXPECT_EQ(settings(R"({"metadata":{}})")["metadata"], json::parse(R"({"y":{"w":2}})"));
  EXPECT_TRUE(settings(R"({"quantization_config":"Disabled"})")["quantization_config"].is_null());
  EXPECT_EQ(
      settings(
          R"({"vectors":{"a":{"on_disk":true,"hnsw_config":{"m":4}}}})")["params"]["vectors"]["a"]
                                                                        ["hnsw_config"]["m"],
      4);
  EXPECT_EQ(settings(R"({"wal_config":{"wal_capacity_mb":1}})")["wal_config"]["wal_capacity_mb"],
            32);
  EXPECT_EQ(
      settings(
          R"({"optimizers_config":{"max_optimization_threads":3}})")["optimizer_config"]
                                                                    ["max_optimization_threads"],
      3);
  EXPECT_TRUE(
      settings(
          R"({"optimizer_config":{"max_optimization_threads":"auto"}})")["optimizer_config"]
                                                                        ["max_optimization_threads"]
                                                                            .is_null());
  EXPECT_EQ(kind_of(patched(config, R"({"vectors":{"b":{}}})").status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(patched(config, R"({"vectors":{"a":{"size":2,"distance":"Dot"}}})").status()),
            ErrorKind::kUsage);
  EXPECT_EQ(kind_of(patched(config, "[]").status()), ErrorKind::kUsage);
}

TEST(RestSettings, Aliases) {
  EXPECT_EQ(json::parse(alias_body(std::vector<AliasAction>{{"a", "c"}, {"b", {}}})),
            json::parse(R"({"actions":[
      {"delete_alias":{"alias_name":"a"}},
      {"create_alias":{"collection_name":"c","alias_name":"a"}},
      {"delete_alias":{"alias_name":"b"}}]})"));
}

TEST(RestSettings, BadInfoIsAnError) {
  for (const char* info : {"", "[]", "{}", R"({"config":{}})", R"({"status":5})"}) {
    EXPECT_EQ(kind_of(config_of_info(info, {}).status()), ErrorKind::kCorrupt) << info;
    EXPECT_EQ(kind_of(state_of_info(info).status()), ErrorKind::kCorrupt) << info;
  }
}

}  // namespace
}  // namespace vecferry::wire
