#include "vecferry/model/config.h"

#include <gtest/gtest.h>

#include <string>

namespace vecferry {
namespace {

constexpr const char* kRich = R"({"format":"vecferry.collection","version":1,"config":{
  "params":{"vectors":{
     "text":{"size":384,"distance":"Cosine","on_disk":true,"quantization_config":{"scalar":{"type":"int8"}}},
     "image":{"size":8,"distance":"Dot","datatype":"float16"},
     "tokens":{"size":16,"distance":"Cosine","multivector_config":{"comparator":"max_sim"}}},
   "sparse_vectors":{"words":{"modifier":"idf"}},
   "shard_number":2,"some_new_setting":{"a":[1,2]}},
  "hnsw_config":{"m":24,"ef_construct":100},"wal_config":null},
 "payload_schema":{"size":{"data_type":"integer","params":{"type":"integer","lookup":true,"range":true},"points":3},
                   "name":{"data_type":"keyword","points":3},"when":"datetime"},
 "aliases":["b","a"]})";

TEST(Config, ReadsFieldsAndKeepsTheRest) {
  const auto config = parse_collection_config(kRich);
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  ASSERT_EQ(config->vectors.size(), 4U);
  EXPECT_EQ(config->vectors[0],
            (VectorSpec{"image", VectorKind::kDense, ElementType::kFloat16, 8, Distance::kDot}));
  EXPECT_EQ(config->vectors[2], (VectorSpec{"tokens", VectorKind::kMulti, ElementType::kFloat32, 16,
                                            Distance::kCosine}));
  EXPECT_EQ(config->vectors[3].kind, VectorKind::kSparse);
  EXPECT_NE(config->settings_json.find("some_new_setting"), std::string::npos);
  ASSERT_EQ(config->payload_indexes.size(), 3U);
  EXPECT_EQ(config->payload_indexes[0].schema_json, "\"keyword\"");
  EXPECT_EQ(config->payload_indexes[1].schema_json,
            R"({"lookup":true,"range":true,"type":"integer"})");
  EXPECT_EQ(config->aliases, (std::vector<std::string>{"a", "b"}));
}

TEST(Config, JsonRoundTripIsIdentity) {
  const auto config = parse_collection_config(kRich).ValueOrDie();
  const auto again = parse_collection_config(to_json(config));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, config);
  EXPECT_EQ(to_json(*again), to_json(config));
  EXPECT_TRUE(config_differences(config, *again).empty());
}

TEST(Config, DefaultsHoldEveryKind) {
  const std::vector<VectorSpec> specs = {
      {"", VectorKind::kDense, ElementType::kFloat32, 3, Distance::kCosine},
      {"s", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot},
      {"u", VectorKind::kMulti, ElementType::kUint8, 4, Distance::kEuclid}};
  for (size_t count = 0; count <= specs.size(); ++count) {
    const std::vector<VectorSpec> some(specs.begin(),
                                       specs.begin() + static_cast<std::ptrdiff_t>(count));
    const auto again = parse_collection_config(to_json(default_config(some)));
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(again->vectors, some);
  }
}

TEST(Config, BadOnesSayWhy) {
  const auto with_params = [](const std::string& params) {
    return R"({"config":{"params":)" + params + "}}";
  };
  struct Case {
    std::string json;
    ErrorKind kind;
    std::string word;
  };
  for (const auto& [json, kind, word] : std::vector<Case>{
           {"{", ErrorKind::kCorrupt, "JSON"},
           {"[]", ErrorKind::kCorrupt, "object"},
           {"{}", ErrorKind::kCorrupt, "config"},
           {R"({"config":{"params":{}},"version":2})", ErrorKind::kIncompatible, "newer"},
           {with_params(R"({"vectors":{"size":0,"distance":"Dot"}})"), ErrorKind::kCorrupt, "0"},
           {with_params(R"({"vectors":{"size":4,"distance":"Taxi"}})"), ErrorKind::kCorrupt,
            "Taxi"},
           {with_params(R"({"vectors":{"a":{"size":4}}})"), ErrorKind::kCorrupt, "distance"},
           {with_params(R"({"vectors":{"a":{"size":4,"distance":"Dot","datatype":"turbo4"}}})"),
            ErrorKind::kIncompatible, "turbo4"},
           {with_params(
                R"({"vectors":{"a":{"size":4,"distance":"Dot"}},"sparse_vectors":{"a":{}}})"),
            ErrorKind::kCorrupt, "twice"}}) {
    const auto config = parse_collection_config(json);
    ASSERT_FALSE(config.ok()) << json;
    EXPECT_EQ(kind_of(config.status()), kind) << json;
    EXPECT_NE(config.status().message().find(word), std::string::npos) << config.status().message();
  }
}

TEST(Config, UnknownVectorNamesThoseThatExist) {
  const auto config = parse_collection_config(kRich).ValueOrDie();
  EXPECT_TRUE(config.vector("text").ok());
  const Status status = config.vector("txt").status();
  EXPECT_EQ(kind_of(status), ErrorKind::kNotFound);
  EXPECT_NE(failure_of(status).next.find("'text'"), std::string::npos);
}

TEST(Config, VectorsCanBeRenamedAndTakeTheirSettingsAlong) {
  const auto config = parse_collection_config(kRich).ValueOrDie();
  VectorSpec text = config.vector("text").ValueOrDie();
  text.name = "";
  const auto changed = with_vectors(config, {text}, {"text"});
  ASSERT_TRUE(changed.ok());
  const auto again = parse_collection_config(to_json(*changed)).ValueOrDie();
  ASSERT_EQ(again.vectors.size(), 1U);
  EXPECT_EQ(again.vectors[0].name, "");
  EXPECT_EQ(again.vectors[0].dim, 384U);
  EXPECT_NE(again.settings_json.find("int8"), std::string::npos);
  EXPECT_NE(again.settings_json.find("some_new_setting"), std::string::npos);
}

TEST(Config, DifferencesAreSentences) {
  auto a = parse_collection_config(kRich).ValueOrDie();
  auto b = a;
  b.aliases.clear();
  EXPECT_TRUE(config_differences(a, b).empty()) << "aliases are not settings";
  b.payload_indexes.pop_back();
  const auto pos = b.settings_json.find("\"m\":24");
  ASSERT_NE(pos, std::string::npos);
  b.settings_json.replace(pos, 6, "\"m\":16");
  const auto lines = config_differences(a, b);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "hnsw_config.m: 24 against 16");
  EXPECT_EQ(lines[1], "payload index when: \"datetime\" against nothing");
}

TEST(Config, ADefaultThatOnlyNewerServersSayIsNoDifference) {
  const auto config = [](const char* wal) {
    return parse_collection_config(
               std::string(R"({"config":{"params":{"vectors":{}},"wal_config":)") + wal + "}}")
        .ValueOrDie();
  };
  EXPECT_TRUE(config_differences(config(R"({"wal_capacity_mb":32})"),
                                 config(R"({"wal_capacity_mb":32,"wal_retain_closed":1})"))
                  .empty());
  EXPECT_EQ(config_differences(config(R"({"wal_capacity_mb":32})"),
                               config(R"({"wal_capacity_mb":32,"wal_retain_closed":2})"))
                .size(),
            1U);
}

TEST(Config, CustomShardingIsSeen) {
  EXPECT_FALSE(parse_collection_config(kRich).ValueOrDie().custom_sharding());
  EXPECT_TRUE(
      parse_collection_config(R"({"config":{"params":{"vectors":{},"sharding_method":"custom"}}})")
          .ValueOrDie()
          .custom_sharding());
}

TEST(Names, AreCheckedAsTheServerDoes) {
  EXPECT_TRUE(check_collection_name("caf\xC3\xA9 v2").ok());
  for (const char* name : {"", "a/b", "a:b", "a?", "a\\b"}) {
    EXPECT_EQ(kind_of(check_collection_name(name)), ErrorKind::kUsage) << name;
  }
  EXPECT_FALSE(check_collection_name(std::string(256, 'x')).ok());
  EXPECT_TRUE(check_vector_name("").ok());
  EXPECT_EQ(kind_of(check_vector_name("a/b")), ErrorKind::kIncompatible);
  EXPECT_FALSE(check_vector_name(std::string(201, 'x')).ok());
}

}  // namespace
}  // namespace vecferry
