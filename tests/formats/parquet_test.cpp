#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/type.h"
#include "arrow/util/cancel.h"
#include "parquet/file_reader.h"
#include "parquet/metadata.h"
#include "tests/formats/parquet_files.h"

namespace vecferry {
namespace {

using testing::Bytes;
using testing::Generator;
using testing::GeneratorOptions;
using testing::TestPoint;

std::vector<TestPoint> numbered(size_t count, uint32_t dim = 8) {
  std::vector<TestPoint> points;
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> values(dim, static_cast<float>(i) + 0.5F);
    points.push_back({.id = PointId::of(i * 2),
                      .vectors = {{"", testing::dense(values)}},
                      .payload = "{\"n\":" + std::to_string(i) + "}"});
  }
  return points;
}

CollectionConfig plain_config(uint32_t dim = 8) {
  return default_config({{.name = "", .dim = dim}});
}

TEST(Parquet, EveryKindOfPointComesBack) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Generator generator(seed);
    auto config = seed % 2 == 0 ? Generator::every_kind() : generator.config();
    config.aliases = {"current"};
    GeneratorOptions options;
    options.non_finite = true;
    options.long_floats = true;
    options.shard_keys = seed % 3 == 0;
    const auto points = generator.points(config, generator.below(300), options);
    const auto bytes = testing::write_parquet(config, points, 17, 4000);
    ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
    const auto file = testing::open_parquet(*bytes);
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    EXPECT_EQ((*file)->head().config, config);
    EXPECT_EQ((*file)->head().collection_name, "docs");
    EXPECT_EQ((*file)->head().points_count, points.size());
    EXPECT_TRUE((*file)->head().ordered);
    const auto back = testing::read_points(**file, {.batch_bytes = 1000});
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(*back, points);
  }
}

TEST(Parquet, BatchesAreInThePointsSchema) {
  const auto bytes = *testing::write_parquet(plain_config(), numbered(10));
  const auto file = *testing::open_parquet(bytes);
  const auto reader = *file->read({}, StopToken::Unstoppable());
  std::shared_ptr<arrow::RecordBatch> batch;
  ASSERT_TRUE(reader->ReadNext(&batch).ok());
  EXPECT_TRUE(batch->schema()->Equals(**points_schema(plain_config()), true))
      << batch->schema()->ToString(true);
  EXPECT_TRUE(reader->schema()->Equals(*batch->schema(), true));
}

TEST(Parquet, RangesReadTheirRowGroupsOnly) {
  const auto points = numbered(1000);
  const auto bytes = *testing::write_parquet(plain_config(), points, 50, 5000);
  const auto file = *testing::open_parquet(bytes);
  const auto ranges = file->plan(4);
  ASSERT_EQ(ranges.size(), 4U);
  EXPECT_FALSE(ranges.front().from);
  EXPECT_FALSE(ranges.back().to);
  std::vector<TestPoint> all;
  for (const auto& range : ranges) {
    const auto part = testing::read_points(*file, {.range = range});
    ASSERT_TRUE(part.ok());
    EXPECT_GT(part->size(), 100U);
    all.insert(all.end(), part->begin(), part->end());
  }
  EXPECT_EQ(all, points);

  const auto few =
      *testing::read_points(*file, {.range = {.from = PointId::of(301), .to = PointId::of(311)}});
  EXPECT_EQ(few.size(), 5U);
  EXPECT_EQ(few.front().id, PointId::of(302));
  const auto none = *testing::read_points(*file, {.range = {.from = PointId::of(Uuid{1})}});
  EXPECT_TRUE(none.empty());
}

TEST(Parquet, PlansAcrossNumbersAndUuids) {
  Generator generator(3);
  const auto config = plain_config(4);
  GeneratorOptions options;
  options.missing_vectors = false;
  const auto points = generator.points(config, 2000, options);
  const auto bytes = *testing::write_parquet(config, points, 100, 8000);
  const auto file = *testing::open_parquet(bytes);
  std::vector<TestPoint> all;
  const auto ranges = file->plan(6);
  EXPECT_GT(ranges.size(), 3U);
  for (const auto& range : ranges) {
    const auto part = *testing::read_points(*file, {.range = range});
    all.insert(all.end(), part.begin(), part.end());
  }
  EXPECT_EQ(all, points);
}

TEST(Parquet, OutOfOrderIsSaidAndReadsAsOneRange) {
  auto points = numbered(300);
  std::rotate(points.begin(), points.begin() + 100, points.end());
  const auto bytes = *testing::write_parquet(plain_config(), points, 50, 3000);
  const auto file = *testing::open_parquet(bytes);
  EXPECT_FALSE(file->head().ordered);
  EXPECT_EQ(file->plan(4).size(), 1U);
  EXPECT_EQ(*testing::read_points(*file), points);
  const auto some = *testing::read_points(*file, {.range = {.to = PointId::of(20)}});
  EXPECT_EQ(some.size(), 10U);
}

TEST(Parquet, ReadsChosenColumnsOnly) {
  const auto config = Generator::every_kind();
  Generator generator(5);
  const auto points = generator.points(config, 50);
  const auto bytes = *testing::write_parquet(config, points);
  ParquetReadOptions options;
  options.vectors = {"words"};
  options.payload = false;
  const auto back = testing::read_parquet(bytes, options);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  ASSERT_EQ(back->size(), points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ((*back)[i].payload, "");
    EXPECT_EQ((*back)[i].vectors.count("words"), points[i].vectors.count("words"));
    EXPECT_LE((*back)[i].vectors.size(), 1U);
  }
}

TEST(Parquet, AnEmptyCollectionIsAFile) {
  const auto bytes = testing::write_parquet(Generator::every_kind(), {});
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  const auto back = testing::read_parquet(*bytes);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_TRUE(back->empty());
}

TEST(Parquet, WriterRefusesAStrangeVector) {
  auto stream = *arrow::io::BufferOutputStream::Create();
  auto writer = *ParquetWriter::open(stream, plain_config(4), {});
  const auto batch = testing::to_batch(plain_config(8), numbered(2));
  EXPECT_EQ(kind_of(writer->write(*batch)), ErrorKind::kIncompatible);
}

TEST(Parquet, FileIsAsTheDocumentSays) {
  const auto bytes = *testing::write_parquet(Generator::every_kind(),
                                             Generator(1).points(Generator::every_kind(), 20));
  const auto reader =
      parquet::ParquetFileReader::Open(std::make_shared<arrow::io::BufferReader>(bytes));
  const auto& schema = *reader->metadata()->schema();
  for (int i = 0; i < schema.num_columns(); ++i) {
    const auto& leaf = *schema.Column(i);
    const auto chunk = reader->metadata()->RowGroup(0)->ColumnChunk(i);
    const auto path = leaf.path()->ToDotString();
    const bool is_id = path == "id" || path == "uuid";
    EXPECT_EQ(chunk->is_stats_set(), is_id) << path;
    EXPECT_EQ(chunk->compression(), parquet::Compression::ZSTD) << path;
    const bool split = std::count(chunk->encodings().begin(), chunk->encodings().end(),
                                  parquet::Encoding::BYTE_STREAM_SPLIT) > 0;
    const bool is_float = leaf.physical_type() == parquet::Type::FLOAT ||
                          (leaf.logical_type() != nullptr && leaf.logical_type()->is_float16());
    EXPECT_EQ(split, is_float) << path;
  }
  EXPECT_TRUE(schema.Column(schema.ColumnIndex("uuid"))->logical_type()->is_UUID());
  EXPECT_TRUE(schema.Column(schema.ColumnIndex("payload"))->logical_type()->is_JSON());
}

// ---------------------------------------------------------------------------------- damage

void expect_corrupt(const Bytes& bytes, const std::string& words, const std::string& where) {
  const auto points = testing::read_parquet(bytes);
  ASSERT_FALSE(points.ok());
  const auto failure = failure_of(points.status());
  EXPECT_EQ(failure.kind, ErrorKind::kCorrupt) << failure.what;
  EXPECT_NE(failure.what.find(words), std::string::npos) << failure.what;
  EXPECT_NE(failure.where.find(where), std::string::npos) << failure.where;
  EXPECT_NE(failure.where.find("test.parquet"), std::string::npos) << failure.where;
}

TEST(Parquet, ACutOrForeignFileIsCorrupt) {
  const auto bytes = *testing::write_parquet(plain_config(), numbered(200), 50, 3000);
  for (const int64_t size : {int64_t{0}, int64_t{3}, int64_t{4}, int64_t{12}, bytes->size() / 2,
                             bytes->size() - 9, bytes->size() - 1}) {
    expect_corrupt(arrow::SliceBuffer(bytes, 0, size), "", "");
  }
  expect_corrupt(arrow::Buffer::FromString("{\"documents\":[]}"), "", "");
}

TEST(Parquet, ADamagedPageIsFoundByItsChecksum) {
  const auto config = plain_config(64);
  const auto bytes = *testing::write_parquet(config, numbered(500, 64), 100, 1 << 20);
  const auto reader =
      parquet::ParquetFileReader::Open(std::make_shared<arrow::io::BufferReader>(bytes));
  const auto group = reader->metadata()->RowGroup(0);
  for (int column = 0; column < group->num_columns(); ++column) {
    const auto chunk = group->ColumnChunk(column);
    if (chunk->total_compressed_size() < 60) {
      continue;
    }
    std::string damaged = bytes->ToString();
    const auto middle =
        static_cast<size_t>(chunk->data_page_offset() + chunk->total_compressed_size() * 3 / 4);
    damaged[middle] = static_cast<char>(damaged[middle] ^ 0x55);
    expect_corrupt(arrow::Buffer::FromString(damaged), "", "row group 0");
  }
}

// Our table, one column replaced, written by somebody else.
std::shared_ptr<arrow::Table> replaced(const std::vector<TestPoint>& points,
                                       const std::string& column,
                                       const std::shared_ptr<arrow::Array>& array) {
  const auto batch = testing::to_batch(plain_config(), points);
  const auto table = *arrow::Table::FromRecordBatches({batch});
  const int index = table->schema()->GetFieldIndex(column);
  return *table->SetColumn(index, arrow::field(column, array->type()),
                           std::make_shared<arrow::ChunkedArray>(array));
}

std::shared_ptr<arrow::Array> ids(const std::vector<std::optional<uint64_t>>& values) {
  arrow::UInt64Builder builder;
  for (const auto& value : values) {
    (value ? builder.Append(*value) : builder.AppendNull()).ok();
  }
  return *builder.Finish();
}

std::shared_ptr<arrow::Array> texts(const std::vector<std::string>& values, bool large = true) {
  arrow::LargeStringBuilder large_builder;
  arrow::StringBuilder builder;
  for (const auto& value : values) {
    (large ? large_builder.Append(value) : builder.Append(value)).ok();
  }
  return large ? *large_builder.Finish() : *builder.Finish();
}

TEST(Parquet, BadRowsAreNamed) {
  const auto points = numbered(10);
  std::vector<std::optional<uint64_t>> values;
  for (const auto& point : points) {
    values.push_back(point.id.number);
  }
  values[6] = 4;
  expect_corrupt(*testing::write_table(*replaced(points, "id", ids(values)), 3),
                 "the id 4 is there twice, first in row 3", "row 7, id");
  values[6] = std::nullopt;
  expect_corrupt(*testing::write_table(*replaced(points, "id", ids(values)), 3), "without an id",
                 "row 7, id");
  for (const std::string& payload : std::vector<std::string>{
           "{\"cut\": ", "[1]",
           "{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}"}) {
    std::vector<std::string> payloads(10, "{}");
    payloads[6] = payload;
    expect_corrupt(*testing::write_table(*replaced(points, "payload", texts(payloads)), 3), "",
                   "row 7, payload");
  }
}

TEST(Parquet, PayloadsOfOthersAreMadeCanonical) {
  for (const bool large : {true, false}) {
    std::vector<std::string> payloads(10, "{\"b\": 1.0, \"a\": [ 1 ]}");
    payloads[2] = "{ }";
    payloads[3] = "";
    const auto bytes =
        *testing::write_table(*replaced(numbered(10), "payload", texts(payloads, large)), 4);
    const auto points = testing::read_parquet(bytes);
    ASSERT_TRUE(points.ok()) << points.status().ToString();
    EXPECT_EQ((*points)[0].payload, "{\"a\":[1],\"b\":1.0}");
    EXPECT_EQ((*points)[2].payload, "");
    EXPECT_EQ((*points)[3].payload, "");
    EXPECT_EQ((*points)[9].payload, "{\"a\":[1],\"b\":1.0}");
  }
}

TEST(Parquet, StopsWhenTold) {
  auto source = arrow::StopSource();
  const auto file = *testing::open_parquet(*testing::write_parquet(plain_config(), numbered(10)));
  const auto reader = *file->read({}, source.token());
  source.RequestStop();
  std::shared_ptr<arrow::RecordBatch> batch;
  EXPECT_EQ(kind_of(reader->ReadNext(&batch)), ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
