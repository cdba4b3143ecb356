#include "vecferry/ops/operation.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/support/backends.h"
#include "tests/support/faulty_backend.h"
#include "tests/support/temp_dir.h"
#include "vecferry/backends/files/open_file.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/journal/locks.h"
#include "vecferry/ops/alias_map.h"
#include "vecferry/ops/clone.h"
#include "vecferry/ops/drop.h"
#include "vecferry/ops/plan_load.h"
#include "vecferry/ops/rename.h"

namespace vecferry {
namespace {

using testing::Call;
using testing::Faults;
using testing::FaultyBackend;
using testing::Generator;
using testing::must;
using testing::PointMap;
using testing::TempDir;
using testing::TestPoint;

const StopToken kNoStop = StopToken::Unstoppable();

// What a person would find when looking at a place.
struct Look {
  std::map<std::string, std::string> configs{};
  std::map<std::string, PointMap> points{};
  std::map<std::string, std::string> aliases{};
};

Look look_at(Backend& backend) {
  Look look;
  for (const auto& collection : backend.list(kNoStop).ValueOrDie()) {
    auto config = backend.describe(collection.name, kNoStop).ValueOrDie();
    config.aliases.clear();
    look.configs[collection.name] = to_json(config);
    look.points[collection.name] = testing::read_all(backend, collection.name).ValueOrDie();
  }
  look.aliases = alias_map(backend, kNoStop).ValueOrDie();
  return look;
}

::testing::AssertionResult same(const Look& expected, const Look& got) {
  if (expected.configs != got.configs) {
    std::string names;
    for (const auto& [name, config] : got.configs) {
      names += " " + name;
    }
    return ::testing::AssertionFailure() << "other collections or settings:" << names;
  }
  if (expected.aliases != got.aliases) {
    return ::testing::AssertionFailure() << "other aliases";
  }
  for (const auto& [name, points] : expected.points) {
    const auto equal = testing::same_points(points, got.points.at(name));
    if (!equal) {
      return equal;
    }
  }
  return ::testing::AssertionSuccess();
}

// One place with collections "docs" (aliases "live" and "latest") and "other"; its journal.
class World : public PlaceOpener {
 public:
  World() {
    Generator generator(11);
    config_ = Generator::every_kind();
    config_.aliases.clear();
    must(testing::fill(*memory_, "docs", config_, generator.points(config_, 200)));
    must(testing::fill(*memory_, "other", config_, generator.points(config_, 20)));
    const std::vector<AliasChange> aliases = {{.alias = "live", .collection = "docs"},
                                              {.alias = "latest", .collection = "docs"}};
    must(memory_->change_aliases(aliases, kNoStop));
    journal_ = Journal::open(dir_.path() / "j").ValueOrDie();
  }

  Result<OpenedEnd> open_source(const std::string& address, const ReadingOptions& /*options*/,
                                StopToken stop) override {
    return open(address, false, stop);
  }
  Result<OpenedEnd> open_target(const std::string& address, bool /*build_index*/,
                                StopToken stop) override {
    return open(address, true, stop);
  }

  OpenedEnd end(const std::string& name) {
    return open("memory:x/" + name, true, kNoStop).ValueOrDie();
  }
  Workshop shop(StopToken stop = kNoStop) {
    return {.journal = *journal_, .places = *this, .progress = progress_, .stop = stop};
  }
  Look look() { return look_at(*memory_); }

  Backend& memory() { return *memory_; }
  Faults& faults() { return faults_; }
  Journal& journal() { return *journal_; }
  const CollectionConfig& config() const { return config_; }
  bool has_backup(const std::string& id) {
    return std::filesystem::exists(journal_->files_of(id) / "backup-0.parquet");
  }

 private:
  Result<OpenedEnd> open(const std::string& address, bool write, const StopToken& stop) {
    constexpr std::string_view kPlace = "memory:x/";
    OpenedEnd end{.label = address, .address = address};
    if (address.starts_with(kPlace)) {
      end.backend = faulty_;
      end.collection = address.substr(kPlace.size());
      return end;
    }
    const FileOptions options{.collection_name = "backup", .write = write};
    ARROW_ASSIGN_OR_RAISE(end.backend, open_file(address, options));
    end.collection = "backup";
    if (!write) {
      ARROW_ASSIGN_OR_RAISE(end.collection,
                            collection_name_of(*end.backend, address, options, stop));
    }
    return end;
  }

  TempDir dir_;
  CollectionConfig config_;
  std::shared_ptr<Backend> memory_ = memory_backend();
  Faults faults_;
  std::shared_ptr<Backend> faulty_ = std::make_shared<FaultyBackend>(*memory_, faults_);
  std::unique_ptr<Journal> journal_;
  Progress progress_;
};

struct Verb {
  const char* name;
  std::function<Result<OperationPlan>(World&)> plan;
  std::function<void(const Look& before, Look* look)> effect;  // what it does to a look
};

void PrintTo(const Verb& verb, std::ostream* out) {
  *out << verb.name;
}

void move(Look* look, const std::string& from, const std::string& to) {
  look->configs[to] = look->configs[from];
  look->points[to] = look->points[from];
  look->configs.erase(from);
  look->points.erase(from);
}

std::vector<Verb> verbs() {
  return {
      {"clone",
       [](World& world) {
         return plan_clone({.source = world.end("docs"), .target = world.end("copy")}, world,
                           kNoStop);
       },
       [](const Look& before, Look* look) {
         look->configs["copy"] = before.configs.at("docs");
         look->points["copy"] = before.points.at("docs");
       }},
      {"clone_with_aliases",
       [](World& world) {
         return plan_clone(
             {.source = world.end("docs"), .target = world.end("copy"), .aliases = true}, world,
             kNoStop);
       },
       [](const Look& before, Look* look) {
         look->configs["copy"] = before.configs.at("docs");
         look->points["copy"] = before.points.at("docs");
         look->aliases = {{"live", "copy"}, {"latest", "copy"}};
       }},
      {"rename",
       [](World& world) {
         return plan_rename({.source = world.end("docs"), .new_name = "new"}, world, kNoStop);
       },
       [](const Look& /*before*/, Look* look) {
         move(look, "docs", "new");
         look->aliases = {{"live", "new"}, {"latest", "new"}};
       }},
      {"rename_keeping_alias",
       [](World& world) {
         return plan_rename({.source = world.end("docs"), .new_name = "new", .keep_alias = true},
                            world, kNoStop);
       },
       [](const Look& /*before*/, Look* look) {
         move(look, "docs", "new");
         look->aliases = {{"live", "new"}, {"latest", "new"}, {"docs", "new"}};
       }},
      {"drop", [](World& world) { return plan_drop({.target = world.end("docs")}, kNoStop); },
       [](const Look& /*before*/, Look* look) {
         look->configs.erase("docs");
         look->points.erase("docs");
         look->aliases.clear();
       }},
      {"empty", [](World& world) { return plan_empty({.target = world.end("docs")}, kNoStop); },
       [](const Look& /*before*/, Look* look) { look->points["docs"].clear(); }},
  };
}

class OperationTest : public ::testing::TestWithParam<Verb> {};
INSTANTIATE_TEST_SUITE_P(Verbs, OperationTest, ::testing::ValuesIn(verbs()),
                         [](const auto& verb) { return std::string(verb.param.name); });

Look after(const Verb& verb, const Look& before) {
  Look look = before;
  verb.effect(before, &look);
  return look;
}

TEST_P(OperationTest, DoesWhatItSaysAndComesBack) {
  World world;
  const Look before = world.look();
  const auto plan = GetParam().plan(world).ValueOrDie();
  EXPECT_TRUE(same(before, world.look())) << "a plan has written something";
  const auto end = run_operation(plan, world.shop()).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  EXPECT_TRUE(same(after(GetParam(), before), world.look()));
  const auto receipt = nlohmann::json::parse(end.receipt);
  EXPECT_EQ(receipt["operation"], end.id);
  EXPECT_TRUE(receipt["verified"].get<bool>());

  EXPECT_EQ(kind_of(resume_operation(end.id, world.shop()).status()), ErrorKind::kUsage);
  const auto undone = undo_operation(end.id, IfChanged::kRefuse, world.shop()).ValueOrDie();
  ASSERT_EQ(undone.state, OperationState::kUndone) << undone.error.ToString();
  EXPECT_TRUE(same(before, world.look()));
  EXPECT_FALSE(world.has_backup(end.id));
  EXPECT_EQ(kind_of(undo_operation(end.id, IfChanged::kRefuse, world.shop()).status()),
            ErrorKind::kUsage);
}

const std::vector<Call> kCalls = {
    Call::kList,          Call::kDescribe, Call::kCreate,     Call::kDrop,     Call::kFinish,
    Call::kChangeAliases, Call::kPlanScan, Call::kOpenReader, Call::kReadNext, Call::kOpenWriter,
    Call::kUpsert,        Call::kRemove,   Call::kCheckpoint};

enum class When { kBefore, kAfter };

// Calls `check` with a world in which the n-th call of a kind goes wrong while the plan is carried
// out, for every kind and n that there are; returns how many there were.
int with_every_fault(const Verb& verb, const Status& error,
                     const std::function<void(World&, const OperationEnd&, const Look&)>& check) {
  int faults = 0;
  for (const auto call : kCalls) {
    for (const auto when : {When::kBefore, When::kAfter}) {
      for (int nth = 1;; ++nth) {
        World world;
        const Look before = world.look();
        const auto plan = verb.plan(world).ValueOrDie();
        const int target = world.faults().calls(call) + nth;
        when == When::kBefore ? world.faults().fail_on(call, target, error)
                              : world.faults().fail_after(call, target, error);
        const auto end = run_operation(plan, world.shop()).ValueOrDie();
        if (end.state == OperationState::kDone) {
          break;  // there are fewer such calls
        }
        ++faults;
        SCOPED_TRACE(::testing::Message() << "call " << static_cast<int>(call) << " nth " << nth
                                          << " " << (when == When::kBefore ? "before" : "after"));
        check(world, end, before);
        if (::testing::Test::HasFailure()) {
          return faults;
        }
      }
    }
  }
  return faults;
}

// Whatever goes wrong, and whenever: all is as before, and the error is the first one.
TEST_P(OperationTest, AnErrorTakesEverythingBack) {
  const Status error = fail({.kind = ErrorKind::kCorrupt, .what = "a fault of the test"});
  const int faults = with_every_fault(
      GetParam(), error, [](World& world, const OperationEnd& end, const Look& before) {
        EXPECT_EQ(end.state, OperationState::kFailed) << end.error.ToString();
        EXPECT_EQ(failure_of(end.error).what, "a fault of the test");
        EXPECT_TRUE(same(before, world.look()));
        EXPECT_FALSE(world.has_backup(end.id));
      });
  EXPECT_GE(faults, 10);
}

// A place that goes away: the operation stops, and goes on when the place is back.
TEST_P(OperationTest, AnOutageIsResumed) {
  const Status error = fail({.kind = ErrorKind::kUnavailable, .what = "gone"});
  const int faults = with_every_fault(
      GetParam(), error, [this](World& world, const OperationEnd& end, const Look& before) {
        EXPECT_EQ(end.state, OperationState::kStopped);
        EXPECT_NE(failure_of(end.error).next.find("resume " + end.id), std::string::npos);
        const auto resumed = resume_operation(end.id, world.shop()).ValueOrDie();
        EXPECT_EQ(resumed.state, OperationState::kDone) << resumed.error.ToString();
        EXPECT_TRUE(same(after(GetParam(), before), world.look()));
        const auto receipt = nlohmann::json::parse(resumed.receipt);
        EXPECT_TRUE(receipt["verified"].get<bool>());
      });
  EXPECT_GE(faults, 10);
}

TEST_P(OperationTest, AnOutageIsUndone) {
  const Status error = fail({.kind = ErrorKind::kTimeout, .what = "slow"});
  with_every_fault(
      GetParam(), error, [](World& world, const OperationEnd& end, const Look& before) {
        EXPECT_EQ(end.state, OperationState::kStopped);
        const auto undone = undo_operation(end.id, IfChanged::kRefuse, world.shop()).ValueOrDie();
        EXPECT_EQ(undone.state, OperationState::kUndone) << undone.error.ToString();
        EXPECT_TRUE(same(before, world.look()));
      });
}

// The way back may be cut off too, anywhere.
TEST_P(OperationTest, AnUndoThatFailsGoesOn) {
  for (const auto call : kCalls) {
    for (int nth = 1;; ++nth) {
      World world;
      const Look before = world.look();
      const auto plan = GetParam().plan(world).ValueOrDie();
      const auto end = run_operation(plan, world.shop()).ValueOrDie();
      ASSERT_EQ(end.state, OperationState::kDone);
      world.faults().fail_after(
          call, world.faults().calls(call) + nth,
          fail({.kind = ErrorKind::kUnavailable, .what = "a fault of the test"}));
      auto undone = undo_operation(end.id, IfChanged::kRefuse, world.shop());
      if (undone.ok() && undone->state == OperationState::kUndone) {
        EXPECT_TRUE(same(before, world.look()));
        break;
      }
      SCOPED_TRACE(::testing::Message() << "call " << static_cast<int>(call) << " nth " << nth);
      undone = undo_operation(end.id, IfChanged::kRefuse, world.shop());
      ASSERT_TRUE(undone.ok()) << undone.status().ToString();
      ASSERT_EQ(undone->state, OperationState::kUndone) << undone->error.ToString();
      ASSERT_TRUE(same(before, world.look()));
    }
  }
}

TEST_P(OperationTest, AStopIsTakenBack) {
  World world;
  const Look before = world.look();
  const auto plan = GetParam().plan(world).ValueOrDie();
  arrow::StopSource stop;
  world.faults().stop_on(Call::kReadNext, world.faults().calls(Call::kReadNext) + 2, &stop);
  const auto end = run_operation(plan, world.shop(stop.token())).ValueOrDie();
  EXPECT_EQ(end.state, OperationState::kFailed);
  EXPECT_EQ(kind_of(end.error), ErrorKind::kCancelled);
  EXPECT_TRUE(same(before, world.look()));
}

TEST(Operation, TwoOnOneTargetDoNotMeet) {
  World world;
  const auto plan = plan_drop({.target = world.end("docs")}, kNoStop).ValueOrDie();
  const auto locks =
      OperationLocks::acquire(world.journal().folder(), "another", plan.locks).ValueOrDie();
  const Look before = world.look();
  EXPECT_EQ(kind_of(run_operation(plan, world.shop()).status()), ErrorKind::kConflict);
  EXPECT_TRUE(same(before, world.look()));
  EXPECT_TRUE(world.journal().list(0).ValueOrDie().empty());
}

TestPoint another_point() {
  return {.id = PointId::of(uint64_t{987654321}), .payload = R"({"late":true})"};
}

void write_late(World& world, const std::string& collection) {
  const auto writer = world.memory().open_writer(collection, kNoStop).ValueOrDie();
  must(writer->upsert(*testing::to_batch(world.config(), {another_point()})));
  must(writer->checkpoint());
}

// A write that comes between the copy and the drop is not lost with the old collection.
TEST(Operation, WhatWasWrittenToAfterTheCopyIsNotDropped) {
  World world;
  auto plan =
      plan_rename({.source = world.end("docs"), .new_name = "new"}, world, kNoStop).ValueOrDie();
  const int changes = world.faults().calls(Call::kChangeAliases);
  world.faults().fail_after(Call::kChangeAliases, changes + 1,
                            fail({.kind = ErrorKind::kUnavailable, .what = "gone for a moment"}));
  const auto stopped = run_operation(plan, world.shop()).ValueOrDie();
  ASSERT_EQ(stopped.state, OperationState::kStopped);
  write_late(world, "docs");
  const auto end = resume_operation(stopped.id, world.shop()).ValueOrDie();
  EXPECT_EQ(end.state, OperationState::kFailed);
  EXPECT_EQ(kind_of(end.error), ErrorKind::kRefused);
  const Look look = world.look();
  EXPECT_EQ(look.points.at("docs").size(), 201U);
  EXPECT_EQ(look.points.count("new"), 0U);
  EXPECT_EQ(look.aliases.at("live"), "docs");
}

TEST(Operation, UndoDoesNotLoseWhatWasWrittenSince) {
  World world;
  const auto plan =
      plan_clone({.source = world.end("docs"), .target = world.end("copy")}, world, kNoStop)
          .ValueOrDie();
  const auto end = run_operation(plan, world.shop()).ValueOrDie();
  write_late(world, "copy");
  const auto refused = undo_operation(end.id, IfChanged::kRefuse, world.shop());
  ASSERT_EQ(kind_of(refused.status()), ErrorKind::kRefused);
  EXPECT_EQ(world.look().points.at("copy").size(), 201U);
  EXPECT_EQ(undo_operation(end.id, IfChanged::kLose, world.shop()).ValueOrDie().state,
            OperationState::kUndone);
  EXPECT_EQ(world.look().points.count("copy"), 0U);
}

TEST(Operation, AnAliasThatSomebodyMovedMeanwhileStays) {
  World world;
  const auto plan =
      plan_clone({.source = world.end("docs"), .target = world.end("copy"), .aliases = true}, world,
                 kNoStop)
          .ValueOrDie();
  const auto end = run_operation(plan, world.shop()).ValueOrDie();
  const AliasChange moved{.alias = "live", .collection = "other"};
  must(world.memory().change_aliases({&moved, 1}, kNoStop));
  ASSERT_EQ(undo_operation(end.id, IfChanged::kRefuse, world.shop()).ValueOrDie().state,
            OperationState::kUndone);
  EXPECT_EQ(world.look().aliases,
            (std::map<std::string, std::string>{{"live", "other"}, {"latest", "docs"}}));
}

// Somebody's collection that took the name meanwhile is neither filled nor dropped.
TEST(Operation, ACollectionOfSomebodyElseIsLeftAlone) {
  World world;
  const auto plan =
      plan_clone({.source = world.end("docs"), .target = world.end("copy")}, world, kNoStop)
          .ValueOrDie();
  must(testing::fill(world.memory(), "copy", world.config(), {another_point()}));
  const auto end = run_operation(plan, world.shop()).ValueOrDie();
  EXPECT_EQ(end.state, OperationState::kFailed);
  EXPECT_EQ(kind_of(end.error), ErrorKind::kExists);
  EXPECT_EQ(world.look().points.at("copy").size(), 1U);
}

TEST(Operation, WithoutABackupUndoSaysSo) {
  World world;
  const auto plan = plan_drop({.target = world.end("docs"), .backup = false}, kNoStop).ValueOrDie();
  const auto end = run_operation(plan, world.shop()).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone);
  const auto undone = undo_operation(end.id, IfChanged::kRefuse, world.shop());
  EXPECT_EQ(kind_of(undone.status()), ErrorKind::kRefused);
  EXPECT_EQ(world.journal().find(end.id).ValueOrDie().state, OperationState::kDone);
}

// A live source: what changes during the copy is followed, deletions included.
TEST(Operation, FollowsALiveSource) {
  World world;
  auto plan = plan_clone({.source = world.end("docs"), .target = world.end("copy"), .follow_up = 5},
                         world, kNoStop)
                  .ValueOrDie();
  world.faults().fail_after(Call::kFinish, world.faults().calls(Call::kFinish) + 1,
                            fail({.kind = ErrorKind::kUnavailable, .what = "gone"}));
  const auto stopped = run_operation(plan, world.shop()).ValueOrDie();
  ASSERT_EQ(stopped.state, OperationState::kStopped);
  write_late(world, "docs");
  const PointId first = world.look().points.at("docs").begin()->first.first;
  const auto writer = world.memory().open_writer("docs", kNoStop).ValueOrDie();
  must(writer->remove({&first, 1}));
  must(writer->checkpoint());
  const auto end = resume_operation(stopped.id, world.shop()).ValueOrDie();
  ASSERT_EQ(end.state, OperationState::kDone) << end.error.ToString();
  const Look look = world.look();
  EXPECT_TRUE(testing::same_points(look.points.at("docs"), look.points.at("copy")));
  EXPECT_NE(end.receipt.find("1 points upserted, 1 removed"), std::string::npos);
}

TEST(Operation, PlansRefuseWhatCannotBe) {
  World world;
  const auto kind = [](const Result<OperationPlan>& plan) { return kind_of(plan.status()); };
  const OpenedEnd docs = world.end("docs");
  EXPECT_EQ(kind(plan_rename({.source = docs, .new_name = "other"}, world, kNoStop)),
            ErrorKind::kExists);
  EXPECT_EQ(kind(plan_rename({.source = docs, .new_name = "docs"}, world, kNoStop)),
            ErrorKind::kUsage);
  EXPECT_EQ(kind(plan_rename({.source = docs, .new_name = "x/y"}, world, kNoStop)),
            ErrorKind::kUsage);
  EXPECT_EQ(kind(plan_rename({.source = world.end("live"), .new_name = "new"}, world, kNoStop)),
            ErrorKind::kUsage);
  EXPECT_EQ(kind(plan_rename({.source = world.end("none"), .new_name = "new"}, world, kNoStop)),
            ErrorKind::kNotFound);
  EXPECT_EQ(kind(plan_drop({.target = world.end("live")}, kNoStop)), ErrorKind::kUsage);
  EXPECT_EQ(kind(plan_drop({.target = world.end("none")}, kNoStop)), ErrorKind::kNotFound);
  EXPECT_EQ(kind(plan_clone({.source = docs, .target = world.end("live")}, world, kNoStop)),
            ErrorKind::kExists);
}

}  // namespace
}  // namespace vecferry
