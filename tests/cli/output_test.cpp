#include "vecferry/cli/output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "vecferry/cli/exit_code.h"

namespace vecferry {
namespace {

TEST(Format, NumbersForPeople) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1536), "1.5 kB");
  EXPECT_EQ(format_bytes(3'400'000), "3.4 MB");
  EXPECT_EQ(format_seconds(2.34), "2.3 s");
  EXPECT_EQ(format_seconds(125), "2 min 5 s");
  EXPECT_EQ(format_seconds(7260), "2 h 1 min");
}

TEST(Output, ErrorGoesToBothStreams) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Output({.json = true})
      .error({.kind = ErrorKind::kNotFound,
              .what = "no collection 'dosc'",
              .where = "local:a",
              .next = "`vecferry ls local:a`"},
             kExitNotFound);
  const std::string err = ::testing::internal::GetCapturedStderr();
  const auto json = nlohmann::json::parse(::testing::internal::GetCapturedStdout());
  EXPECT_NE(err.find("error: no collection 'dosc'"), std::string::npos);
  EXPECT_NE(err.find("  where: local:a\n  next:  `vecferry ls local:a`\n"), std::string::npos);
  EXPECT_EQ(json["type"], "error");
  EXPECT_EQ(json["kind"], "not_found");
  EXPECT_EQ(json["exit_code"], 5);
}

TEST(Output, QuietHoldsNotesBackButNoErrors) {
  ::testing::internal::CaptureStderr();
  const Output output({.quiet = true});
  output.note("a note\n");
  output.warning("a warning");
  output.error({.kind = ErrorKind::kIo, .what = "no space"}, kExitFailed);
  const std::string err = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(err.find("note"), std::string::npos);
  EXPECT_EQ(err.find("warning"), std::string::npos);
  EXPECT_NE(err.find("no space"), std::string::npos);
}

TEST(ExitCode, FollowsTheKind) {
  EXPECT_EQ(exit_code_for(ErrorKind::kUsage), 2);
  EXPECT_EQ(exit_code_for(ErrorKind::kNotFound), 5);
  EXPECT_EQ(exit_code_for(ErrorKind::kIncompatible), 6);
  EXPECT_EQ(exit_code_for(ErrorKind::kConflict), 7);
  EXPECT_EQ(exit_code_for(ErrorKind::kExists), 1);
  EXPECT_EQ(exit_code_for(ErrorKind::kInternal), 70);
}

}  // namespace
}  // namespace vecferry
