#include <gtest/gtest.h>
#include <points.pb.h>

#include <cmath>
#include <string>

#include "tests/support/points.h"
#include "tests/wire/messages.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/wire/fields_internal.h"
#include "vecferry/wire/payload_value_internal.h"

namespace vecferry::wire {
namespace {

using vecferry::testing::deterministic;
using vecferry::testing::parse;

constexpr uint32_t kField = 3;  // PointStruct.payload

std::string encoded(std::string_view json, BigIntegers big = BigIntegers::kRefuse) {
  std::string out;
  EXPECT_TRUE(append_payload_field(json, kField, big, &out).ValueOrDie()) << json;
  return out;
}

Result<std::string> decoded(std::string_view message, PayloadReader* reader) {
  std::vector<ValueEntry> entries;
  FieldReader fields(message);
  while (fields.next()) {
    ARROW_ASSIGN_OR_RAISE(const auto entry, read_entry(fields.bytes()));
    entries.push_back(entry);
  }
  EXPECT_FALSE(fields.failed());
  std::string json;
  ARROW_RETURN_NOT_OK(reader->append(&entries, &json));
  return json;
}

Result<std::string> decoded(std::string_view message) {
  PayloadReader reader;
  return decoded(message, &reader);
}

TEST(PayloadValue, ComesBackTheSame) {
  const std::string deep = [] {
    std::string text = "1";
    for (int i = 1; i < kMaxPayloadDepth; ++i) {
      text = i % 2 == 0 ? "[" + text + "]" : "{\"k\":" + text + "}";
    }
    return "{\"\":" + text + "}";
  }();
  for (const std::string& json :
       {std::string(), std::string(R"({"a":1})"), std::string(R"({"":"","a.b":[],"z":{}})"),
        std::string(R"({"f":1.0,"g":-0.0,"h":1e300,"i":5e-324,"n":null})"),
        std::string(R"({"max":9223372036854775807,"min":-9223372036854775808})"),
        std::string(R"({"l":[1,2.5,"x",null,true,false,[[]],{"a":{"b":[{"c":0}]}}]})"),
        std::string(R"({"s":"\"\\\b\f\n\r\t\u0000\u001fnaïve 日本語 📚/"})"), deep}) {
    EXPECT_EQ(decoded(encoded(json)).ValueOrDie(), json);
  }
}

TEST(PayloadValue, GeneratedCodeReadsAndWritesTheSame) {
  vecferry::testing::Generator generator(7);
  vecferry::testing::GeneratorOptions options;
  options.max_payload_depth = 20;
  for (int i = 0; i < 300; ++i) {
    const std::string json = generator.payload(options);
    std::string bytes;
    if (!append_payload_field(json, kField, BigIntegers::kRefuse, &bytes).ValueOrDie()) {
      continue;  // an integer that gRPC has no field for
    }
    qdrant::PointStruct point;
    ASSERT_TRUE(parse(bytes, &point)) << json;
    EXPECT_EQ(bytes.size(), point.ByteSizeLong()) << json;
    EXPECT_EQ(decoded(deterministic(point)).ValueOrDie(), json);
  }
}

TEST(PayloadValue, KeysAreSortedBytewiseAndTheLastOfEqualOnesWins) {
  qdrant::RetrievedPoint ignored;
  std::string bytes;
  for (const auto& [key, value] : {std::pair("é", 1), std::pair("b", 2), std::pair("Z", 3),
                                   std::pair("b", 4), std::pair("ba", 5)}) {
    std::string entry;
    FieldWriter writer(&entry);
    writer.bytes(1, key);
    const size_t start = writer.open(2);
    writer.number(3, static_cast<uint64_t>(value));
    writer.close(start);
    FieldWriter(&bytes).bytes(kField, entry);
  }
  EXPECT_EQ(decoded(bytes).ValueOrDie(), R"({"Z":3,"b":4,"ba":5,"é":1})");
}

TEST(PayloadValue, IntegersAboveTheSignedRangeAreForRest) {
  std::string out;
  for (const char* json : {R"({"a":9223372036854775808})", R"({"a":[1,18446744073709551615]})"}) {
    EXPECT_FALSE(append_payload_field(json, kField, BigIntegers::kRefuse, &out).ValueOrDie());
  }
  PayloadReader reader;
  EXPECT_EQ(decoded(encoded(R"({"a":18446744073709551615})", BigIntegers::kAsDouble), &reader)
                .ValueOrDie(),
            R"({"a":1.8446744073709552e19})");
  EXPECT_TRUE(reader.doubtful());
  reader.reset_doubt();
  EXPECT_EQ(
      decoded(encoded(R"({"a":9.2233720368547e18,"b":1e300,"c":-1e19})"), &reader).ValueOrDie(),
      R"({"a":9.2233720368547e18,"b":1e300,"c":-1e19})");
  EXPECT_FALSE(reader.doubtful());
}

TEST(PayloadValue, WhatNobodyCouldReadAgainIsRefused) {
  std::string text = "1";
  for (int i = 0; i < kMaxPayloadDepth; ++i) {
    text = "[" + text + "]";
  }
  std::string out;
  const auto deep =
      append_payload_field("{\"a\":" + text + "}", kField, BigIntegers::kRefuse, &out);
  EXPECT_EQ(kind_of(deep.status()), ErrorKind::kIncompatible);
  for (const char* bad : {"{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":tru}", "{\"a\":-}",
                          "{\"a\":\"\\u0041\"}", "{\"a\":\"x", "{\"a\":1}x", "{\"a\":\"\\"}) {
    const auto result = append_payload_field(bad, kField, BigIntegers::kRefuse, &out);
    ASSERT_FALSE(result.ok()) << bad;
    EXPECT_EQ(kind_of(result.status()), ErrorKind::kCorrupt) << bad;
  }
}

TEST(PayloadValue, BadValuesAreErrors) {
  qdrant::PointStruct point;
  (*point.mutable_payload())["x"].set_double_value(std::nan(""));
  EXPECT_EQ(kind_of(decoded(point.SerializeAsString()).status()), ErrorKind::kCorrupt);
  std::string entry;
  FieldWriter writer(&entry);
  writer.bytes(1, "\xFF");
  writer.bytes(2, "");
  std::string bytes;
  FieldWriter(&bytes).bytes(kField, entry);
  EXPECT_EQ(kind_of(decoded(bytes).status()), ErrorKind::kCorrupt);
}

TEST(PayloadValue, DeepMessagesAreReadToOurOwnLimit) {
  const auto nested = [](int depth) {
    std::string value;
    FieldWriter(&value).number(3, 1);
    for (int i = 0; i < depth; ++i) {
      std::string list;
      FieldWriter(&list).bytes(1, value);
      value.clear();
      FieldWriter(&value).bytes(7, list);
    }
    return value;
  };
  PayloadReader reader;
  std::string json;
  ASSERT_TRUE(reader.append_value(nested(kMaxReadDepth - 1), &json).ok());
  EXPECT_EQ(json.size(), 2U * (kMaxReadDepth - 1) + 1);
  EXPECT_EQ(kind_of(reader.append_value(nested(kMaxReadDepth), &json)), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace vecferry::wire
