#include "vecferry/model/shard_key.h"

#include <gtest/gtest.h>

#include <limits>

namespace vecferry {
namespace {

using Key = std::variant<std::string, uint64_t>;

TEST(ShardKey, NumbersAndStringsStayApart) {
  EXPECT_EQ(shard_key_text(Key(uint64_t{5})), "5");
  EXPECT_EQ(shard_key_text(Key("5")), "\"5\"");
  EXPECT_EQ(shard_key_text(Key("europe")), "europe");
  EXPECT_EQ(shard_key_text(Key("\"x\"")), "\"\"x\"\"");
}

TEST(ShardKey, EveryKeyComesBack) {
  for (const Key& key :
       {Key("a"), Key(""), Key("5"), Key("05"), Key("\"5\""), Key("\""), Key("-1"), Key("1.0"),
        Key("18446744073709551616"), Key(uint64_t{0}), Key(std::numeric_limits<uint64_t>::max())}) {
    EXPECT_EQ(parse_shard_key(shard_key_text(key)), key) << shard_key_text(key);
  }
}

}  // namespace
}  // namespace vecferry
