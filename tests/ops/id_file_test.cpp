#include "vecferry/ops/id_file.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

using testing::TempDir;

TEST(IdFile, WhatIsWrittenIsRead) {
  TempDir dir;
  const std::vector<PointId> ids = {PointId::of(uint64_t{0}),
                                    PointId::of(uint64_t{18446744073709551615U}),
                                    *parse_point_id("00000000-0000-0000-0000-000000000001"),
                                    *parse_point_id("ffffffff-ffff-ffff-ffff-ffffffffffff")};
  ASSERT_TRUE(write_ids(dir.file("x.ids"), ids).ok());
  EXPECT_EQ(read_ids(dir.file("x.ids")).ValueOrDie(), ids);
  ASSERT_TRUE(write_ids(dir.file("none.ids"), {}).ok());
  EXPECT_TRUE(read_ids(dir.file("none.ids")).ValueOrDie().empty());
}

TEST(IdFile, WhatIsDamagedIsNotGuessed) {
  TempDir dir;
  for (const char* text : {"1\n\n2\n", "2\n1\n", "1\n1\n", "x\n", "1\n2x\n", "-1\n"}) {
    ASSERT_TRUE(write_durably(dir.file("x.ids"), text).ok());
    EXPECT_EQ(kind_of(read_ids(dir.file("x.ids")).status()), ErrorKind::kCorrupt) << text;
  }
  EXPECT_EQ(kind_of(read_ids(dir.file("missing.ids")).status()), ErrorKind::kNotFound);
}

}  // namespace
}  // namespace vecferry
