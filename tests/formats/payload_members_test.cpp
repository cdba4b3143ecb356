#include <gtest/gtest.h>

#include <vector>

#include "tests/support/points.h"
#include "vecferry/formats/payload_members_internal.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry::formats {
namespace {

TEST(PayloadMembers, AreTakenApartAndPutTogether) {
  testing::Generator generator(7);
  for (int i = 0; i < 500; ++i) {
    const std::string payload = generator.payload();
    std::string again = "{";
    Member member;
    for (MemberScanner scanner(payload); scanner.next(&member);) {
      again.append(again.size() > 1 ? "," : "").append(member.key).append(":");
      again.append(member.value);
    }
    again.push_back('}');
    EXPECT_EQ(payload.empty() ? "{}" : payload, again);
  }
}

TEST(PayloadMembers, MergeIsCanonical) {
  testing::Generator generator(8);
  for (int i = 0; i < 500; ++i) {
    const std::string whole = generator.payload();
    std::string parts[2] = {"{", "{"};
    Member member;
    for (MemberScanner scanner(whole); scanner.next(&member);) {
      auto& part = parts[generator.below(2)];
      part.append(part.size() > 1 ? "," : "").append(member.key).append(":").append(member.value);
    }
    for (auto& part : parts) {
      part = part.size() == 1 ? "" : part + "}";
    }
    std::string merged;
    ASSERT_TRUE(merge_objects(parts[0], parts[1], &merged).ok());
    EXPECT_EQ(merged, whole);
  }
}

TEST(PayloadMembers, KeysCompareByWhatTheyStandFor) {
  // A newline (0x0A) sorts before a blank, its escape "\n" would not.
  EXPECT_LT(compare_keys("\"a\\n\"", "\"a \""), 0);
  EXPECT_GT(compare_keys("\"a\\\\\"", "\"a!\""), 0);
  EXPECT_LT(compare_keys("\"\\u0001\"", "\"\\u001f\""), 0);
  EXPECT_EQ(compare_keys("\"x\\\"y\"", "\"x\\\"y\""), 0);
  std::string merged;
  ASSERT_TRUE(merge_objects("{\"a \":1}", "{\"a\\n\":2}", &merged).ok());
  EXPECT_EQ(merged, "{\"a\\n\":2,\"a \":1}");
  EXPECT_EQ(merged, *canonical_payload(merged));
}

TEST(PayloadMembers, EqualMembersAreOneDifferentOnesAnError) {
  std::string merged;
  ASSERT_TRUE(merge_objects("{\"a\":1,\"b\":[{}]}", "{\"a\":1}", &merged).ok());
  EXPECT_EQ(merged, "{\"a\":1,\"b\":[{}]}");
  const Status clash = merge_objects("{\"a\":1}", "{\"a\":1.0}", &merged);
  ASSERT_FALSE(clash.ok());
  EXPECT_NE(clash.message().find("\"a\""), std::string::npos);
}

}  // namespace
}  // namespace vecferry::formats
