#include "vecferry/archive/backup_id.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace vecferry::testing {
namespace {

const std::vector<std::string> kIds{"20261120T235959999Z-00000001", "20261121T000000000Z-0a000002",
                                    "20261121T120000000Z-0b000003", "20261123T132000123Z-1f2e3d4c",
                                    "20261123T132000123Z-1f2e3d4d"};

std::string picked(std::string_view when) {
  const auto id = pick_backup(kIds, when, "archive:x/docs");
  return id.ok() ? *id : std::string(to_string(kind_of(id.status())));
}

TEST(BackupId, NamesTheMomentInUtc) {
  const WallTime moment = WallTime(std::chrono::milliseconds(1795440000123));
  const std::string id = new_backup_id(moment);
  EXPECT_TRUE(is_backup_id(id)) << id;
  EXPECT_EQ(id.substr(0, 20), "20261123T132000123Z-");
  EXPECT_EQ(time_of_backup(id), "2026-11-23T13:20:00.123Z");
  EXPECT_EQ(moment_of_backup(id), moment);
}

TEST(BackupId, ManyOfOneMomentDiffer) {
  std::set<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    ids.insert(new_backup_id(WallTime()));
  }
  EXPECT_EQ(ids.size(), 200U);
}

TEST(BackupId, OtherWordsAreNone) {
  for (const char* text :
       {"", "archived", "20261123T132000123Z-1f2e3d4", "20261123T132000123Z-1F2E3D4C",
        "20261123T132000123Z-1f2e3d4cc", "2026-1123T132000123Z-1f2e3d4c"}) {
    EXPECT_FALSE(is_backup_id(text)) << text;
  }
}

TEST(PickBackup, NothingAndLatestAreTheNewest) {
  EXPECT_EQ(picked(""), kIds.back());
  EXPECT_EQ(picked("latest"), kIds.back());
}

TEST(PickBackup, ADateIsTheWholeDay) {
  EXPECT_EQ(picked("2026-11-20"), kIds[0]);
  EXPECT_EQ(picked("2026-11-21"), kIds[2]);
  EXPECT_EQ(picked("2026-11-22"), kIds[2]);
  EXPECT_EQ(picked("2027-01-01"), kIds.back());
  EXPECT_EQ(picked("2026-11-19"), "not_found");
}

TEST(PickBackup, AMomentIsTheNewestThatIsNotYounger) {
  EXPECT_EQ(picked("2026-11-21T00:00:00Z"), kIds[1]);
  EXPECT_EQ(picked("2026-11-20T23:59:59.999Z"), kIds[0]);
  EXPECT_EQ(picked("2026-11-21T11:59"), kIds[1]);
  EXPECT_EQ(picked("2026-11-21T12:00"), kIds[2]);
  EXPECT_EQ(picked("2026-11-21T13:00:00+01:00"), kIds[2]);
  EXPECT_EQ(picked("2026-11-21T12:59:59+01:00"), kIds[1]);
  EXPECT_EQ(picked("2026-11-20T23:59:59.998Z"), "not_found");
}

TEST(PickBackup, AnIdOrItsBeginning) {
  for (const auto& id : kIds) {
    EXPECT_EQ(picked(id), id);
  }
  EXPECT_EQ(picked("20261120"), kIds[0]);
  EXPECT_EQ(picked("20261121T12"), kIds[2]);
  EXPECT_EQ(picked("20261123T132000123Z-1f2e3d4c"), kIds[3]);
}

TEST(PickBackup, WhatIsAmbiguousOrAbsentSaysWhatThereIs) {
  const auto several = pick_backup(kIds, "20261123T13", "archive:x/docs");
  EXPECT_EQ(kind_of(several.status()), ErrorKind::kUsage);
  EXPECT_NE(failure_of(several.status()).next.find(kIds[3]), std::string::npos);
  const auto none = pick_backup(kIds, "2019", "archive:x/docs");
  EXPECT_EQ(kind_of(none.status()), ErrorKind::kNotFound);
  EXPECT_NE(failure_of(none.status()).next.find(kIds.back()), std::string::npos);
  EXPECT_EQ(picked("yesterday"), "usage");
  EXPECT_EQ(picked("2026-13-45"), "not_found");
  EXPECT_EQ(kind_of(pick_backup({}, "", "x").status()), ErrorKind::kNotFound);
}

RC_GTEST_PROP(BackupIdProperty, OrderIsThatOfTime, ()) {
  const auto millis = [] { return *rc::gen::inRange<int64_t>(0, 4102444800000); };
  const WallTime a = WallTime(std::chrono::milliseconds(millis()));
  const WallTime b = WallTime(std::chrono::milliseconds(millis()));
  RC_ASSERT(moment_of_backup(new_backup_id(a)) == a);
  RC_ASSERT(a == b || (a < b) == (new_backup_id(a) < new_backup_id(b)));
}

}  // namespace
}  // namespace vecferry::testing
