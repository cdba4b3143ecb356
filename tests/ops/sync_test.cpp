#include "vecferry/ops/sync.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/ops/memory_places.h"
#include "tests/support/backends.h"
#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

using testing::Generator;
using testing::must;
using testing::PointMap;
using testing::TestPoint;

const StopToken kNoStop = StopToken::Unstoppable();

// Collections "a/docs" and "b/docs", alike at first; the model is what a std::map would hold.
class SyncTest : public ::testing::Test {
 protected:
  SyncTest() {
    points_ = generator_.points(config_, 400);
    must(testing::fill(a(), "docs", config_, points_));
    must(testing::fill(b(), "docs", config_, points_));
  }

  Backend& a() { return work_.places.place("a"); }
  Backend& b() { return work_.places.place("b"); }
  Desk desk() { return {.places = work_.places, .progress = work_.progress}; }

  SyncRequest request() {
    return {.source = work_.places.end("a/docs"), .target = work_.places.end("b/docs")};
  }
  TwoWayRequest both(const std::string& preference) {
    return {.left = work_.places.end("a/docs"),
            .right = work_.places.end("b/docs"),
            .preference = parse_preference(preference).ValueOrDie()};
  }

  void upsert(Backend& place, const std::vector<TestPoint>& points) {
    const auto writer = place.open_writer("docs", kNoStop).ValueOrDie();
    must(writer->upsert(*testing::to_batch(config_, points)));
    must(writer->checkpoint());
  }
  static void remove(Backend& place, const std::vector<PointId>& ids) {
    const auto writer = place.open_writer("docs", kNoStop).ValueOrDie();
    must(writer->remove(ids));
    must(writer->checkpoint());
  }
  static PointMap all(Backend& place) { return testing::read_all(place, "docs").ValueOrDie(); }

  OperationEnd run(const OperationPlan& plan) {
    auto end = work_.run(plan).ValueOrDie();
    EXPECT_EQ(end.state, OperationState::kDone) << end.error.ToString();
    return end;
  }
  void undo(const OperationEnd& end) {
    const auto undone = undo_operation(end.id, IfChanged::kRefuse, work_.shop()).ValueOrDie();
    EXPECT_EQ(undone.state, OperationState::kUndone) << undone.error.ToString();
  }

  Generator generator_{21};
  CollectionConfig config_ = Generator::every_kind();
  std::vector<TestPoint> points_;
  testing::MemoryWorkshop work_;
};

TEST_F(SyncTest, NothingToDoIsNoOperation) {
  const auto plan = plan_sync(request(), desk()).ValueOrDie();
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_FALSE(plan.destructive);
}

TEST_F(SyncTest, ATargetThatIsNotThereIsMade) {
  auto wanted = request();
  wanted.target = work_.places.end("b/new");
  const auto end = run(plan_sync(wanted, desk()).ValueOrDie());
  EXPECT_TRUE(testing::same_collections(a(), "docs", b(), "new"));
  undo(end);
  EXPECT_EQ(kind_of(b().describe("new", kNoStop).status()), ErrorKind::kNotFound);
}

TEST_F(SyncTest, WritesOnlyWhatDiffersAndComesBack) {
  const PointMap before = all(b());
  // Two changed, one new, three gone.
  TestPoint changed = points_[10];
  changed.payload = R"({"changed":true})";
  TestPoint other = points_[20];
  other.vectors = points_[21].vectors;
  const TestPoint fresh{.id = PointId::of(uint64_t{424242}), .payload = R"({"new":1})"};
  upsert(a(), {changed, other, fresh});
  remove(a(), {points_[1].id, points_[2].id, points_[3].id});

  auto plan = plan_sync(request(), desk()).ValueOrDie();
  EXPECT_EQ(plan.points, 3U);
  EXPECT_FALSE(plan.destructive) << "nothing is removed without --delete";
  EXPECT_NE(plan.notes.front().find("3 points that only the target has"), std::string::npos);
  auto end = run(plan);
  EXPECT_EQ(nlohmann::json::parse(end.receipt)["points"], 3);
  EXPECT_EQ(all(b()).size(), before.size() + 1);
  undo(end);
  EXPECT_TRUE(testing::same_points(before, all(b())));

  auto wanted = request();
  wanted.remove = true;
  plan = plan_sync(wanted, desk()).ValueOrDie();
  EXPECT_TRUE(plan.destructive);
  end = run(plan);
  EXPECT_TRUE(testing::same_points(all(a()), all(b())));
  undo(end);
  EXPECT_TRUE(testing::same_points(before, all(b())));
}

TEST_F(SyncTest, RefusesToRemoveMoreThanAllowed) {
  std::vector<PointId> gone;
  for (size_t i = 0; i < 41; ++i) {
    gone.push_back(points_[i].id);
  }
  remove(a(), gone);
  auto wanted = request();
  wanted.remove = true;
  const PointMap before = all(b());
  const auto refused = plan_sync(wanted, desk());
  ASSERT_EQ(kind_of(refused.status()), ErrorKind::kRefused);
  EXPECT_NE(refused.status().message().find("41 of 400"), std::string::npos);
  EXPECT_TRUE(testing::same_points(before, all(b())));
  wanted.limit = parse_delete_limit("41").ValueOrDie();
  EXPECT_TRUE(plan_sync(wanted, desk()).ok());
  wanted.limit = parse_delete_limit("11%").ValueOrDie();
  run(plan_sync(wanted, desk()).ValueOrDie());
  EXPECT_TRUE(testing::same_points(all(a()), all(b())));
}

TEST_F(SyncTest, LimitsAsPeopleWriteThem) {
  EXPECT_EQ(parse_delete_limit("25%").ValueOrDie().share, 0.25);
  EXPECT_EQ(parse_delete_limit("7").ValueOrDie().points, 7U);
  EXPECT_EQ(parse_delete_limit("0%").ValueOrDie().share, 0.0);
  for (const char* wrong : {"", "%", "x", "-1", "101%", "5 %", "1.5"}) {
    EXPECT_EQ(kind_of(parse_delete_limit(wrong).status()), ErrorKind::kUsage) << wrong;
  }
}

TEST_F(SyncTest, MissingPayloadIndexesAreBuiltOnRequest) {
  auto indexed = config_;
  indexed.payload_indexes.push_back({.path = "extra", .schema_json = R"("keyword")"});
  must(a().finish("docs", indexed, kNoStop));
  EXPECT_TRUE(plan_sync(request(), desk()).ValueOrDie().steps.empty());
  auto wanted = request();
  wanted.settings = true;
  run(plan_sync(wanted, desk()).ValueOrDie());
  EXPECT_EQ(b().describe("docs", kNoStop).ValueOrDie().payload_indexes,
            a().describe("docs", kNoStop).ValueOrDie().payload_indexes);
}

TEST_F(SyncTest, OtherVectorsAreRefusedWithATable) {
  auto other = default_config({{.name = "", .dim = 3}});
  must(testing::fill(b(), "other", other, {}));
  auto wanted = request();
  wanted.target = work_.places.end("b/other");
  const auto refused = plan_sync(wanted, desk());
  ASSERT_EQ(kind_of(refused.status()), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(refused.status()).where.find("target has"), std::string::npos);
}

// Random histories against a map: after a sync with removal both sides are the same map, and after
// its undo the target is the map that it was.
TEST_F(SyncTest, RandomChangesAgainstAModel) {
  for (uint64_t round = 0; round < 25; ++round) {
    SCOPED_TRACE(::testing::Message() << "round " << round);
    PointMap model = all(a());
    for (Backend* place : {&a(), &b()}) {
      std::vector<TestPoint> changed;
      std::vector<PointId> removed;
      for (uint64_t i = generator_.below(12); i > 0; --i) {
        TestPoint point = generator_.point(config_);
        if (generator_.chance(2)) {
          point.id = points_[generator_.below(points_.size())].id;
        }
        changed.push_back(point);
      }
      for (uint64_t i = generator_.below(8); i > 0; --i) {
        removed.push_back(points_[generator_.below(points_.size())].id);
      }
      for (const auto& point : changed) {
        upsert(*place, {point});
      }
      remove(*place, removed);
      if (place == &a()) {
        for (const auto& point : changed) {
          model[{point.id, point.shard_key}] = point;
        }
        for (const auto& id : removed) {
          model.erase({id, std::nullopt});
        }
      }
    }
    const PointMap before = all(b());
    auto wanted = request();
    wanted.remove = true;
    wanted.limit = parse_delete_limit("100%").ValueOrDie();
    const auto plan = plan_sync(wanted, desk()).ValueOrDie();
    if (plan.steps.empty()) {
      EXPECT_TRUE(testing::same_points(model, before));
      continue;
    }
    const auto end = run(plan);
    ASSERT_TRUE(testing::same_points(model, all(b())));
    if (generator_.chance(2)) {
      undo(end);
      ASSERT_TRUE(testing::same_points(before, all(b())));
    }
  }
}

TestPoint at(TestPoint point, const std::string& payload) {
  point.payload = payload;
  return point;
}

TEST_F(SyncTest, BothWaysTheNewestStays) {
  upsert(a(), {at(points_[0], R"({"t":"2026-01-02"})"),
               at(points_[1], R"({"t":"2026-01-01"})"),
               at(points_[2], R"({"t":"2026-01-01"})"),
               at(points_[3], R"({"x":1})"),
               {.id = PointId::of(uint64_t{1001})}});
  upsert(b(), {at(points_[0], R"({"t":"2026-01-01"})"),
               at(points_[1], R"({"t":"2026-01-01T00:00:01Z"})"),
               at(points_[2], R"({"t":"2026-01-01","tie":1})"),
               at(points_[3], R"({"t":"2026-01-01"})"),
               {.id = PointId::of(uint64_t{1002})}});
  const PointMap left = all(a());
  const PointMap right = all(b());
  PointMap expected = left;
  expected.insert(right.begin(), right.end());
  for (const size_t from_right : {1, 3}) {
    const auto key = std::make_pair(points_[from_right].id, std::optional<std::string>());
    expected[key] = right.at(key);
  }
  const auto plan = plan_two_way(both("newest:t"), desk()).ValueOrDie();
  const auto details = nlohmann::json::parse(plan.details);
  EXPECT_EQ(details["conflicts"], 4);
  EXPECT_EQ(details["right_wins"], 2);
  const auto end = run(plan);
  EXPECT_TRUE(testing::same_points(expected, all(a())));
  EXPECT_TRUE(testing::same_points(expected, all(b())));
  const auto report = nlohmann::json::parse(
      read_file(work_.journal->files_of(end.id) / "conflicts.json").ValueOrDie());
  EXPECT_EQ(report["conflicts"].size(), 4U);
  undo(end);
  EXPECT_TRUE(testing::same_points(left, all(a())));
  EXPECT_TRUE(testing::same_points(right, all(b())));
}

TEST_F(SyncTest, BothWaysASideIsPreferred) {
  upsert(a(), {at(points_[5], R"({"side":"left"})")});
  upsert(b(), {at(points_[5], R"({"side":"right"})")});
  const auto key = std::make_pair(points_[5].id, std::optional<std::string>());
  const auto end = run(plan_two_way(both("right"), desk()).ValueOrDie());
  EXPECT_EQ(all(a()).at(key).payload, R"({"side":"right"})");
  undo(end);
  run(plan_two_way(both("left"), desk()).ValueOrDie());
  EXPECT_EQ(all(b()).at(key).payload, R"({"side":"left"})");
  EXPECT_TRUE(testing::same_points(all(a()), all(b())));
}

TEST_F(SyncTest, AFieldThatIsNoMomentIsNamed) {
  upsert(a(), {at(points_[5], R"({"t":"yesterday"})")});
  const auto refused = plan_two_way(both("newest:t"), desk());
  ASSERT_EQ(kind_of(refused.status()), ErrorKind::kIncompatible);
  EXPECT_NE(refused.status().message().find("yesterday"), std::string::npos);
  upsert(a(), {at(points_[5], R"({"t":5})")});
  upsert(b(), {at(points_[5], R"({"t":"2026-01-01"})")});
  EXPECT_EQ(kind_of(plan_two_way(both("newest:t"), desk()).status()), ErrorKind::kIncompatible);
  for (const char* wrong : {"", "newest", "newest:", "up", "newest:a[.b"}) {
    EXPECT_EQ(kind_of(parse_preference(wrong).status()), ErrorKind::kUsage) << wrong;
  }
}

}  // namespace
}  // namespace vecferry
