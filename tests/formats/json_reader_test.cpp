#include "vecferry/formats/json_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <thread>

#include "arrow/io/file.h"
#include "arrow/util/cancel.h"
#include "tests/formats/text_inputs.h"
#include "vecferry/formats/file_format.h"

namespace vecferry {
namespace {

using testing::input_of;
using testing::read_text;

JsonReadOptions lines() {
  return {.form = JsonForm::kLines};
}

std::string documents(const std::string& list, const std::string& more = "") {
  return "{\"collection_name\": \"docs\", " + more + "\"documents\": [" + list + "]}";
}

std::string document(int id) {
  return fmt::format(
      "{{\"id\":\"{0}\",\"content\":\"text {0}\",\"metadata\":{{\"n\":{0}}},"
      "\"vector\":[{0}.5,0.25]}}",
      id);
}

std::string many(int count) {
  std::string list;
  for (int i = 1; i <= count; ++i) {
    list += (i > 1 ? ",\n" : "") + document(i);
  }
  return list;
}

void expect_error(const std::string& text, const std::string& words, const std::string& where,
                  const JsonReadOptions& options = {}) {
  const auto content = read_text(input_of(text), options);
  ASSERT_FALSE(content.ok()) << text.substr(0, 200);
  const auto failure = failure_of(content.status());
  EXPECT_EQ(failure.kind, ErrorKind::kCorrupt) << failure.what;
  EXPECT_NE(failure.what.find(words), std::string::npos) << failure.what;
  EXPECT_NE(failure.where.find(where), std::string::npos) << failure.where;
  EXPECT_NE(failure.where.find("test.json"), std::string::npos) << failure.where;
}

TEST(PlainJson, ReadsWhatAScriptWrote) {
  const auto content = read_text(input_of(documents(many(3), "\"document_count\": 3, ")));
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(content->head.collection_name, "docs");
  EXPECT_EQ(content->head.points_count, 3U);
  EXPECT_TRUE(content->head.config_inferred);
  ASSERT_EQ(content->head.config.vectors.size(), 1U);
  EXPECT_EQ(content->head.config.vectors[0].dim, 2U);
  EXPECT_EQ(content->head.config.vectors[0].distance, Distance::kCosine);
  ASSERT_EQ(content->points.size(), 3U);
  EXPECT_EQ(content->points[2].id, PointId::of(3));
  EXPECT_EQ(content->points[2].payload, "{\"content\":\"text 3\",\"n\":3}");
  EXPECT_EQ(content->points[2].vectors.at(""), testing::dense({3.5F, 0.25F}));
}

TEST(PlainJson, TheSameHoweverTheTextArrives) {
  const std::string text = documents(many(40), "\"document_count\": 40, ");
  const auto whole = read_text(input_of(text));
  ASSERT_TRUE(whole.ok());
  for (const int64_t step : {1, 2, 3, 5, 17, 100}) {
    const auto dripped = read_text(input_of(text, step));
    ASSERT_TRUE(dripped.ok()) << dripped.status().ToString();
    EXPECT_EQ(dripped->points, whole->points);
  }
}

TEST(PlainJson, KeysComeInAnyOrder) {
  for (const std::string& text :
       {"{\"documents\":[" + many(2) + "],\"document_count\":2,\"collection_name\":\"late\"}",
        "[" + many(2) + "]", "\xEF\xBB\xBF" + documents(many(2)),
        "{\"model\":{\"a\":[1,{}]},\"note\":\"documents\",\"documents\":[" + many(2) + "]}\n\n"}) {
    const auto content = read_text(input_of(text));
    ASSERT_TRUE(content.ok()) << text << content.status().ToString();
    EXPECT_EQ(content->points.size(), 2U);
  }
}

TEST(PlainJson, VectorsAreFoundAmongTheFirstDocuments) {
  std::string list =
      "{\"id\":1},{\"id\":2,\"vector\":{\"a\":[1,2]}},"
      "{\"id\":3,\"vector\":{\"a\":null,\"b\":[[1,2,3]],\"c\":{\"indices\":[1],"
      "\"values\":[2]}}}";
  const auto content = read_text(input_of(documents(list)), {.distance = Distance::kDot});
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  const auto& vectors = content->head.config.vectors;
  ASSERT_EQ(vectors.size(), 3U);
  EXPECT_EQ(vectors[0].dim, 2U);
  EXPECT_EQ(vectors[0].distance, Distance::kDot);
  EXPECT_EQ(vectors[1].kind, VectorKind::kMulti);
  EXPECT_EQ(vectors[1].dim, 3U);
  EXPECT_EQ(vectors[2].kind, VectorKind::kSparse);
  EXPECT_TRUE(content->points[0].vectors.empty());

  // The first document that has any, however late.
  std::string late;
  for (int i = 1; i <= 500; ++i) {
    late += fmt::format("{{\"id\":{}}},", i);
  }
  const auto found = read_text(input_of(documents(late + "{\"id\":501,\"vector\":[1]}")));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->head.config.vectors.size(), 1U);

  const auto none = read_text(input_of(documents("{\"id\":1}")));
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->head.config.vectors.empty());
}

TEST(PlainJson, SelectsVectorsPayloadAndRange) {
  const std::string list =
      "{\"id\":1,\"vector\":{\"a\":[1],\"b\":[2]},\"metadata\":{\"k\":1}},"
      "{\"id\":2,\"vector\":{\"a\":[1],\"b\":[2]}},{\"id\":3,\"vector\":{\"b\":[2]}}";
  JsonReadOptions options;
  options.vectors = {"b"};
  options.payload = false;
  options.range = {.from = PointId::of(2), .to = PointId::of(3)};
  const auto content = read_text(input_of(documents(list)), options);
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  ASSERT_EQ(content->points.size(), 1U);
  EXPECT_EQ(content->points[0].id, PointId::of(2));
  EXPECT_EQ(content->points[0].vectors.size(), 1U);
}

TEST(PlainJson, BatchesAreBoundedByBytes) {
  JsonReadOptions options;
  options.batch_bytes = 500;
  const auto input = input_of(documents(many(100)));
  const auto head = read_json_head(input, options, StopToken::Unstoppable());
  auto reader = *open_json_reader(input, *head, options, StopToken::Unstoppable());
  int batches = 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (reader->ReadNext(&batch).ok() && batch != nullptr) {
    EXPECT_LT(batch->num_rows(), 12);
    ++batches;
  }
  EXPECT_GT(batches, 8);
}

TEST(PlainJson, DamageIsNamed) {
  expect_error("", "empty", "");
  expect_error(" \n ", "empty", "");
  expect_error("not json at all", "starts with 'n'", "byte 0");
  expect_error(std::string("\0\1\2", 3), "0x00", "byte 0");
  expect_error("{}", "no list 'documents'", "");
  expect_error("{\"documents\": 5}", "not a list", "byte");
  expect_error("\"documents\"", "not JSON", "byte 0");
  expect_error("[1, 2, 3]", "not an object", "document 1");
  expect_error(documents(document(1) + ",7"), "not an object", "document 2");
  expect_error(documents(document(1) + " " + document(2)), "expected ',' or ']'", "byte");
  expect_error(documents(document(1)) + "x", "more behind the end", "byte");
  expect_error(documents(many(3), "\"document_count\": 4, "), "says 4, the file holds 3", "");
  expect_error("{\"documents\":[" + many(2) + "],\"document_count\":1}", "says 1", "");
  expect_error("{\"document_count\":\"x\",\"documents\":[]}", "not a number", "");
}

TEST(PlainJson, AFileCutAnywhereIsAnError) {
  const std::string text = documents(many(3), "\"document_count\": 3, ");
  for (size_t size = 0; size < text.size(); ++size) {
    const auto content = read_text(input_of(text.substr(0, size)));
    ASSERT_FALSE(content.ok()) << text.substr(0, size);
    EXPECT_EQ(kind_of(content.status()), ErrorKind::kCorrupt);
  }
  expect_error(text.substr(0, text.size() - 60), "document 2 is the last whole one", "byte");
}

TEST(PlainJson, BadDocumentsAreNamed) {
  const auto bad = [](const std::string& seventh) {
    std::string list = many(6) + "," + seventh;
    for (int i = 8; i <= 10; ++i) {
      list += "," + document(i);
    }
    return documents(list);
  };
  expect_error(bad("{\"id\":7,\"vector\":[1,2,3]}"), "expected dim 2, got 3",
               "document 7 (id 7), vector");
  expect_error(bad("{\"id\":7,\"vector\":[1]}"), "expected dim 2, got 1", "document 7");
  expect_error(bad("{\"id\":7,\"vector\":[1,NaN]}"), "NaN", "document 7, vector");
  expect_error(documents(many(100) + ",{\"id\":101,\"vector\":{\"other\":[1]}}"),
               "no vector 'other'", "document 101 (id 101), vector 'other'");
  expect_error(bad("{\"id\":7,\"vector\":[[1,2]]}"), "expected a dense vector, got a multi one",
               "document 7");
  expect_error(bad("{\"id\":\"3\",\"vector\":[1,2]}"),
               "the id 3 is there twice, first in document 3", "document 7 (id 3), id");
  expect_error(bad("{\"id\":-1}"), "negative", "document 7, id");
  expect_error(bad("{\"id\":7,\"metadata\":{\"d\":" + std::string(10'000, '[') +
                   std::string(10'000, ']') + "}}"),
               "nested", "document 7, metadata");
  expect_error(bad("{\"id\":7,\"vector\":{\"a/b\":[1]}}"), "a/b", "document 7");
  expect_error(bad("{\"id\":7,\"a\" 5}"), "JSON", "document 7");
}

TEST(PlainJson, DuplicatesAreFoundInAnyOrder) {
  std::string list;
  for (int i = 500; i > 0; --i) {
    list += document(i) + ",";
  }
  EXPECT_TRUE(read_text(input_of(documents(list + document(501)))).ok());
  expect_error(documents(list + document(77)), "the id 77 is there twice, first in document 424",
               "document 501");
  // Different strings may be the same id.
  expect_error(documents("{\"id\":\"7\"},{\"id\":7}"), "twice", "document 2");
  EXPECT_TRUE(read_text(input_of(documents("{\"id\":\"7\"},{\"id\":\"007\"}"))).ok());
  EXPECT_TRUE(read_text(input_of(documents("{\"id\":1,\"shard_key\":\"b\"},"
                                           "{\"id\":1,\"shard_key\":\"a\"}")))
                  .ok());
  expect_error(documents("{\"id\":1,\"shard_key\":\"b\"},{\"id\":1,\"shard_key\":\"a\"},"
                         "{\"id\":1,\"shard_key\":\"b\"}"),
               "twice", "document 3");
}

TEST(PlainJson, ANewerVersionIsRefused) {
  const auto content = read_text(
      input_of(documents("", "\"format\":\"vecferry.plain\",\"version\":2,\"config\":{},")));
  ASSERT_FALSE(content.ok());
  EXPECT_EQ(kind_of(content.status()), ErrorKind::kIncompatible);
}

TEST(PlainJson, StopsWhenTold) {
  auto source = arrow::StopSource();
  source.RequestStop();
  const auto input = input_of(documents(many(10)));
  const auto head = read_json_head(input, {}, StopToken::Unstoppable());
  auto reader = *open_json_reader(input, *head, {}, source.token());
  std::shared_ptr<arrow::RecordBatch> batch;
  EXPECT_EQ(kind_of(reader->ReadNext(&batch)), ErrorKind::kCancelled);
  EXPECT_EQ(kind_of(count_json_points(input, {}, source.token()).status()), ErrorKind::kCancelled);
}

TEST(JsonLines, ReadsForeignLines) {
  for (const std::string& text :
       {document(1) + "\n" + document(2) + "\n", document(1) + "\n\n  \n" + document(2),
        document(1) + "\r\n" + document(2) + "\r\n"}) {
    const auto content = read_text(input_of(text), lines());
    ASSERT_TRUE(content.ok()) << content.status().ToString();
    EXPECT_EQ(content->points.size(), 2U);
    EXPECT_TRUE(content->head.config_inferred);
  }
  const auto triple =
      read_text(input_of("{\"id\":1,\"vector\":[1],\"payload\":{\"a\":1}}\n"), lines());
  ASSERT_TRUE(triple.ok());
  EXPECT_EQ(triple->points[0].payload, "{\"a\":1}");
}

TEST(JsonLines, DamageIsNamedByLine) {
  const std::string header = to_json(default_config({{.name = "", .dim = 2}}));
  const std::string counted =
      header.substr(0, header.size() - 1) + ",\"name\":\"docs\",\"points\":   3}\n";
  expect_error("", "empty", "", lines());
  expect_error(header + "\n" + document(1) + "\n{\"id\":2,\"vector\":[1]}\n", "expected dim 2",
               "line 3 (id 2), vector", lines());
  expect_error(header + "\n\n" + document(1) + "\nnonsense\n", "", "line 4", lines());
  expect_error(header + "\n" + document(1) + "\n" + document(2).substr(0, 20),
               "the file ends in the middle of this line", "line 3", lines());
  expect_error(counted + document(1) + "\n" + document(2) + "\n", "says 3, the file holds 2", "",
               lines());
  expect_error(header + "\n" + document(5) + "\n" + document(5) + "\n", "first in line 2",
               "line 3 (id 5), id", lines());
  expect_error("{\n  \"documents\": [\n", "", "line 1", lines());
  const auto content = read_text(input_of(counted + many(0)), lines());
  EXPECT_FALSE(content.ok());
}

TEST(JsonLines, CountsWithoutParsingVectors) {
  EXPECT_EQ(*count_json_points(input_of(document(1) + "\n" + document(2) + "\n"), lines(),
                               StopToken::Unstoppable()),
            2U);
}

TextInput file_input(const std::string& path) {
  const auto compression = parse_file_format(path)->compression;
  return {.name = path, .open = [=]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
            ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(path));
            return decompress(file, compression);
          }};
}

TEST(PlainJson, ReadsRealExports) {
  for (const char* name : {"packages_a", "packages_b"}) {
    const std::string path =
        std::string(VECFERRY_SHARED_DIR) + "/data/" + name + "_20261122_101500.json.zst";
    if (!std::ifstream(path).good()) {
      GTEST_SKIP() << "needs ../shared/data";
    }
    const auto content = read_text(file_input(path));
    ASSERT_TRUE(content.ok()) << content.status().ToString();
    EXPECT_EQ(content->head.collection_name, name);
    EXPECT_EQ(content->points.size(), 1500U);
    EXPECT_EQ(content->head.config.vectors[0].dim, 384U);
    for (const auto& point : content->points) {
      EXPECT_FALSE(point.payload.empty());
      EXPECT_EQ(point.vectors.size(), 1U);
    }
  }
}

TEST(PlainJson, ReadsTheExample) {
  const auto content =
      read_text(file_input(std::string(VECFERRY_SOURCE_DIR) + "/examples/postgresql-docs.json"));
  ASSERT_TRUE(content.ok()) << content.status().ToString();
  EXPECT_EQ(content->points.size(), 420U);
}

TEST(PlainJson, DamageInCompressedTextIsCorrupt) {
  const std::string path =
      std::string(VECFERRY_SHARED_DIR) + "/data/packages_a_20261122_101500.json.zst";
  std::ifstream file(path, std::ios::binary);
  if (!file.good()) {
    GTEST_SKIP() << "needs ../shared/data";
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto packed = [](std::string text) {
    return TextInput{.name = "test.json.zst",
                     .open = [text]() -> Result<std::shared_ptr<arrow::io::InputStream>> {
                       return decompress(std::make_shared<arrow::io::BufferReader>(
                                             arrow::Buffer::FromString(text)),
                                         FileCompression::kZstd);
                     }};
  };
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    const auto content = read_text(packed(bytes.substr(0, size)));
    ASSERT_FALSE(content.ok()) << size;
    EXPECT_EQ(kind_of(content.status()), ErrorKind::kCorrupt) << content.status().ToString();
    EXPECT_NE(failure_of(content.status()).where.find("test.json.zst"), std::string::npos);
  }
}

}  // namespace
}  // namespace vecferry
