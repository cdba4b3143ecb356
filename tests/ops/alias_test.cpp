#include "vecferry/ops/alias.h"

#include <gtest/gtest.h>

#include "tests/ops/memory_places.h"
#include "tests/support/backends.h"
#include "vecferry/ops/alias_map.h"

namespace vecferry {
namespace {

using testing::Generator;
using testing::must;

const StopToken kNoStop = StopToken::Unstoppable();
using Aliases = std::map<std::string, std::string>;

class AliasTest : public ::testing::Test {
 protected:
  AliasTest() {
    Generator generator(3);
    const auto config = Generator::every_kind();
    must(testing::fill(place(), "old", config, generator.points(config, 5)));
    must(testing::fill(place(), "new", config, generator.points(config, 5)));
    must(testing::fill(place(), "empty", config, {}));
  }

  Backend& place() { return work_.places.place("p"); }
  Aliases aliases() { return alias_map(place(), kNoStop).ValueOrDie(); }
  Result<OperationPlan> plan(const std::string& alias, std::optional<std::string> collection,
                             bool careful = false) {
    return plan_alias({.alias = work_.places.end("p/" + alias),
                       .collection = std::move(collection),
                       .careful = careful},
                      kNoStop);
  }
  OperationEnd run(const OperationPlan& plan) { return work_.run(plan).ValueOrDie(); }

  testing::MemoryWorkshop work_;
};

TEST_F(AliasTest, IsSetMovedRemovedAndPutBack) {
  const auto set = run(plan("live", "old").ValueOrDie());
  EXPECT_EQ(aliases(), (Aliases{{"live", "old"}}));
  const auto moved = run(plan("live", "new", true).ValueOrDie());
  EXPECT_EQ(aliases(), (Aliases{{"live", "new"}}));
  const auto dropped = run(plan("live", std::nullopt).ValueOrDie());
  EXPECT_TRUE(aliases().empty());
  for (const auto& [end, after] :
       {std::pair(dropped, Aliases{{"live", "new"}}), std::pair(moved, Aliases{{"live", "old"}}),
        std::pair(set, Aliases{})}) {
    EXPECT_EQ(undo_operation(end.id, IfChanged::kRefuse, work_.shop()).ValueOrDie().state,
              OperationState::kUndone);
    EXPECT_EQ(aliases(), after);
  }
}

TEST_F(AliasTest, OneThatLeadsThereAlreadyIsNoWork) {
  run(plan("live", "old").ValueOrDie());
  EXPECT_TRUE(plan("live", "old").ValueOrDie().steps.empty());
}

TEST_F(AliasTest, ASwitchLooksBeforeItLeaps) {
  run(plan("live", "old").ValueOrDie());
  EXPECT_EQ(kind_of(plan("live", "empty", true).status()), ErrorKind::kRefused);
  EXPECT_TRUE(plan("live", "empty", false).ok());
  EXPECT_EQ(kind_of(plan("live", "none", true).status()), ErrorKind::kNotFound);
  EXPECT_EQ(aliases(), (Aliases{{"live", "old"}}));
}

TEST_F(AliasTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(kind_of(plan("old", "new").status()), ErrorKind::kExists);
  EXPECT_EQ(kind_of(plan("none", std::nullopt).status()), ErrorKind::kNotFound);
  run(plan("live", "old").ValueOrDie());
  EXPECT_EQ(kind_of(plan("other", "live").status()), ErrorKind::kUsage) << "an alias of an alias";
}

}  // namespace
}  // namespace vecferry
