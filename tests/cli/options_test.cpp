#include "vecferry/cli/options.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

TEST(ParseSize, ReadsTheUsualForms) {
  EXPECT_EQ(parse_size("1024").ValueOrDie(), 1024);
  EXPECT_EQ(parse_size("64k").ValueOrDie(), 64 << 10);
  EXPECT_EQ(parse_size("256MiB").ValueOrDie(), 256 << 20);
  EXPECT_EQ(parse_size("500M").ValueOrDie(), 500 << 20);
  EXPECT_EQ(parse_size("2GB").ValueOrDie(), int64_t{2} << 30);
  EXPECT_EQ(parse_size("7B").ValueOrDie(), 7);
}

TEST(ParseSize, RefusesTheRest) {
  for (const char* text : {"", "0", "-1", "x", "10X", "1.5G", "99999999999G", "MiB"}) {
    EXPECT_EQ(kind_of(parse_size(text).status()), ErrorKind::kUsage) << text;
  }
}

TEST(SelectionOptions, RenameNeedsAnEqualsSign) {
  const SelectionOptions good{.rename_vectors = {"old=new", "=text"}};
  const auto selection = good.parse();
  ASSERT_TRUE(selection.ok());
  EXPECT_EQ(selection->rename_vectors[0], (std::pair<std::string, std::string>("old", "new")));
  EXPECT_EQ(selection->rename_vectors[1], (std::pair<std::string, std::string>("", "text")));
  const SelectionOptions bad{.rename_vectors = {"oldnew"}};
  EXPECT_EQ(kind_of(bad.parse().status()), ErrorKind::kUsage);
}

TEST(SelectionOptions, AFilterThatIsNoneIsUsage) {
  const SelectionOptions options{.where = "section = = libs"};
  EXPECT_EQ(kind_of(options.parse().status()), ErrorKind::kUsage);
}

}  // namespace
}  // namespace vecferry
