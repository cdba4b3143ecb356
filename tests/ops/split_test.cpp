#include "vecferry/ops/split.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/ops/memory_places.h"
#include "tests/ops/merge_sources.h"
#include "vecferry/ops/split_values.h"
#include "vecferry/pipeline/compare.h"

namespace vecferry {
namespace {

using testing::must;
using testing::small_config;
using testing::small_point;
using testing::TestPoint;

class SplitTest : public ::testing::Test {
 protected:
  SplitTest() {
    for (uint64_t id = 0; id < 60; ++id) {
      const char* section = id % 3 == 0 ? "libs" : "doc";
      points_.push_back(small_point(
          id, static_cast<float>(id),
          id % 10 == 9 ? R"({"n":1})" : fmt::format(R"({{"n":{},"section":"{}"}})", id, section)));
    }
    must(testing::fill(bench_.places.place("p"), "all", small_config(), points_));
    request_.source = bench_.places.end("p/all");
    request_.place = request_.source;
  }

  Result<OperationPlan> plan() {
    return plan_split(request_, bench_.places, bench_.progress, StopToken::Unstoppable());
  }
  OperationEnd split() { return bench_.run(plan().ValueOrDie()).ValueOrDie(); }

  std::vector<TestPoint> points_of(const std::string& name) {
    std::vector<TestPoint> points;
    for (auto& [key, point] : testing::read_all(bench_.places.place("p"), name).ValueOrDie()) {
      points.push_back(point);
    }
    return points;
  }

  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const auto& each : bench_.places.place("p").list(StopToken::Unstoppable()).ValueOrDie()) {
      names.push_back(each.name);
    }
    return names;
  }

  RangeDigest digest_of(const std::string& name) {
    return digest_source({.backend = &bench_.places.place("p"), .collection = name}, 1,
                         bench_.progress, StopToken::Unstoppable())
        .ValueOrDie();
  }

  std::shared_ptr<const Filter> filter(std::string_view text) {
    return Filter::parse(text).ValueOrDie();
  }

  testing::MemoryWorkshop bench_;
  SplitRequest request_;
  std::vector<TestPoint> points_;
};

using Names = std::vector<std::string>;

TEST_F(SplitTest, ByValueIsProvedToBeTheWhole) {
  request_.by = "section";
  request_.rest = "others";
  const auto end = split();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_EQ(names(), (Names{"all", "all-doc", "all-libs", "others"}));
  std::vector<TestPoint> together;
  for (const auto* name : {"all-doc", "all-libs", "others"}) {
    const auto part = points_of(name);
    EXPECT_FALSE(part.empty());
    together.insert(together.end(), part.begin(), part.end());
  }
  EXPECT_EQ(together.size(), points_.size());
  EXPECT_TRUE(testing::same_points(testing::map_of(points_), testing::map_of(together)));
  const auto receipt = nlohmann::json::parse(end.receipt);
  EXPECT_EQ(receipt["points"], 60);
  EXPECT_TRUE(receipt["verified"]);
  EXPECT_EQ(receipt["steps"].back()["kind"], "split");
  EXPECT_EQ(receipt["steps"].back()["facts"]["parts"].size(), 3U);
  EXPECT_EQ(receipt["digest"], to_hex(digest_of("all").sum));
  EXPECT_EQ(points_of("all-libs").front().payload, R"({"n":0,"section":"libs"})");

  const auto undone = undo_operation(end.id, IfChanged::kRefuse, bench_.shop()).ValueOrDie();
  EXPECT_EQ(undone.state, OperationState::kUndone) << undone.error.ToString();
  EXPECT_EQ(names(), Names{"all"});
}

TEST_F(SplitTest, PointsWithoutTheFieldNeedAPlace) {
  request_.by = "section";
  const auto refused = plan().status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kIncompatible);
  EXPECT_NE(refused.message().find("6 points would go into no part"), std::string::npos)
      << refused.message();
  EXPECT_NE(failure_of(refused).next.find("--rest"), std::string::npos);
}

TEST_F(SplitTest, SmallValuesGoToTheRest) {
  request_.by = "section";
  request_.min_size = 30;
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kIncompatible);
  request_.rest = "rest";
  ASSERT_EQ(split().state, OperationState::kDone);
  EXPECT_EQ(names(), (Names{"all", "all-doc", "rest"}));
  EXPECT_EQ(points_of("all-doc").size() + points_of("rest").size(), 60U);
  EXPECT_EQ(points_of("all-doc").size(), 36U);
}

TEST_F(SplitTest, FiltersThatMeetAreRefusedUnlessAllowed) {
  request_.where = {{"low", filter("n<20")}, {"even", filter("n in (0, 2, 4, 30)")}};
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kIncompatible);
  request_.rest = "rest";
  const auto refused = plan().status();
  EXPECT_NE(refused.message().find("3 points would go into several parts"), std::string::npos)
      << refused.message();
  request_.allow_overlap = true;
  request_.drop_source = true;
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kIncompatible);
  request_.drop_source = false;
  const auto end = split();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_EQ(points_of("even").size(), 4U);
  const auto low = points_of("low").size();
  EXPECT_EQ(low + 1 + points_of("rest").size(), 60U);
}

TEST_F(SplitTest, SharesAreEvenAndTakeEverything) {
  request_.parts = 3;
  ASSERT_EQ(split().state, OperationState::kDone);
  EXPECT_EQ(names(), (Names{"all", "all-1", "all-2", "all-3"}));
  EXPECT_EQ(points_of("all-1").size() + points_of("all-2").size() + points_of("all-3").size(), 60U);
}

TEST_F(SplitTest, TheSourceIsDroppedLastAndComesBack) {
  request_.parts = 2;
  request_.drop_source = true;
  request_.backup = false;  // a file place has no part in this test
  const auto made = plan().ValueOrDie();
  EXPECT_TRUE(made.destructive);
  EXPECT_EQ(kind_of(made.steps.back()), "drop");
  EXPECT_EQ(kind_of(made.steps[made.steps.size() - 2]), "proof");
  EXPECT_EQ(std::get<DropStep>(made.steps.back()).unchanged_since, 1);
  ASSERT_EQ(bench_.run(made).ValueOrDie().state, OperationState::kDone);
  EXPECT_EQ(names(), (Names{"all-1", "all-2"}));
}

TEST_F(SplitTest, WhatWasWrittenSinceIsNotUndone) {
  request_.parts = 2;
  const auto end = split();
  auto writer =
      bench_.places.place("p").open_writer("all-2", StopToken::Unstoppable()).ValueOrDie();
  must(writer->upsert(*testing::to_batch(small_config(), {small_point(999, 1, "")})));
  must(writer->checkpoint());
  const auto refused = undo_operation(end.id, IfChanged::kRefuse, bench_.shop()).status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kRefused);
  EXPECT_NE(refused.message().find("'p/all-2' was written to since"), std::string::npos);
  ASSERT_TRUE(undo_operation(end.id, IfChanged::kLose, bench_.shop()).ok());
  EXPECT_EQ(names(), Names{"all"});
}

TEST_F(SplitTest, FiltersAndRestInOneReading) {
  request_.where = {{"low", filter("n<20")}, {"high", filter("n>=40")}};
  request_.rest = "rest";
  const auto end = split();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_EQ(points_of("low").size() + points_of("high").size() + points_of("rest").size(), 60U);
  for (const auto& point : points_of("high")) {
    EXPECT_GE(point.id.number, 40U);
  }
}

TEST_F(SplitTest, ManyPartsAreFilledInOneReading) {
  request_.by = "n";
  request_.name = "n{value}";
  const auto made = plan().ValueOrDie();
  // {"n":1} is in ids 1, 9, 19, …; the other values are in one point each.
  EXPECT_EQ(made.steps.size(), 1U);
  const auto end = bench_.run(made).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_EQ(names().size(), 55U);
  EXPECT_EQ(points_of("n1").size(), 7U);
  EXPECT_EQ(points_of("n58").size(), 1U);
}

TEST_F(SplitTest, APointThatCameMeanwhileAndHasNoPartIsNamed) {
  request_.where = {{"low", filter("n<20")}, {"high", filter("n>=20")}};
  // Those with {"n":1} are low, so every point has a part; the plan is made before 999 comes.
  const auto made = plan().ValueOrDie();
  auto writer = bench_.places.place("p").open_writer("all", StopToken::Unstoppable()).ValueOrDie();
  must(writer->upsert(*testing::to_batch(small_config(), {small_point(999, 1, "")})));
  must(writer->checkpoint());
  const auto end = bench_.run(made).ValueOrDie();
  EXPECT_EQ(end.state, OperationState::kFailed);
  EXPECT_NE(failure_of(end.error).where.find("point 999"), std::string::npos)
      << failure_of(end.error).where;
  EXPECT_EQ(names(), Names{"all"});
}

TEST_F(SplitTest, SeveralValuesOfAPoint) {
  must(testing::fill(bench_.places.place("p"), "tagged", small_config(),
                     {small_point(1, 1, R"({"t":["a","b"]})"), small_point(2, 1, R"({"t":"a"})"),
                      small_point(3, 1, R"({"t":["b","b"]})")}));
  request_.source = bench_.places.end("p/tagged");
  request_.by = "t";
  EXPECT_NE(plan().status().message().find("1 point would go into several parts"),
            std::string::npos);
  request_.allow_overlap = true;
  ASSERT_EQ(split().state, OperationState::kDone);
  EXPECT_EQ(points_of("tagged-a").size(), 2U);
  EXPECT_EQ(points_of("tagged-b").size(), 2U);
}

TEST_F(SplitTest, NamesThatMeetAreRefused) {
  must(testing::fill(bench_.places.place("p"), "odd", small_config(),
                     {small_point(1, 1, R"({"t":"a/b"})"), small_point(2, 1, R"({"t":"a:b"})")}));
  request_.source = bench_.places.end("p/odd");
  request_.by = "t";
  const auto refused = plan().status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kUsage);
  EXPECT_NE(refused.message().find("'a/b' and 'a:b' would both become 'odd-a_b'"),
            std::string::npos)
      << refused.message();
  request_.by.clear();
  request_.where = {{"x", filter("t=\"a/b\"")}, {"x", filter("t=\"a:b\"")}};
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kUsage);
}

TEST_F(SplitTest, WhatIsNoValueIsNamed) {
  for (const auto* payload : {R"({"t":{"x":1}})", R"({"t":1.5})"}) {
    must(testing::fill(bench_.places.place("q"), "odd", small_config(),
                       {small_point(7, 1, payload)}));
    request_.source = bench_.places.end("q/odd");
    request_.by = "t";
    const auto refused = plan().status();
    EXPECT_EQ(kind_of(refused), ErrorKind::kIncompatible) << payload;
    EXPECT_NE(failure_of(refused).where.find("point 7"), std::string::npos);
    must(bench_.places.place("q").drop("odd", StopToken::Unstoppable()));
  }
}

TEST_F(SplitTest, OneWayToSplitAndNoOther) {
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kUsage);
  request_.parts = 2;
  request_.by = "section";
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kUsage);
  request_.by.clear();
  request_.rest = "rest";
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kUsage);
  request_.rest.clear();
  request_.min_size = 3;
  EXPECT_EQ(kind_of(plan().status()), ErrorKind::kUsage);
}

TEST(PartName, IsSafe) {
  EXPECT_EQ(part_name("{collection}-{value}", "docs", std::string("a/b c\n")).ValueOrDie(),
            "docs-a_b_c_");
  EXPECT_EQ(part_name("{value}.{value}", "docs", int64_t{-5}).ValueOrDie(), "-5.-5");
  EXPECT_EQ(part_name("{value}", "docs", std::string("{value}{collection}")).ValueOrDie(),
            "{value}{collection}");
  EXPECT_EQ(part_name("x{value}", "docs", true).ValueOrDie(), "xtrue");
  EXPECT_EQ(kind_of(part_name("{value}", "docs", std::string()).status()), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(part_name("{value}", "docs", std::string(300, 'x')).status()),
            ErrorKind::kUsage);
}

}  // namespace
}  // namespace vecferry
