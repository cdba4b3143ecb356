#include <gtest/gtest.h>

#include "vecferry/formats/document_parser_internal.h"
#include "vecferry/formats/text_window_internal.h"

namespace vecferry::formats {
namespace {

Result<ParsedDocument> parse(std::string text, DocumentOptions options = {}) {
  const size_t size = text.size();
  text.append(TextWindow::kPadding, '\0');
  DocumentParser parser(std::move(options));
  ParsedDocument document;
  ARROW_RETURN_NOT_OK(parser.parse({text.data(), size}, &document));
  return document;
}

std::string payload_of(const std::string& members) {
  const auto document = parse("{\"id\":1," + members + "}");
  EXPECT_TRUE(document.ok()) << document.status().ToString();
  return document.ok() ? document->payload : "";
}

TEST(DocumentParser, PayloadIsMetadataAndContent) {
  EXPECT_EQ(payload_of("\"content\":\"x\",\"metadata\":{\"b\":1,\"a\":[2]}"),
            "{\"a\":[2],\"b\":1,\"content\":\"x\"}");
  EXPECT_EQ(payload_of("\"metadata\": {\"b\" : 1.0 }"), "{\"b\":1.0}");
  EXPECT_EQ(payload_of("\"content\":\"\",\"metadata\":{}"), "{\"content\":\"\"}");
  EXPECT_EQ(payload_of("\"content\":null,\"metadata\":null"), "");
  EXPECT_EQ(payload_of("\"metadata\":{\"content\":5}"), "{\"content\":5}");
  EXPECT_EQ(payload_of("\"metadata\":{\"content\":null}"), "{\"content\":null}");
  EXPECT_EQ(payload_of("\"metadata\":{\"metadata\":{}}"), "{\"metadata\":{}}");
  EXPECT_EQ(payload_of("\"content\":\"\\u00e9\\/\""), "{\"content\":\"\xC3\xA9/\"}");
}

TEST(DocumentParser, NothingIsDropped) {
  EXPECT_EQ(payload_of("\"score\":0.5,\"tags\":[\"a\"],\"o\":{\"k\":null},\"metadata\":{\"a\":1}"),
            "{\"a\":1,\"o\":{\"k\":null},\"score\":0.5,\"tags\":[\"a\"]}");
  EXPECT_EQ(payload_of("\"payload\":{\"a\":1},\"metadata\":{\"b\":2}"), "{\"a\":1,\"b\":2}");
  EXPECT_EQ(payload_of("\"payload\":\"text\""), "{\"payload\":\"text\"}");
  EXPECT_EQ(payload_of("\"payload\":null"), "");
  EXPECT_EQ(payload_of("\"content\":\"long\",\"metadata\":{\"content\":\"short\",\"z\":1}"),
            "{\"content\":\"long\",\"metadata_content\":\"short\",\"z\":1}");
  EXPECT_EQ(payload_of("\"content\":\"same\",\"metadata\":{\"content\":\"same\"}"),
            "{\"content\":\"same\"}");
  EXPECT_EQ(payload_of("\"k\\\"ey\":1"), "{\"k\\\"ey\":1}");
}

TEST(DocumentParser, TwoValuesForOneKeyAreAnError) {
  for (const char* members : {"\"a\":1,\"metadata\":{\"a\":2}", "\"payload\":{\"a\":1},\"a\":2",
                              "\"content\":\"x\",\"payload\":{\"content\":\"y\"}"}) {
    EXPECT_FALSE(parse(std::string("{\"id\":1,") + members + "}").ok()) << members;
  }
  const auto taken = parse("{\"id\":\"name\",\"metadata\":{\"original_id\":\"other\"}}");
  ASSERT_FALSE(taken.ok());
  EXPECT_NE(taken.status().message().find("original_id"), std::string::npos);
  EXPECT_TRUE(parse("{\"id\":\"name\",\"metadata\":{\"original_id\":\"name\"}}").ok());
  EXPECT_EQ(
      parse("{\"id\":\"name\",\"metadata\":{\"original_id\":\"x\"}}", {.original_id_key = "doc id"})
          ->payload,
      "{\"doc id\":\"name\",\"original_id\":\"x\"}");
}

TEST(DocumentParser, IdsAreNumbersUuidsOrNames) {
  EXPECT_EQ(parse("{\"id\":18446744073709551615}")->id, PointId::of(UINT64_MAX));
  EXPECT_EQ(parse("{\"id\":\"42\"}")->id, PointId::of(42));
  EXPECT_EQ(parse("{\"id\":0}")->id, PointId::of(0));
  const auto uuid = *parse_uuid("f47ac10b-58cc-4372-a567-0e02b2c3d479");
  for (const char* text :
       {"f47ac10b-58cc-4372-a567-0e02b2c3d479", "F47AC10B-58CC-4372-A567-0E02B2C3D479",
        "f47ac10b58cc4372a5670e02b2c3d479", "urn:uuid:f47ac10b-58cc-4372-a567-0e02b2c3d479"}) {
    const auto document = parse(std::string("{\"id\":\"") + text + "\"}");
    EXPECT_EQ(document->id, PointId::of(uuid)) << text;
    EXPECT_EQ(document->payload, "");
  }
  for (const char* text : {"007", "guide/1", "18446744073709551616", " 7", "-1", "\xC3\xA9"}) {
    const auto document = parse(std::string("{\"id\":\"") + text + "\"}");
    EXPECT_EQ(document->id, PointId::of(uuid_of_name(text))) << text;
    EXPECT_EQ(document->payload, std::string("{\"original_id\":\"") + text + "\"}");
  }
}

TEST(DocumentParser, VectorsOfEveryKind) {
  const auto document = parse(
      "{\"id\":1,\"vector\":{\"\":[1,2],\"m\":[[1,2,3],[4,5,6]],\"none\":null,"
      "\"s\":{\"values\":[0.5,1],\"indices\":[3,70]},\"empty\":{\"indices\":[],\"values\":[]}}}");
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  ASSERT_EQ(document->vector_count, 4U);
  const auto vectors = document->present();
  EXPECT_EQ(vectors[0].kind, VectorKind::kDense);
  EXPECT_EQ(vectors[0].dim, 2U);
  EXPECT_EQ(vectors[1].kind, VectorKind::kMulti);
  EXPECT_EQ(vectors[1].dim, 3U);
  EXPECT_EQ(document->values_of(vectors[1]).size(), 6U);
  EXPECT_EQ(vectors[2].kind, VectorKind::kSparse);
  EXPECT_EQ(document->indices_of(vectors[2])[1], 70U);
  EXPECT_EQ(document->values_of(vectors[2])[0], 0.5F);
  EXPECT_EQ(document->indices_of(vectors[3]).size(), 0U);
  for (const char* none : {"null", "[]", "{}", "{\"a\":null}"}) {
    EXPECT_EQ(parse(std::string("{\"id\":1,\"vector\":") + none + "}")->vector_count, 0U) << none;
  }
  EXPECT_EQ(parse("{\"id\":1,\"embedding\":[1]}")->vector_count, 1U);
}

TEST(DocumentParser, WhatIsNotWantedIsNotLookedAt) {
  const auto document = parse("{\"id\":1,\"metadata\":[],\"vector\":{\"a\":[NaN],\"b\":[1]}}",
                              {.payload = false, .vector_names = {{"b"}}});
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  EXPECT_EQ(document->vector_count, 1U);
}

TEST(DocumentParser, ErrorsNameTheField) {
  struct Case {
    const char* members;
    const char* words;
    const char* where;
  };
  for (const auto& [members, words, where] : std::initializer_list<Case>{
           {"\"id\":-1", "negative", "id"},
           {"\"id\":1.5", "not a whole number", "id"},
           {"\"id\":1e3", "not a whole number", "id"},
           {"\"id\":18446744073709551616", "above 2^64-1", "id"},
           {"\"id\":007", "not a JSON number", "id"},
           {"\"id\":null", "neither a number nor a string", "id"},
           {"\"id\":[1]", "neither a number nor a string", "id"},
           {"\"id\":\"\"", "empty", "id"},
           {"\"content\":\"x\"", "no id", "id"},
           {"\"id\":1,\"id\":2", "twice", "id"},
           {"\"id\":1,\"vector\":[0.1,NaN]", "element 2", "vector"},
           {"\"id\":1,\"vector\":[1e999]", "beyond", "vector"},
           {"\"id\":1,\"vector\":\"0.1\"", "neither a list nor an object", "vector"},
           {"\"id\":1,\"vector\":{\"a/b\":[1]}", "a/b", "vector"},
           {"\"id\":1,\"vector\":{\"a\":5}", "neither", "vector 'a'"},
           {"\"id\":1,\"vector\":{\"a\":{\"indices\":[1]}}", "needs", "vector 'a'"},
           {"\"id\":1,\"vector\":{\"a\":{\"indices\":[1],\"values\":[]}}", "1 indices but 0",
            "vector 'a'"},
           {"\"id\":1,\"vector\":{\"a\":{\"indices\":[-1],\"values\":[1]}}", "2^32", "vector 'a'"},
           {"\"id\":1,\"metadata\":5", "not an object", "metadata"},
           {"\"id\":1,\"metadata\":{\"a\":NaN}", "JSON", "metadata"},
           {"\"id\":1,\"shard_key\":{}", "neither", "shard_key"}}) {
    const auto document = parse(std::string("{") + members + "}");
    ASSERT_FALSE(document.ok()) << members;
    const auto failure = failure_of(document.status());
    EXPECT_NE(failure.what.find(words), std::string::npos) << members << ": " << failure.what;
    EXPECT_NE(failure.where.find(where), std::string::npos) << members << ": " << failure.where;
  }
}

TEST(DocumentParser, RefusesWhatIsNotJson) {
  for (const char* text : {"{\"id\":1", "{\"id\":1,}", "{\"id\" 1}", "{\"id\":1}}", "{id:1}", "[1]",
                           "{\"id\":1 \"a\":2}", "{\"id\":1,\"a\":tru}",
                           "{\"id\":1,\"a\":\"\xFF\"}", "{\"id\":1,\"a\":\"\n\"}"}) {
    EXPECT_FALSE(parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace vecferry::formats
