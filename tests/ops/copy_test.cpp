#include "vecferry/ops/copy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/backends.h"
#include "tests/support/faulty_backend.h"
#include "vecferry/backends/memory/memory_backend.h"

namespace vecferry {
namespace {

using testing::Call;
using testing::Generator;
using testing::must;

const StopToken kNoStop = StopToken::Unstoppable();

class CopyTest : public ::testing::Test {
 protected:
  CopyTest() {
    Generator generator(7);
    config_ = Generator::every_kind();
    config_.aliases = {"current"};
    points_ = generator.points(config_, 300);
    CollectionConfig without_aliases = config_;
    without_aliases.aliases.clear();
    must(testing::fill(*source_, "docs", without_aliases, points_));
    const AliasChange alias{.alias = "current", .collection = "docs"};
    must(source_->change_aliases({&alias, 1}, kNoStop));
  }

  CopyRequest request(Backend& target) const {
    return {.source = {.backend = source_.get(), .collection = "docs", .label = "memory:a/docs"},
            .target = {.backend = &target, .collection = "new", .label = "memory:b/new"}};
  }

  static Result<Receipt> copy(CopyRequest request, StopToken stop = kNoStop) {
    Progress progress;
    ARROW_ASSIGN_OR_RAISE(const auto plan, plan_copy(std::move(request), stop));
    return run_copy(plan, progress, stop);
  }

  CollectionConfig config_;
  std::vector<testing::TestPoint> points_;
  std::unique_ptr<Backend> source_ = memory_backend();
  std::unique_ptr<Backend> target_ = memory_backend();
};

TEST_F(CopyTest, ArrivesWholeAndProved) {
  const auto receipt = copy(request(*target_));
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_TRUE(receipt->verified);
  EXPECT_EQ(receipt->digest.count, 300U);
  EXPECT_TRUE(testing::same_collections(*source_, "docs", *target_, "new"));
  EXPECT_EQ(target_->describe("current", kNoStop).ValueOrDie().aliases,
            std::vector<std::string>{"current"});
}

TEST_F(CopyTest, AliasThatIsTakenStays) {
  must(testing::fill(*target_, "other", config_, {}));
  const AliasChange alias{.alias = "current", .collection = "other"};
  must(target_->change_aliases({&alias, 1}, kNoStop));
  const auto receipt = copy(request(*target_)).ValueOrDie();
  ASSERT_EQ(receipt.notes.size(), 1U);
  EXPECT_NE(receipt.notes[0].find("'current'"), std::string::npos);
  EXPECT_EQ(target_->describe("other", kNoStop).ValueOrDie().aliases.size(), 1U);
}

TEST_F(CopyTest, NeverOverwrites) {
  must(testing::fill(*target_, "new", config_, {points_[0]}));
  EXPECT_EQ(kind_of(copy(request(*target_)).status()), ErrorKind::kExists);
  EXPECT_EQ(target_->count("new", nullptr, kNoStop).ValueOrDie(), 1U);
}

TEST_F(CopyTest, IntoExistingReplacesAndKeepsTheRest) {
  Generator generator(8);
  auto extra = generator.point(config_);
  extra.id = PointId::of(~uint64_t{0});
  auto older = points_[3];
  older.payload = R"({"old":true})";
  must(testing::fill(*target_, "new", config_, {older, extra}));
  auto into = request(*target_);
  into.into_existing = true;
  const auto receipt = copy(into);
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_TRUE(receipt->verified);
  auto expected = points_;
  expected.push_back(extra);
  EXPECT_TRUE(testing::same_points(testing::map_of(expected),
                                   testing::read_all(*target_, "new").ValueOrDie()));
}

TEST_F(CopyTest, IntoOtherVectorsIsRefusedWithBothSides) {
  auto other = default_config({{"", VectorKind::kDense, ElementType::kFloat32, 3, Distance::kDot}});
  must(testing::fill(*target_, "new", other, {}));
  auto into = request(*target_);
  into.into_existing = true;
  const Status status = copy(into).status();
  EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(status).where.find("source has"), std::string::npos);
}

TEST_F(CopyTest, IntoExistingNeedsOne) {
  auto into = request(*target_);
  into.into_existing = true;
  EXPECT_EQ(kind_of(copy(into).status()), ErrorKind::kNotFound);
}

TEST_F(CopyTest, SelectionIsCopiedAndVerified) {
  auto some = request(*target_);
  some.selection.limit = 40;
  some.selection.vectors = std::vector<std::string>{""};
  some.selection.rename_vectors = {{"", "text"}};
  const auto receipt = copy(some);
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_EQ(receipt->digest.count, 40U);
  const auto config = target_->describe("new", kNoStop).ValueOrDie();
  ASSERT_EQ(config.vectors.size(), 1U);
  EXPECT_EQ(config.vectors[0].name, "text");
}

TEST_F(CopyTest, WithoutVerificationTheReceiptSaysSo) {
  testing::Faults faults;
  testing::FaultyBackend target(*target_, faults);
  auto quick = request(target);
  quick.verify = false;
  const auto receipt = copy(quick).ValueOrDie();
  EXPECT_FALSE(receipt.verified);
  EXPECT_EQ(to_json(receipt)["verified"], false);
  EXPECT_EQ(faults.calls(Call::kOpenReader), 0);
}

// Every call that a copy makes at the target may fail; what it made must be gone then.
class CopyFailing : public CopyTest, public ::testing::WithParamInterface<Call> {};

TEST_P(CopyFailing, LeavesNothingBehind) {
  testing::Faults faults;
  faults.fail_on(GetParam(), 1, fail({.kind = ErrorKind::kIo, .what = "disk full"}));
  testing::FaultyBackend target(*target_, faults);
  const auto receipt = copy(request(target));
  ASSERT_FALSE(receipt.ok());
  EXPECT_EQ(receipt.status().message(), "disk full");
  EXPECT_TRUE(target_->list(kNoStop).ValueOrDie().empty());
  EXPECT_EQ(kind_of(target_->describe("new", kNoStop).status()), ErrorKind::kNotFound);
}

INSTANTIATE_TEST_SUITE_P(EveryCall, CopyFailing,
                         ::testing::Values(Call::kCreate, Call::kOpenWriter, Call::kUpsert,
                                           Call::kCheckpoint, Call::kFinish, Call::kOpenReader,
                                           Call::kReadNext, Call::kChangeAliases));

TEST_F(CopyTest, AStopLeavesNothingBehind) {
  testing::Faults faults;
  faults.stall_on(Call::kUpsert, 1);
  testing::FaultyBackend target(*target_, faults);
  arrow::StopSource stop;
  const std::jthread person([&] {
    faults.wait_until_stalled();
    stop.RequestStop();
  });
  EXPECT_EQ(kind_of(copy(request(target), stop.token()).status()), ErrorKind::kCancelled);
  EXPECT_TRUE(target_->list(kNoStop).ValueOrDie().empty());
}

// A target that says yes and loses points: the read-back must find out which.
class LossyWriter : public PointWriter {
 public:
  LossyWriter(std::unique_ptr<PointWriter> inner, PointId lost)
      : inner_(std::move(inner)), lost_(lost) {}
  Status upsert(const arrow::RecordBatch& batch) override {
    ARROW_RETURN_NOT_OK(inner_->upsert(batch));
    return inner_->remove({&lost_, 1});
  }
  Status remove(std::span<const PointId> ids) override { return inner_->remove(ids); }
  Status checkpoint() override { return inner_->checkpoint(); }

 private:
  std::unique_ptr<PointWriter> inner_;
  PointId lost_;
};

class LossyBackend : public testing::FaultyBackend {
 public:
  LossyBackend(Backend& inner, testing::Faults& faults, PointId lost)
      : FaultyBackend(inner, faults), lost_(lost) {}
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto writer, FaultyBackend::open_writer(name, stop));
    return std::make_unique<LossyWriter>(std::move(writer), lost_);
  }

 private:
  PointId lost_;
};

TEST_F(CopyTest, ALostPointIsNamedAndTheTargetGone) {
  testing::Faults faults;
  LossyBackend target(*target_, faults, points_[42].id);
  const auto receipt = copy(request(target));
  ASSERT_FALSE(receipt.ok());
  EXPECT_EQ(kind_of(receipt.status()), ErrorKind::kCorrupt);
  EXPECT_NE(receipt.status().message().find("1 missing (" + to_string(points_[42].id) + ")"),
            std::string::npos)
      << receipt.status().message();
  EXPECT_TRUE(target_->list(kNoStop).ValueOrDie().empty());
}

TEST_F(CopyTest, ThePlanNamesChangesBeforeTheFirstWrite) {
  MemoryOptions engine_like;
  engine_like.capabilities.normalises_cosine = true;
  engine_like.capabilities.rounds_payload_floats = true;
  const auto target = memory_backend(engine_like);
  const auto plan = plan_copy(request(*target), kNoStop).ValueOrDie();
  EXPECT_GE(plan.transforms.size(), 2U);
  EXPECT_EQ(plan.expected_points, 300U);
  EXPECT_TRUE(target->list(kNoStop).ValueOrDie().empty());
  const auto json = to_json(plan);
  EXPECT_EQ(json["type"], "plan");
  EXPECT_EQ(json["points"], 300);
  EXPECT_EQ(json["transforms"].size(), plan.transforms.size());
}

TEST_F(CopyTest, TheReceiptListsOnlyWhatChangedAPoint) {
  MemoryOptions engine_like;
  engine_like.capabilities.normalises_cosine = true;
  engine_like.capabilities.rounds_payload_floats = true;
  const auto normal = memory_backend(engine_like);  // the source's are unit vectors already
  auto receipt = copy(request(*normal)).ValueOrDie();
  EXPECT_EQ(receipt.counts.at("vectors_normalised"), 0U);
  EXPECT_EQ(receipt.transforms, std::vector<std::string>{});

  Generator generator(8);
  const auto of_any_length = memory_backend();
  must(testing::fill(*of_any_length, "docs", config_,
                     generator.points(config_, 20, {.unit_cosine = false})));
  const auto target = memory_backend(engine_like);
  auto longer = request(*target);
  longer.source.backend = of_any_length.get();
  receipt = copy(longer).ValueOrDie();
  EXPECT_GT(receipt.counts.at("vectors_normalised"), 0U);
  ASSERT_EQ(receipt.transforms.size(), 1U);
  EXPECT_EQ(receipt.transforms[0].find("normalises the vector"), 0U) << receipt.transforms[0];
}

}  // namespace
}  // namespace vecferry
