#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/json/from_string.h"
#include "arrow/table.h"
#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "tests/formats/parquet_files.h"

namespace vecferry {
namespace {

using testing::Bytes;
using testing::TestPoint;

struct Column {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  std::string json;  ///< a list, one value a row
};

std::shared_ptr<arrow::Table> table_of(const std::vector<Column>& columns) {
  arrow::FieldVector fields;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const auto& column : columns) {
    fields.push_back(arrow::field(column.name, column.type));
    arrays.push_back(*arrow::json::ArrayFromJSONString(column.type, column.json));
  }
  return arrow::Table::Make(arrow::schema(fields), arrays);
}

Result<std::vector<TestPoint>> read(const std::vector<Column>& columns) {
  return testing::read_parquet(*testing::write_table(*table_of(columns), 2));
}

void expect_error(const std::vector<Column>& columns, ErrorKind kind, const std::string& words,
                  const std::string& where) {
  const auto points = read(columns);
  ASSERT_FALSE(points.ok());
  const auto failure = failure_of(points.status());
  EXPECT_EQ(failure.kind, kind) << failure.what;
  EXPECT_NE(failure.what.find(words), std::string::npos) << failure.what;
  EXPECT_NE(failure.where.find(where), std::string::npos) << failure.where;
}

TEST(ForeignParquet, ColumnsBecomePoints) {
  const auto points = read({
      {"id", arrow::int32(), "[5, 2, 9]"},
      {"embedding", arrow::list(arrow::float64()), "[[0.5, 1], null, [2, 3]]"},
      {"title", arrow::utf8(), "[\"a\\\"b\", null, \"c\"]"},
      {"price", arrow::float64(), "[1.5, 2, null]"},
      {"count", arrow::int64(), "[-1, 0, 9007199254740993]"},
      {"sold", arrow::boolean(), "[true, false, null]"},
      {"tags", arrow::list(arrow::utf8()), "[[\"x\", null], [], null]"},
  });
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  ASSERT_EQ(points->size(), 3U);
  EXPECT_EQ((*points)[0].id, PointId::of(5));
  EXPECT_EQ((*points)[0].vectors.at(""), testing::dense({0.5F, 1.0F}));
  EXPECT_EQ((*points)[0].payload,
            "{\"count\":-1,\"price\":1.5,\"sold\":true,\"tags\":[\"x\",null],"
            "\"title\":\"a\\\"b\"}");
  EXPECT_TRUE((*points)[1].vectors.empty());
  EXPECT_EQ((*points)[1].payload, "{\"count\":0,\"price\":2.0,\"sold\":false,\"tags\":[]}");
  EXPECT_EQ((*points)[2].payload, "{\"count\":9007199254740993,\"title\":\"c\"}");
}

TEST(ForeignParquet, PayloadColumnIsJson) {
  const auto points = read({{"id", arrow::utf8(), "[\"7\", \"name\"]"},
                            {"payload", arrow::utf8(), R"(["{\"b\": 1}", null])"},
                            {"a", arrow::int8(), "[1, 2]"}});
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  EXPECT_EQ((*points)[0].id, PointId::of(7));
  EXPECT_EQ((*points)[0].payload, "{\"a\":1,\"b\":1}");
  EXPECT_EQ((*points)[1].id, PointId::of(uuid_of_name("name")));
  EXPECT_EQ((*points)[1].payload, "{\"a\":2,\"original_id\":\"name\"}");
}

TEST(ForeignParquet, VectorsOfEveryKind) {
  const auto pair = arrow::fixed_size_list(arrow::float32(), 2);
  const auto bytes = *testing::write_table(*table_of(
      {{"id", arrow::uint64(), "[1, 2]"},
       {"vector.fixed", pair, "[[1, 2], null]"},
       {"vector.half", arrow::list(arrow::float32()), "[null, [1, 2, 3]]"},
       {"vector.many", arrow::list(arrow::list(arrow::float32())), "[[[1, 2], [3, 4]], [[5, 6]]]"},
       {"vector.words",
        arrow::struct_({arrow::field("indices", arrow::list(arrow::int64())),
                        arrow::field("values", arrow::list(arrow::float32()))}),
        R"([{"indices": [3, 70], "values": [1, 0.5]}, null])"}}));
  const auto file = testing::open_parquet(bytes, {.distance = Distance::kDot});
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_TRUE((*file)->head().config_inferred);
  const auto& specs = (*file)->head().config.vectors;
  ASSERT_EQ(specs.size(), 4U);
  EXPECT_EQ(specs[0].dim, 2U);
  EXPECT_EQ(specs[0].distance, Distance::kDot);
  EXPECT_EQ(specs[1].dim, 3U);
  EXPECT_EQ(specs[2].kind, VectorKind::kMulti);
  EXPECT_EQ(specs[3].kind, VectorKind::kSparse);
  const auto points = testing::read_points(**file);
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  EXPECT_EQ((*points)[0].vectors.size(), 3U);
  EXPECT_EQ((*points)[0].vectors.at("many"), testing::dense({1, 2, 3, 4}));
  EXPECT_EQ((*points)[0].vectors.at("words"), testing::sparse({3, 70}, {1, 0.5F}));
  EXPECT_EQ((*points)[1].vectors.size(), 2U);

  ParquetReadOptions only;
  only.vectors = {"half"};
  EXPECT_EQ((*testing::read_points(**file, only))[0].vectors.size(), 0U);
}

TEST(ForeignParquet, OurConfigurationHoldsWhenColumnsWereRewritten) {
  // As pandas gives our file back: plain lists and strings.
  const auto config = default_config({{.name = "v", .element = ElementType::kUint8, .dim = 2}});
  auto table = table_of({{"id", arrow::uint64(), "[1]"},
                         {"vector.v", arrow::list(arrow::int64()), "[[7, 255]]"},
                         {"payload", arrow::utf8(), "[\"{}\"]"}});
  table = table->ReplaceSchemaMetadata(
      arrow::key_value_metadata({std::string(kConfigMetadataKey)}, {to_json(config)}));
  const auto file = testing::open_parquet(*testing::write_table(*table));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_FALSE((*file)->head().config_inferred);
  EXPECT_EQ((*file)->head().config, config);
  const auto points = testing::read_points(**file);
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  EXPECT_EQ((*points)[0].vectors.at("v").elements,
            (std::vector<std::byte>{std::byte{7}, std::byte{255}}));
}

TEST(ForeignParquet, NanInAPayloadColumnIsAbsent) {
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.AppendValues({1.0, std::nan("")}).ok());
  const auto table = arrow::Table::Make(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("x", arrow::float64())}),
      {*arrow::json::ArrayFromJSONString(arrow::int64(), "[1, 2]"), *builder.Finish()});
  const auto points = testing::read_parquet(*testing::write_table(*table));
  ASSERT_TRUE(points.ok()) << points.status().ToString();
  EXPECT_EQ((*points)[1].payload, "");
}

TEST(ForeignParquet, BadRowsAreNamed) {
  const auto floats = arrow::list(arrow::float64());
  const Column ids = {"id", arrow::int64(), "[1, 2, 3]"};
  expect_error({{"name", arrow::utf8(), "[\"a\"]"}}, ErrorKind::kCorrupt, "no column 'id'", "");
  expect_error({ids, {"when", arrow::timestamp(arrow::TimeUnit::MICRO), "[1, 2, 3]"}},
               ErrorKind::kIncompatible, "'when'", "test.parquet");
  expect_error({ids, {"vector", arrow::utf8(), "[\"a\", \"b\", \"c\"]"}}, ErrorKind::kIncompatible,
               "'vector'", "");
  expect_error({{"id", arrow::float64(), "[1, 2, 3]"}}, ErrorKind::kIncompatible, "'id'", "");
  expect_error({{"id", arrow::int64(), "[1, 2, -3]"}}, ErrorKind::kCorrupt, "negative",
               "row 3, id");
  expect_error({{"id", arrow::int64(), "[1, 2, null]"}}, ErrorKind::kCorrupt, "without an id",
               "row 3, id");
  expect_error({{"id", arrow::int64(), "[3, 1, 3]"}}, ErrorKind::kCorrupt,
               "the id 3 is there twice, first in row 1", "row 3, id");
  expect_error({ids, {"vector", floats, "[[1, 2], [1, 2], [1]]"}}, ErrorKind::kCorrupt,
               "expected dim 2, got 1", "row 3, vector");
  expect_error({ids, {"vector", floats, "[[1, 2], [1, 2], [1, 1e39]]"}}, ErrorKind::kCorrupt,
               "element 2", "row 3, vector");
  expect_error({ids, {"vector", floats, "[[1, 2], [1, 2], [1, null]]"}}, ErrorKind::kCorrupt,
               "element 2 is null", "row 3, vector");
  expect_error({ids, {"payload", arrow::utf8(), R"(["{}", "{}", "[1]"])"}}, ErrorKind::kCorrupt,
               "no JSON object", "row 3, payload");
  expect_error({ids,
                {"payload", arrow::utf8(), R"([null, null, "{\"a\": 1}"])"},
                {"a", arrow::int64(), "[1, 2, 3]"}},
               ErrorKind::kCorrupt, "\"a\"", "row 3, payload");
}

}  // namespace
}  // namespace vecferry
