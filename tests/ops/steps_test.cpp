#include "vecferry/ops/steps.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/points.h"

namespace vecferry {
namespace {

LoadSource odd_source() {
  LoadSource source{.address = "local:/p/a%20b",
                    .label = "local:p/a%20b",
                    .reading = {.distance = Distance::kDot, .original_id_key = "was"},
                    .part = HashPart{.parts = 7, .index = 3},
                    .only = "only.ids",
                    .leave_out = "out.ids",
                    .remap = "remap.ids",
                    .merged_from = "x"};
  source.selection.filter = Filter::parse("size>3 and not name=b").ValueOrDie();
  source.selection.select_payload = {"a", "b.c"};
  source.selection.drop_payload = {"d"};
  source.selection.vectors = std::vector<std::string>{"", "title"};
  source.selection.rename_vectors = {{"title", "heading"}};
  source.selection.provenance = true;
  source.selection.limit = 12;
  return source;
}

std::vector<Step> every_kind() {
  return {
      BackupStep{.source = odd_source(), .file = "backup-0.parquet"},
      LoadStep{.sources = {odd_source(), {.address = "b", .label = "b"}},
               .target = "t",
               .target_label = "T",
               .config = testing::Generator::every_kind(),
               .build_index = true,
               .whole = true,
               .follow_up = 3,
               .memory_bytes = 77},
      AliasStep{.place = "p",
                .changes = {{.alias = "x", .collection = "c"}, {.alias = "y", .collection = {}}},
                .before = {{.alias = "x", .collection = {}}, {.alias = "y", .collection = "d"}}},
      DropStep{.target = "t",
               .target_label = "T",
               .backup = 0,
               .unchanged_since = 1,
               .aliases = {"x", "y"}},
      DropStep{.target = "t", .target_label = "T"},
      DropStep{.target = "t", .target_label = "T", .aside = true, .unchanged_since = 2},
      SettingsStep{.target = "t",
                   .target_label = "T",
                   .config = default_config({{"", VectorKind::kDense, ElementType::kFloat32, 2}}),
                   .before = default_config({{"x", VectorKind::kDense, ElementType::kFloat32, 2}})},
      ChangeStep{.source = odd_source(),
                 .target = "t",
                 .target_label = "T",
                 .added = "a.ids",
                 .removed = "r.ids",
                 .backup = 2,
                 .memory_bytes = 5},
      ChangeStep{.target = "t", .target_label = "T", .removes_all = true},
  };
}

// Another process must be able to do exactly what this one would.
TEST(Steps, ComeBackFromTheJournalAsTheyWere) {
  for (const auto& step : every_kind()) {
    const auto json = to_json(step).dump();
    const auto back = parse_step(kind_of(step), json);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(back->index(), step.index());
    EXPECT_EQ(to_json(*back).dump(), json);
    EXPECT_EQ(describe(*back), describe(step));
    EXPECT_FALSE(describe_undo(step).empty());
  }
}

// Every field is in the JSON: two steps that differ in one differ there.
TEST(Steps, EveryFieldIsKept) {
  const std::vector<LoadSource> changed = [] {
    std::vector<LoadSource> each(12, odd_source());
    each[0].address = "z";
    each[1].label = "z";
    each[2].reading.distance = Distance::kEuclid;
    each[3].reading.original_id_key = "z";
    each[4].part->index = 4;
    each[5].only = "z";
    each[6].leave_out = "z";
    each[7].remap = "z";
    each[8].merged_from = "z";
    each[9].selection.filter = nullptr;
    each[10].selection.rename_vectors.clear();
    each[11].selection.limit.reset();
    return each;
  }();
  const auto text = [](const LoadSource& source) {
    return to_json(Step(BackupStep{.source = source, .file = "f"})).dump();
  };
  for (size_t i = 0; i < changed.size(); ++i) {
    EXPECT_NE(text(changed[i]), text(odd_source())) << i;
  }
}

TEST(Steps, FactsComeBack) {
  const StepFacts facts{.made = true,
                        .finished = true,
                        .verified = true,
                        .digest = {.count = 9, .sum = {.high = 1, .low = 2}},
                        .removed = 4,
                        .bytes = 5,
                        .seconds = 1.5,
                        .counts = {{"floats_rounded", 3}},
                        .notes = {"n"}};
  const auto back = parse_step_facts(to_json(facts).dump()).ValueOrDie();
  EXPECT_EQ(to_json(back).dump(), to_json(facts).dump());
  EXPECT_EQ(back.digest, facts.digest);
  EXPECT_FALSE(parse_step_facts("").ValueOrDie().made) << "nothing done yet";
}

TEST(Steps, WhatIsNoStepIsNamed) {
  EXPECT_EQ(kind_of(parse_step("dance", "{}").status()), ErrorKind::kIncompatible);
  EXPECT_EQ(kind_of(parse_step("load", "{}").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(parse_step("load", "no JSON").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(parse_step_facts("{}").status()), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace vecferry
