#include "vecferry/ops/merge_decide.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/ops/merge_sources.h"
#include "vecferry/transform/remap_ids.h"

namespace vecferry {
namespace {

using testing::Decisions;
using testing::MergeSources;
using testing::small_point;

Decided decided(Fate fate, uint16_t source, uint64_t id, uint16_t kept_source, uint64_t kept_id) {
  return {.fate = fate,
          .source = source,
          .id = PointId::of(id),
          .kept_source = kept_source,
          .kept_id = PointId::of(kept_id)};
}

MergeRules rules(std::string_view dedupe, std::string_view on_conflict = "") {
  return parse_merge_rules(dedupe, on_conflict, "content").ValueOrDie();
}

TEST(MergeRules, WordsAndDefaults) {
  EXPECT_EQ(rules("id").on_conflict, OnConflict::kError);
  for (const auto* word : {"content", "vector", "exact", "none"}) {
    EXPECT_EQ(rules(word).on_conflict, OnConflict::kRemap) << word;
  }
  EXPECT_EQ(to_string(rules("content", "newest:meta.at")),
            "--dedupe content --content-key content --on-conflict newest:meta.at");
  for (const auto& [dedupe, conflict] :
       std::vector<std::pair<std::string, std::string>>{{"ids", ""},
                                                        {"id", "newset:x"},
                                                        {"id", "newest"},
                                                        {"id", "newest:"},
                                                        {"id", "first:x"},
                                                        {"id", "newest:a..b"}}) {
    EXPECT_EQ(kind_of(parse_merge_rules(dedupe, conflict, "content").status()), ErrorKind::kUsage)
        << dedupe << ' ' << conflict;
  }
  EXPECT_EQ(kind_of(parse_merge_rules("content", "", "").status()), ErrorKind::kUsage);
}

TEST(MergeDecide, EqualPointsAreDuplicatesAndOthersConflict) {
  const MergeSources sources({{small_point(1, 1, R"({"a":1})"), small_point(2, 2, "")},
                              {small_point(1, 1, R"({"a":1})"), small_point(2, 9, "")}});
  Decisions decisions;
  const auto refused = testing::decide(sources, rules("id"), &decisions).status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kIncompatible);
  EXPECT_NE(refused.message().find("1 id is in more than one source, with different points: "
                                   "2 (a, b)"),
            std::string::npos)
      << refused.message();
  EXPECT_NE(failure_of(refused).next.find("remap"), std::string::npos);

  decisions.all.clear();
  const auto tally = testing::decide(sources, rules("id", "first"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kDuplicate, 1, 1, 0, 1),
                                                 decided(Fate::kConflict, 1, 2, 0, 2)}));
  EXPECT_EQ(tally.kept(), 2U);
  EXPECT_EQ(tally.sources[1].duplicates_of, (std::vector<uint64_t>{1, 0}));
  EXPECT_EQ(tally.sources[1].conflicts, 1U);
}

TEST(MergeDecide, LastAndNewest) {
  const MergeSources sources({{small_point(1, 1, R"({"at":"2026-01-02T00:00:00Z"})"),
                               small_point(2, 1, ""), small_point(3, 1, R"({"at":"2026-01-01"})")},
                              {small_point(1, 2, R"({"at":"2026-01-01T23:00:00-05:00"})"),
                               small_point(2, 2, R"({"at":"2020-01-01T00:00:00Z"})"),
                               small_point(3, 2, R"({"at":"2026-01-01T00:00:00Z"})")},
                              {small_point(1, 3, "")}});
  Decisions decisions;
  testing::decide(sources, rules("id", "newest:at"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all,
            (std::vector<Decided>{
                decided(Fate::kConflict, 0, 1, 1, 1), decided(Fate::kConflict, 0, 2, 1, 2),
                decided(Fate::kConflict, 1, 3, 0, 3), decided(Fate::kConflict, 2, 1, 1, 1)}));
  decisions.all.clear();
  testing::decide(sources, rules("id", "last"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all,
            (std::vector<Decided>{
                decided(Fate::kConflict, 0, 1, 2, 1), decided(Fate::kConflict, 0, 2, 1, 2),
                decided(Fate::kConflict, 0, 3, 1, 3), decided(Fate::kConflict, 1, 1, 2, 1)}));
}

TEST(MergeDecide, NewestComparesNumbersOfEverySize) {
  const std::vector<std::string> ascending = {"-9223372036854775808",
                                              "-1.5",
                                              "-1",
                                              "0",
                                              "0.25",
                                              "0.5",
                                              "3",
                                              "3.5",
                                              "9007199254740993",
                                              "9007199254740994",
                                              "9223372036854775807",
                                              "9223372036854775808",
                                              "18446744073709551615"};
  for (size_t i = 0; i + 1 < ascending.size(); ++i) {
    const MergeSources sources({{small_point(1, 1, R"({"v":)" + ascending[i] + "}")},
                                {small_point(1, 2, R"({"v":)" + ascending[i + 1] + "}")}});
    Decisions decisions;
    testing::decide(sources, rules("id", "newest:v"), &decisions).ValueOrDie();
    EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kConflict, 0, 1, 1, 1)}))
        << ascending[i] << " < " << ascending[i + 1];
  }
}

TEST(MergeDecide, NewestRefusesWhatDoesNotCompare) {
  for (const auto* other : {R"({"at":"yesterday"})", R"({"at":true})", R"({"at":{"a":1}})",
                            R"({"at":"2026-01-01T00:00:00Z"})"}) {
    const MergeSources sources({{small_point(7, 1, R"({"at":5})")}, {small_point(7, 2, other)}});
    Decisions decisions;
    const auto status = testing::decide(sources, rules("id", "newest:at"), &decisions).status();
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << other;
  }
}

TEST(MergeDecide, ContentGoesByTextAndRemapsTheRest) {
  const MergeSources sources(
      {{small_point(1, 1, R"({"content":"one"})"), small_point(2, 2, R"({"content":"two"})"),
        small_point(3, 3, R"({"content":"  "})")},
       {small_point(1, 4, R"({"content":" two\n"})"), small_point(2, 5, R"({"content":"three"})"),
        small_point(3, 6, R"({"content":""})"), small_point(4, 6, R"({"content":["one"]})"),
        small_point(5, 6, R"({"content":{"x":"one"}})")}});
  Decisions decisions;
  const auto tally = testing::decide(sources, rules("content"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all,
            (std::vector<Decided>{
                decided(Fate::kDuplicate, 1, 1, 0, 2), decided(Fate::kRemapped, 1, 2, 0, 2),
                decided(Fate::kRemapped, 1, 3, 0, 3), decided(Fate::kDuplicate, 1, 4, 0, 1)}));
  EXPECT_EQ(tally.sources[0].without_key, 1U);
  EXPECT_EQ(tally.sources[1].without_key, 2U);
  EXPECT_EQ(tally.sources[1].remapped, 2U);
  EXPECT_EQ(tally.kept(), 6U);
}

// Equal ids are settled first, or text "x" would be gone: 5 gives way to 1, which gives way to 9.
TEST(MergeDecide, NoTextIsLostWithItsDuplicate) {
  const MergeSources sources(
      {{small_point(1, 1, R"({"content":"x"})")},
       {small_point(1, 2, R"({"content":"y"})"), small_point(5, 3, R"({"content":"x"})")}});
  Decisions decisions;
  testing::decide(sources, rules("content", "last"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kConflict, 0, 1, 1, 1)}));
}

TEST(MergeDecide, VectorAndExact) {
  const MergeSources sources({{small_point(1, 1, R"({"a":1})"), small_point(2, 1, R"({"a":1})")},
                              {small_point(3, 1, R"({"a":2})"), small_point(1, 1, R"({"a":1})")}});
  Decisions decisions;
  testing::decide(sources, rules("vector"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kDuplicate, 0, 2, 0, 1),
                                                 decided(Fate::kDuplicate, 1, 1, 0, 1),
                                                 decided(Fate::kDuplicate, 1, 3, 0, 1)}));
  decisions.all.clear();
  testing::decide(sources, rules("exact"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kDuplicate, 0, 2, 0, 1),
                                                 decided(Fate::kDuplicate, 1, 1, 0, 1)}));
}

TEST(MergeDecide, NoneKeepsEverything) {
  const MergeSources sources(
      {{small_point(1, 1, "")}, {small_point(1, 1, "")}, {small_point(1, 1, "")}});
  Decisions decisions;
  const auto tally = testing::decide(sources, rules("none"), &decisions).ValueOrDie();
  EXPECT_EQ(decisions.all, (std::vector<Decided>{decided(Fate::kRemapped, 1, 1, 0, 1),
                                                 decided(Fate::kRemapped, 2, 1, 0, 1)}));
  EXPECT_EQ(tally.kept(), 3U);
  EXPECT_FALSE(testing::decide(sources, rules("none", "error"), &decisions).ok());
}

TEST(MergeDecide, ANewIdThatIsTakenIsRefused) {
  const PointId taken = remapped_id("b", PointId::of(uint64_t{1}));
  auto before = small_point(0, 3, "");
  before.id = taken;
  const MergeSources sources({{small_point(1, 1, ""), before}, {small_point(1, 2, "")}});
  Decisions decisions;
  const auto status = testing::decide(sources, rules("none"), &decisions).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
  EXPECT_NE(status.message().find(to_string(taken)), std::string::npos);
}

TEST(MergeDecide, LanesDoNotMatter) {
  testing::Generator generator(31);
  std::vector<std::vector<testing::TestPoint>> all(3);
  for (auto& points : all) {
    for (uint64_t id = 0; id < 200; ++id) {
      if (generator.chance(2)) {
        points.push_back(small_point(id, static_cast<float>(generator.below(20)),
                                     fmt::format(R"({{"content":"{}"}})", generator.below(100))));
      }
    }
  }
  const MergeSources sources(std::move(all));
  Decisions one;
  Decisions four;
  const auto tally = testing::decide(sources, rules("content"), &one, 1).ValueOrDie();
  EXPECT_EQ(testing::decide(sources, rules("content"), &four, 4).ValueOrDie(), tally);
  EXPECT_EQ(one.all, four.all);
}

TEST(MergeDecide, AStopStops) {
  const MergeSources sources({{small_point(1, 1, "")}, {small_point(1, 1, "")}});
  arrow::StopSource stop;
  stop.RequestStop();
  Decisions decisions;
  Progress progress;
  EXPECT_EQ(kind_of(decide_merge(sources.sources, rules("id"), 2, decisions, progress, stop.token())
                        .status()),
            ErrorKind::kCancelled);
}

}  // namespace
}  // namespace vecferry
