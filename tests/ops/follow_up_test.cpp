#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/ops/memory_places.h"
#include "tests/ops/merge_sources.h"
#include "tests/support/backends.h"
#include "tests/support/faulty_backend.h"
#include "vecferry/ops/clone.h"
#include "vecferry/ops/copy.h"
#include "vecferry/ops/repair.h"

/// Copies of a source that others write to meanwhile.
namespace vecferry {
namespace {

using testing::Faults;
using testing::FaultyBackend;
using testing::MemoryWorkshop;
using testing::must;
using testing::small_config;
using testing::small_point;
using testing::TestPoint;

const StopToken kNoStop = StopToken::Unstoppable();

// Does something when a collection is finished, and whenever one is about to be read.
class Watched : public FaultyBackend {
 public:
  Watched(Backend& inner, Faults& faults) : FaultyBackend(inner, faults) {}

  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(FaultyBackend::finish(name, config, stop));
    finished();
    return Status::OK();
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    reading();
    return FaultyBackend::open_reader(name, options, stop);
  }

  std::function<void()> finished = [] {};
  std::function<void()> reading = [] {};
};

class FollowUpTest : public ::testing::Test {
 protected:
  FollowUpTest() {
    std::vector<TestPoint> points;
    for (uint64_t id = 1; id <= 200; ++id) {
      points.push_back(small_point(id, static_cast<float>(id), R"({"v":1})"));
    }
    must(testing::fill(*source_, "docs", small_config(), points, 20));
  }

  void write(const TestPoint& point) {
    const auto writer = source_->open_writer("docs", kNoStop).ValueOrDie();
    must(writer->upsert(*testing::to_batch(small_config(), {point})));
  }
  void remove(uint64_t id) {
    const std::vector<PointId> ids = {PointId::of(id)};
    must(source_->open_writer("docs", kNoStop).ValueOrDie()->remove(ids));
  }
  // One of each: changed, gone, new.
  void move() {
    write(small_point(7, 70, R"({"v":2})"));
    remove(8);
    write(small_point(1000, 1, ""));
  }

  CopyRequest request(int passes) {
    return {.source = {.backend = &live_, .collection = "docs", .label = "memory:a/docs"},
            .target = {.backend = &watched_, .collection = "new", .label = "memory:b/new"},
            .follow_up = passes};
  }
  static Result<Receipt> copy(CopyRequest request) {
    Progress progress;
    ARROW_ASSIGN_OR_RAISE(const auto plan, plan_copy(std::move(request), kNoStop));
    return run_copy(plan, progress, kNoStop);
  }

  std::shared_ptr<Backend> source_ = memory_backend();
  std::shared_ptr<Backend> target_ = memory_backend();
  Faults faults_;
  Watched live_{*source_, faults_};
  Watched watched_{*target_, faults_};
};

TEST_F(FollowUpTest, ACopyFollowsUntilAPassFindsNothing) {
  watched_.finished = [this] { move(); };
  const auto receipt = copy(request(100)).ValueOrDie();
  EXPECT_TRUE(receipt.verified);
  EXPECT_EQ(receipt.digest.count, 200U);
  ASSERT_EQ(receipt.notes.size(), 1U);
  EXPECT_EQ(receipt.notes[0], "followed the live source in 1 pass: 2 points upserted, 1 removed");
  EXPECT_TRUE(testing::same_collections(*source_, "docs", *target_, "new"));
}

TEST_F(FollowUpTest, WithoutItWhatCameAfterIsNotThere) {
  watched_.finished = [this] { move(); };
  EXPECT_TRUE(copy(request(0)).ValueOrDie().verified) << "as of the moment it was read";
  EXPECT_FALSE(testing::same_collections(*source_, "docs", *target_, "new"));
}

TEST_F(FollowUpTest, AQuietSourceTakesNoPass) {
  const auto receipt = copy(request(100)).ValueOrDie();
  EXPECT_TRUE(receipt.verified);
  EXPECT_TRUE(receipt.notes.empty());
}

TEST_F(FollowUpTest, ASourceThatNeverRestsEndsWithTheLastPassAndSaysSo) {
  uint64_t next = 5000;
  live_.reading = [&] { write(small_point(next++, 1, "")); };
  const auto receipt = copy(request(3)).ValueOrDie();
  EXPECT_FALSE(receipt.verified);
  ASSERT_EQ(receipt.notes.size(), 2U);
  EXPECT_NE(receipt.notes[0].find("in 3 passes"), std::string::npos) << receipt.notes[0];
  EXPECT_NE(receipt.notes[1].find("still moving after the last pass"), std::string::npos);
}

TEST_F(FollowUpTest, IsRefusedWhereItWouldRemoveWhatIsNotItsOwn) {
  auto limited = request(5);
  limited.selection.limit = 10;
  EXPECT_EQ(kind_of(copy(std::move(limited)).status()), ErrorKind::kUsage);
  must(testing::fill(*target_, "new", small_config(), {}));
  auto into = request(5);
  into.into_existing = true;
  EXPECT_EQ(kind_of(copy(std::move(into)).status()), ErrorKind::kUsage);
  MemoryOptions written_once;
  written_once.capabilities.remove = false;
  const auto file = memory_backend(written_once);
  auto to_file = request(5);
  to_file.target.backend = file.get();
  const Status refused = copy(std::move(to_file)).status();
  EXPECT_EQ(kind_of(refused), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(refused).next, "");
}

TEST_F(FollowUpTest, ACloneFollowsToo) {
  MemoryWorkshop work;
  const std::shared_ptr<Backend> keep;  // the fixture owns them
  work.places.add("a", {keep, &live_});
  work.places.add("b", {keep, &watched_});
  watched_.finished = [this] { move(); };
  const auto plan = plan_clone({.source = work.places.end("a/docs"),
                                .target = work.places.end("b/new"),
                                .follow_up = 100},
                               work.places, kNoStop)
                        .ValueOrDie();
  const auto end = work.run(plan).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_TRUE(testing::same_collections(*source_, "docs", *target_, "new"));
  const auto receipt = nlohmann::json::parse(end.receipt);
  EXPECT_TRUE(receipt["verified"].get<bool>());
  EXPECT_NE(receipt["notes"].dump().find("2 points upserted, 1 removed"), std::string::npos);
  watched_.finished = [] {};
  EXPECT_EQ(undo_operation(end.id, IfChanged::kRefuse, work.shop()).ValueOrDie().state,
            OperationState::kUndone);
  EXPECT_TRUE(target_->list(kNoStop).ValueOrDie().empty());
}

}  // namespace
}  // namespace vecferry
