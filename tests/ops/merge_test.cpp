#include "vecferry/ops/merge.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/ops/memory_places.h"
#include "tests/ops/merge_sources.h"
#include "vecferry/transform/remap_ids.h"

namespace vecferry {
namespace {

using testing::must;
using testing::small_config;
using testing::small_point;
using testing::TestPoint;

class MergeTest : public ::testing::Test {
 protected:
  void fill(const std::string& name, const std::vector<TestPoint>& points,
            const CollectionConfig& config = small_config()) {
    must(testing::fill(bench_.places.place("p"), name, config, points));
    request_.sources.push_back(bench_.places.end("p/" + name));
  }

  Result<PlannedMerge> plan(std::string_view dedupe, std::string_view on_conflict = "") {
    request_.target = bench_.places.end("p/all");
    ARROW_ASSIGN_OR_RAISE(request_.rules, parse_merge_rules(dedupe, on_conflict, "content"));
    return plan_merge(request_, bench_.places, bench_.progress, StopToken::Unstoppable());
  }

  Result<OperationEnd> merge(std::string_view dedupe, std::string_view on_conflict = "") {
    ARROW_ASSIGN_OR_RAISE(const auto planned, plan(dedupe, on_conflict));
    return bench_.run(planned.plan);
  }

  testing::PointMap merged() {
    return testing::read_all(bench_.places.place("p"), "all").ValueOrDie();
  }

  testing::MemoryWorkshop bench_;
  MergeRequest request_;
};

TEST_F(MergeTest, TheUnionIsWrittenAndSaysWhereFrom) {
  fill("a", {small_point(1, 1, R"({"content":"one"})"), small_point(2, 2, "")});
  fill("b", {small_point(1, 3, R"({"content":"two"})"), small_point(5, 4, R"({"content":"one"})")});
  const auto end = merge("content").ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  auto remapped = small_point(0, 3, R"({"content":"two","merged_from":"p/b","merged_id":1})");
  remapped.id = remapped_id("p/b", PointId::of(uint64_t{1}));
  EXPECT_TRUE(testing::same_points(
      testing::map_of({small_point(1, 1, R"({"content":"one","merged_from":"p/a"})"),
                       small_point(2, 2, R"({"merged_from":"p/a"})"), remapped}),
      merged()));
  const auto receipt = nlohmann::json::parse(end.receipt);
  EXPECT_EQ(receipt["points"], 3);
  EXPECT_TRUE(receipt["verified"]);
  EXPECT_EQ(receipt["details"]["duplicates"], 1);
  EXPECT_EQ(receipt["details"]["remapped"], 1);
  EXPECT_EQ(receipt["details"]["sources"][1]["duplicates_of"]["p/a"], 1);
}

TEST_F(MergeTest, TheReportNamesEveryDecision) {
  fill("a", {small_point(1, 1, R"({"content":"one"})")});
  fill("b", {small_point(1, 3, R"({"content":"two"})"), small_point(5, 4, R"({"content":"one"})")});
  const auto planned = plan("content").ValueOrDie();
  const auto end = bench_.run(planned.plan).ValueOrDie();
  const auto file = bench_.journal->files_of(end.id) / kMergeReportFile;
  const auto report = nlohmann::json::parse(std::ifstream(file));
  EXPECT_EQ(report["format"], "vecferry.merge-report");
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["points"], 2);
  EXPECT_EQ(report["duplicate_points"],
            nlohmann::json::parse(R"([{"source":"p/b","id":5,"kept_source":"p/a","kept_id":1}])"));
  EXPECT_EQ(report["conflicting_points"], nlohmann::json::array());
  ASSERT_EQ(report["remapped_points"].size(), 1U);
  EXPECT_EQ(report["remapped_points"][0]["new_id"],
            to_string(remapped_id("p/b", PointId::of(uint64_t{1}))));
  // The same to wherever a person wants it; a file that cannot be written leaves nothing.
  const auto copy = bench_.folder.path() / "report.json";
  ASSERT_TRUE(write_report(planned.report, copy).ok());
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(copy)), report);
  EXPECT_EQ(kind_of(write_report(planned.report, bench_.folder.path() / "no" / "r.json")),
            ErrorKind::kIo);
}

TEST_F(MergeTest, WithoutProvenancePayloadsStay) {
  const auto a = small_point(1, 1, R"({"k":1})");
  const auto b = small_point(2, 2, "");
  fill("a", {a});
  fill("b", {b});
  request_.provenance = false;
  ASSERT_EQ(merge("id").ValueOrDie().state, OperationState::kDone);
  EXPECT_TRUE(testing::same_points(testing::map_of({a, b}), merged()));
}

TEST_F(MergeTest, PlanningWritesNothingAndUndoDropsTheUnion) {
  fill("a", {small_point(1, 1, "")});
  fill("b", {small_point(2, 1, "")});
  ASSERT_TRUE(plan("id").ok());
  EXPECT_TRUE(bench_.journal->list(0).ValueOrDie().empty());
  const auto end = merge("id").ValueOrDie();
  EXPECT_EQ(merged().size(), 2U);
  const auto undone = undo_operation(end.id, IfChanged::kRefuse, bench_.shop()).ValueOrDie();
  EXPECT_EQ(undone.state, OperationState::kUndone) << undone.error.ToString();
  EXPECT_EQ(bench_.places.place("p").list(StopToken::Unstoppable()).ValueOrDie().size(), 2U);
}

TEST_F(MergeTest, OtherVectorsAreRefusedWithATableAndRenamed) {
  fill("a", {small_point(1, 1, "")});
  const auto named =
      default_config({{"text", VectorKind::kDense, ElementType::kFloat32, 2, Distance::kDot}});
  TestPoint point{.id = PointId::of(uint64_t{2}),
                  .vectors = {{"text", testing::dense({3.0F, 1.0F})}}};
  fill("b", {point}, named);
  const auto refused = plan("id").status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(refused).where.find("p/a  the vector: dense float32[2] Dot"),
            std::string::npos)
      << failure_of(refused).where;
  EXPECT_NE(failure_of(refused).where.find("p/b  vector 'text': dense float32[2] Dot"),
            std::string::npos);

  request_.rename_vectors = {parse_merge_rename("text=", {"p/a", "p/b"}).ValueOrDie()};
  request_.provenance = false;
  ASSERT_EQ(merge("id").ValueOrDie().state, OperationState::kDone);
  EXPECT_TRUE(testing::same_points(testing::map_of({small_point(1, 1, ""), small_point(2, 3, "")}),
                                   merged()));
}

TEST_F(MergeTest, VectorsOfAnotherSizeOrDistanceCannotBeMerged) {
  fill("a", {small_point(1, 1, "")});
  fill("b", {},
       default_config({{"", VectorKind::kDense, ElementType::kFloat32, 3, Distance::kDot}}));
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kIncompatible);
  request_.sources.pop_back();
  fill("c", {},
       default_config({{"", VectorKind::kDense, ElementType::kFloat32, 2, Distance::kCosine}}));
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kIncompatible);
}

TEST_F(MergeTest, MistakesAreSaidFirst) {
  fill("a", {small_point(1, 1, "")});
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kUsage);
  request_.sources.push_back(request_.sources[0]);
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kUsage);
  request_.sources.pop_back();
  fill("b", {small_point(2, 1, "")});
  request_.rename_vectors = {{.old_name = "none", .new_name = "x"}};
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kNotFound);
  request_.rename_vectors.clear();
  must(testing::fill(bench_.places.place("p"), "all", small_config(), {}));
  EXPECT_EQ(kind_of(plan("id").status()), ErrorKind::kExists);
  EXPECT_TRUE(bench_.journal->list(0).ValueOrDie().empty());
}

TEST_F(MergeTest, PayloadIndexesOfAllSourcesAreMade) {
  auto config = small_config();
  config.payload_indexes = {{"lang", "\"keyword\""}, {"size", "\"integer\""}};
  fill("a", {}, config);
  config.payload_indexes = {{"at", "\"datetime\""}, {"size", "\"float\""}};
  fill("b", {}, config);
  const auto planned = plan("id").ValueOrDie();
  const auto& load = std::get<LoadStep>(planned.plan.steps[0]);
  ASSERT_EQ(load.config.payload_indexes.size(), 3U);
  EXPECT_EQ(load.config.payload_indexes[0].path, "at");
  EXPECT_EQ(load.config.payload_indexes[2].schema_json, "\"integer\"");
  EXPECT_TRUE(std::any_of(planned.plan.notes.begin(), planned.plan.notes.end(),
                          [](const auto& note) { return note.find("'size'") != note.npos; }));
}

TEST(MergeRename, SourceIsWhatWasTyped) {
  const std::vector<std::string> sources = {"local:s/a", "local:s/a:b"};
  const auto plain = parse_merge_rename("text=content", sources).ValueOrDie();
  EXPECT_FALSE(plain.source);
  EXPECT_EQ(plain.old_name, "text");
  const auto one = parse_merge_rename("local:s/a:text=content", sources).ValueOrDie();
  EXPECT_EQ(one.source, 0U);
  EXPECT_EQ(one.old_name, "text");
  EXPECT_EQ(one.new_name, "content");
  const auto longest = parse_merge_rename("local:s/a:b:=content", sources).ValueOrDie();
  EXPECT_EQ(longest.source, 1U);
  EXPECT_EQ(longest.old_name, "");
  EXPECT_EQ(kind_of(parse_merge_rename("text", sources).status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace vecferry
