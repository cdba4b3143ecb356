#include "vecferry/base/near_miss.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace vecferry {
namespace {

constexpr std::array<std::string_view, 5> kVerbs = {"copy", "export", "import", "in", "verify"};

TEST(NearMiss, FindsTheWordThatWasMeant) {
  EXPECT_EQ(near_miss("cpoy", kVerbs), "copy");
  EXPECT_EQ(near_miss("exprot", kVerbs), "export");
  EXPECT_EQ(near_miss("imports", kVerbs), "import");
  EXPECT_EQ(near_miss("verfy", kVerbs), "verify");
  EXPECT_EQ(near_miss("ni", kVerbs), "in");
  EXPECT_EQ(near_miss("copy", kVerbs), "copy");
}

TEST(NearMiss, DoesNotGuessWildly) {
  EXPECT_EQ(near_miss("", kVerbs), "");
  EXPECT_EQ(near_miss("x", kVerbs), "");
  EXPECT_EQ(near_miss("delete", kVerbs), "");
  EXPECT_EQ(near_miss(std::string(1'000'000, 'c'), kVerbs), "");
  EXPECT_EQ(near_miss("copy", {}), "");
}

TEST(NearMiss, MakesTheEndOfASentence) {
  EXPECT_EQ(did_you_mean("cpoy", kVerbs), "; did you mean 'copy'?");
  EXPECT_EQ(did_you_mean("delete", kVerbs), "");
}

}  // namespace
}  // namespace vecferry
