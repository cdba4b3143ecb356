#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "arrow/io/memory.h"
#include "tests/formats/text_inputs.h"
#include "vecferry/formats/json_writer.h"

namespace vecferry {
namespace {

using testing::Generator;
using testing::GeneratorOptions;
using testing::TestPoint;

Result<std::string> write_text(const CollectionConfig& config, const std::vector<TestPoint>& points,
                               JsonWriteOptions options) {
  options.collection_name = "a \"name\"";
  options.exported_at = "2026-11-20T09:30:00.000000";
  ARROW_ASSIGN_OR_RAISE(auto stream, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, JsonWriter::open(stream, config, options));
  // Two batches, the second a slice.
  const auto batch = testing::to_batch(config, points);
  const int64_t half = batch->num_rows() / 2;
  ARROW_RETURN_NOT_OK(writer->write(*batch->Slice(0, half)));
  ARROW_RETURN_NOT_OK(writer->write(*batch->Slice(half)));
  ARROW_ASSIGN_OR_RAISE(const auto patch, writer->finish());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, stream->Finish());
  std::string text = buffer->ToString();
  if (patch) {
    text.replace(static_cast<size_t>(patch->offset), patch->text.size(), patch->text);
  }
  return text;
}

void expect_round_trip(const CollectionConfig& config, const std::vector<TestPoint>& points,
                       const JsonWriteOptions& options) {
  const auto text = write_text(config, points, options);
  ASSERT_TRUE(text.ok()) << text.status().ToString();
  const auto back = testing::read_text(testing::input_of(*text), {.form = options.form});
  ASSERT_TRUE(back.ok()) << back.status().ToString() << "\n" << text->substr(0, 2000);
  EXPECT_EQ(back->head.config, config);
  EXPECT_EQ(back->head.collection_name, "a \"name\"");
  EXPECT_FALSE(back->head.config_inferred);
  ASSERT_EQ(back->points.size(), points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(back->points[i], points[i]) << to_string(points[i]) << "\n"
                                          << to_string(back->points[i]);
  }
}

class JsonRoundTrip : public ::testing::TestWithParam<JsonForm> {};

TEST_P(JsonRoundTrip, EveryKindOfPointComesBack) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Generator generator(seed);
    auto config = seed % 2 == 0 ? Generator::every_kind() : generator.config();
    config.aliases = {"current", "older"};
    config.payload_indexes = {{.path = "a.b", .schema_json = "\"keyword\""}};
    GeneratorOptions options;
    options.shard_keys = seed % 3 == 0;
    options.long_floats = true;
    const auto points = generator.points(config, generator.below(60), options);
    expect_round_trip(config, points, {.form = GetParam(), .patchable = seed % 5 == 0});
    expect_round_trip(config, points, {.form = GetParam(), .points_count = points.size()});
  }
}

TEST_P(JsonRoundTrip, OddPayloadsComeBack) {
  const auto config = default_config({{.name = "", .dim = 1}});
  std::vector<TestPoint> points;
  for (const char* payload : {"",
                              "{\"content\":5}",
                              "{\"content\":null}",
                              "{\"content\":\"\"}",
                              "{\"content\":{}}",
                              "{\"content\":\"x\"}",
                              "{\"a\":1,\"content\":\"x\"}",
                              "{\"content\":\"x\",\"z\":1}",
                              "{\"a\":1,\"content\":\"x\",\"z\":2}",
                              "{\"metadata\":{}}",
                              "{\"metadata\":null}",
                              "{\"content\":\"x\",\"metadata\":{\"content\":\"y\"}}",
                              "{\"id\":1,\"vector\":[1,2]}",
                              "{\"payload\":{}}",
                              "{\"original_id\":7}",
                              "{\"shard_key\":\"x\"}",
                              "{\"\":\"\"}",
                              "{\"content\":\"\\\"},{\\\\\"}",
                              "{\"a\":\"content\",\"contents\":1}",
                              "{\"a\":{\"content\":\"inner\"}}",
                              "{\"a\":[\"{\",\"}\"]}",
                              "{\"documents\":[]}"}) {
    points.push_back({.id = PointId::of(points.size()), .payload = payload});
  }
  expect_round_trip(config, points, {.form = GetParam()});
}

TEST_P(JsonRoundTrip, NothingIsAFileToo) {
  expect_round_trip(default_config({}), {}, {.form = GetParam()});
  expect_round_trip(Generator::every_kind(), {}, {.form = GetParam(), .patchable = true});
}

TEST_P(JsonRoundTrip, RefusesNaNByName) {
  const auto config = default_config({{.name = "v", .dim = 2}});
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto text =
        write_text(config, {{.id = PointId::of(12), .vectors = {{"v", testing::dense({0, bad})}}}},
                   {.form = GetParam()});
    ASSERT_FALSE(text.ok());
    const auto failure = failure_of(text.status());
    EXPECT_EQ(failure.kind, ErrorKind::kIncompatible);
    EXPECT_NE(failure.where.find("point 12, vector 'v'"), std::string::npos) << failure.where;
    EXPECT_NE(failure.next.find(".parquet"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, JsonRoundTrip,
                         ::testing::Values(JsonForm::kPlain, JsonForm::kLines),
                         [](const auto& form) {
                           return form.param == JsonForm::kPlain ? "Plain" : "Lines";
                         });

TEST(JsonWriter, TheCountStandsWhereItCan) {
  const auto config = default_config({});
  const std::vector<TestPoint> points = {{.id = PointId::of(1)}, {.id = PointId::of(2)}};
  const auto patched = *write_text(config, points, {.patchable = true});
  const auto streamed = *write_text(config, points, {});
  EXPECT_LT(patched.find("document_count"), patched.find("\"documents\""));
  EXPECT_GT(streamed.find("document_count"), streamed.find("\"documents\""));
  EXPECT_NE(streamed.find("\"document_count\": 2"), std::string::npos);
}

TEST(JsonWriter, LinesHoldToTheDeclaredCount) {
  const auto config = default_config({});
  const std::vector<TestPoint> points = {{.id = PointId::of(1)}, {.id = PointId::of(2)}};
  const auto wrong = write_text(config, points, {.form = JsonForm::kLines, .points_count = 3});
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(kind_of(wrong.status()), ErrorKind::kConflict);
  const auto corrected =
      write_text(config, points, {.form = JsonForm::kLines, .points_count = 3, .patchable = true});
  ASSERT_TRUE(corrected.ok());
  EXPECT_TRUE(testing::read_text(testing::input_of(*corrected), {.form = JsonForm::kLines}).ok());
}

TEST(JsonWriter, DocumentsHaveTheFourOldKeys) {
  const auto config = default_config({{.name = "", .dim = 2}});
  const auto text = *write_text(config,
                                {{.id = PointId::of(7),
                                  .vectors = {{"", testing::dense({0.5F, -1})}},
                                  .payload = "{\"content\":\"x\",\"page\":3}"}},
                                {});
  EXPECT_NE(text.find("{\"id\":\"7\",\"content\":\"x\",\"metadata\":{\"page\":3},"
                      "\"vector\":[0.5,-1.0]}"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace vecferry
