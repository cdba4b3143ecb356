#include "vecferry/base/process_identity.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vecferry::testing {
namespace {

TEST(ProcessIdentity, ThisProcessLives) {
  const auto owner = this_process();
  EXPECT_EQ(owner.pid, getpid());
  EXPECT_GT(owner.started, 0U);
  EXPECT_FALSE(owner.boot_id.empty());
  EXPECT_FALSE(has_died(owner));
}

TEST(ProcessIdentity, AProcessThatHasEndedIsDead) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  auto owner = this_process();
  owner.pid = child;
  EXPECT_TRUE(has_died(owner));
}

TEST(ProcessIdentity, ANumberThatIsUsedAgainIsAnotherProcess) {
  auto owner = this_process();
  --owner.started;
  EXPECT_TRUE(has_died(owner));
}

TEST(ProcessIdentity, WhatCannotBeKnownIsTakenForAlive) {
  auto far = this_process();
  far.host = "elsewhere";
  far.started = 1;
  EXPECT_FALSE(has_died(far));
  auto contained = this_process();
  contained.pid_namespace = "pid:[1]";
  contained.started = 1;
  EXPECT_FALSE(has_died(contained));
  EXPECT_FALSE(has_died({}));
  auto before_boot = this_process();
  before_boot.boot_id = "another";
  EXPECT_TRUE(has_died(before_boot));
}

}  // namespace
}  // namespace vecferry::testing
