#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/points.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/open_file.h"
#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

using testing::Generator;
using testing::TestPoint;

const StopToken kGoOn = StopToken::Unstoppable();

std::string put(const testing::TempDir& dir, const std::string& name, const std::string& text) {
  std::ofstream(dir.file(name)) << text;
  return dir.file(name);
}

TEST(FileBackend, TakesItsNameFromTheFileElseFromThePath) {
  const testing::TempDir dir;
  const auto named =
      put(dir, "a.json", R"({"collection_name":"docs","documents":[{"id":1,"vector":[1]}]})");
  const auto unnamed = put(dir, "b.jsonl", "{\"id\":1}\n");
  const auto name_of = [](const std::string& path, const FileOptions& options) {
    const auto file = *open_file(path, options);
    return *collection_name_of(*file, path, options, kGoOn);
  };
  EXPECT_EQ(name_of(named, {}), "docs");
  EXPECT_EQ(name_of(unnamed, {}), "b");
  EXPECT_EQ(name_of(unnamed, {.collection_name = "given"}), "given");
  EXPECT_EQ(name_of(dir.file("new.parquet"), {}), "new");
  const auto file = *open_file(named, {});
  EXPECT_TRUE(file->describe("docs", kGoOn).ok());
  EXPECT_EQ(kind_of(file->describe("other", kGoOn).status()), ErrorKind::kNotFound);
}

TEST(FileBackend, UnknownExtensionsAreAnError) {
  EXPECT_EQ(kind_of(open_file("docs.csv", {}).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(open_file("docs.json", {.format = "csv"}).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(open_file("docs.snapshot", {}).status()), ErrorKind::kUsage);
  EXPECT_TRUE(open_file("docs.csv", {.format = "json"}).ok());
}

TEST(FileBackend, DistanceAndIdKeyAreTheCallers) {
  const testing::TempDir dir;
  const auto path = put(dir, "a.json", R"([{"id":"name","vector":[1,2]}])");
  const auto file = *open_file(path, {.distance = Distance::kManhattan, .original_id_key = "doc"});
  EXPECT_EQ(file->describe("a", kGoOn)->vectors[0].distance, Distance::kManhattan);
  const auto points = *testing::read_all(*file, "a");
  EXPECT_EQ(points.begin()->second.payload, "{\"doc\":\"name\"}");
}

TEST(FileBackend, EveryFormHoldsTheSamePoints) {
  const testing::TempDir dir;
  Generator generator(11);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 200);
  for (const char* name : {"a.json", "a.jsonl", "a.json.zst", "a.jsonl.gz", "a.parquet"}) {
    const auto file = *open_file(dir.file(name), {});
    ASSERT_TRUE(testing::fill(*file, "a", config, points).ok()) << name;
    const auto again = *open_file(dir.file(name), {});
    EXPECT_EQ(*again->describe("a", kGoOn), config) << name;
    EXPECT_TRUE(testing::same_points(testing::map_of(points), *testing::read_all(*again, "a")))
        << name;
    EXPECT_EQ(again->capabilities().ordered, std::string(name) == "a.parquet");
  }
}

TEST(FileBackend, WritersOfSeveralLanesShareTheFile) {
  const testing::TempDir dir;
  Generator generator(12);
  const auto config = Generator::every_kind();
  const auto points = generator.points(config, 100);
  for (const char* name : {"a.jsonl", "a.parquet"}) {
    const auto file = *open_file(dir.file(name), {});
    ASSERT_TRUE(file->create("a", config, kGoOn).ok());
    {
      const auto first = *file->open_writer("a", kGoOn);
      const auto second = *file->open_writer("a", kGoOn);
      const std::vector<TestPoint> half(points.begin(), points.begin() + 50);
      const std::vector<TestPoint> rest(points.begin() + 50, points.end());
      ASSERT_TRUE(second->upsert(*testing::to_batch(config, rest)).ok());
      ASSERT_TRUE(first->upsert(*testing::to_batch(config, half)).ok());
    }
    ASSERT_TRUE(file->finish("a", config, kGoOn).ok());
    EXPECT_TRUE(testing::same_points(testing::map_of(points), *testing::read_all(*file, "a")));
    EXPECT_FALSE(file->capabilities().ordered);
  }
}

TEST(FileBackend, AnIdThatComesTwiceIsNoFile) {
  const testing::TempDir dir;
  const auto config = default_config({});
  for (const char* name : {"a.json", "a.jsonl.zst", "a.parquet"}) {
    const auto file = *open_file(dir.file(name), {});
    ASSERT_TRUE(file->create("a", config, kGoOn).ok());
    const auto writer = *file->open_writer("a", kGoOn);
    for (const uint64_t id : {5, 3, 5}) {
      ASSERT_TRUE(writer->upsert(*testing::to_batch(config, {{.id = PointId::of(id)}})).ok());
    }
    const Status finished = file->finish("a", config, kGoOn);
    ASSERT_FALSE(finished.ok());
    EXPECT_NE(failure_of(finished).what.find("5 is there twice"), std::string::npos);
    ASSERT_TRUE(file->drop("a", kGoOn).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(FileBackend, ADroppedFileTakesNothingMore) {
  const testing::TempDir dir;
  const auto config = default_config({});
  const auto file = *open_file(dir.file("a.json"), {});
  ASSERT_TRUE(file->create("a", config, kGoOn).ok());
  const auto writer = *file->open_writer("a", kGoOn);
  ASSERT_TRUE(file->drop("a", kGoOn).ok());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_FALSE(writer->upsert(*testing::to_batch(config, {{.id = PointId::of(1)}})).ok());
}

TEST(FileBackend, AFileThatChangesIsLookedIntoAgain) {
  const testing::TempDir dir;
  const auto path = put(dir, "a.jsonl", "{\"id\":1}\n");
  const auto file = *open_file(path, {});
  EXPECT_EQ(*file->count("a", nullptr, kGoOn), 1U);
  put(dir, "a.jsonl", "{\"id\":1,\"vector\":[1]}\n{\"id\":2}\n");
  EXPECT_EQ(*file->count("a", nullptr, kGoOn), 2U);
  EXPECT_EQ(file->describe("a", kGoOn)->vectors.size(), 1U);
}

TEST(FileBackend, AScriptReadsItsFourKeys) {
  const testing::TempDir dir;
  const auto config = default_config({{.name = "", .dim = 1}});
  const auto file = *open_file(dir.file("a.json"), {});
  ASSERT_TRUE(testing::fill(*file, "a", config,
                            {{.id = PointId::of(7),
                              .vectors = {{"", testing::dense({0.5F})}},
                              .payload = R"({"content":"x","page":3})"}})
                  .ok());
  const std::string text = *read_file(dir.file("a.json"));
  EXPECT_EQ(text.rfind("{\n  \"collection_name\": \"a\",\n  \"exported_at\": \"", 0), 0U);
  EXPECT_NE(text.find("                   1,\n"), std::string::npos);
  EXPECT_NE(text.find(R"({"id":"7","content":"x","metadata":{"page":3},"vector":[0.5]})"),
            std::string::npos);
}

TEST(FileBackend, JsonLinesDeclareTheirNumber) {
  const testing::TempDir dir;
  const auto config = default_config({});
  const std::vector<TestPoint> points = {{.id = PointId::of(1)}, {.id = PointId::of(2)}};
  const auto file = *open_file(dir.file("a.jsonl"), {.points_count = 2});
  ASSERT_TRUE(testing::fill(*file, "a", config, points).ok());
  const std::string text = *read_file(dir.file("a.jsonl"));
  put(dir, "cut.jsonl", text.substr(0, text.find("{\"id\":2}")));
  const auto cut = *open_file(dir.file("cut.jsonl"), {});
  const auto read = testing::read_all(*cut, "a");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(kind_of(read.status()), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace vecferry
