#include "vecferry/transform/stamp_payload.h"

#include <gtest/gtest.h>

#include "tests/transform/apply.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

using testing::payload_after;

std::string stamped(std::string payload) {
  return payload_after(*stamp_payload("merged_from", "local:a/docs"), std::move(payload));
}

TEST(StampPayloadTest, AddsTheKeyInItsPlace) {
  EXPECT_EQ(stamped(""), R"({"merged_from":"local:a/docs"})");
  EXPECT_EQ(stamped(R"({"a":1})"), R"({"a":1,"merged_from":"local:a/docs"})");
  EXPECT_EQ(stamped(R"({"z":[{"merged_from":1}]})"),
            R"({"merged_from":"local:a/docs","z":[{"merged_from":1}]})");
  EXPECT_EQ(stamped(R"({"a":1,"z":2})"), R"({"a":1,"merged_from":"local:a/docs","z":2})");
}

TEST(StampPayloadTest, WhatItWritesIsCanonicalAndStays) {
  testing::Generator random(5);
  for (int i = 0; i < 500; ++i) {
    const auto transform = stamp_payload("k\"ey\n", "a \"quoted\"\\place\n/naïve");
    const std::string made = payload_after(*transform, random.payload());
    EXPECT_EQ(made, canonical_payload(made).ValueOrDie());
    EXPECT_EQ(payload_after(*transform, made), made);
  }
}

TEST(StampPayloadTest, AnEarlierTextStaysAndIsCounted) {
  const auto transform = stamp_payload("merged_from", "local:a/docs");
  const std::string earlier = R"({"k":1,"merged_from":"http://db:6333/docs"})";
  const auto batch =
      testing::to_batch(default_config({}), {{.id = PointId::of(uint64_t{4}), .payload = earlier}});
  EXPECT_EQ(testing::to_points(*transform->apply(batch).ValueOrDie()).front().payload, earlier);
  EXPECT_EQ(transform->counts().at("merged_from_kept"), 1U);
}

TEST(StampPayloadTest, OtherValuesAreNotLost) {
  for (const std::string payload :
       {R"({"merged_from":5})", R"({"merged_from":["x"]})", R"({"merged_from":null})"}) {
    const auto batch = testing::to_batch(default_config({}),
                                         {{.id = PointId::of(uint64_t{4}), .payload = payload}});
    const Status status = stamp_payload("merged_from", "x")->apply(batch).status();
    ASSERT_FALSE(status.ok()) << payload;
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << payload;
    EXPECT_EQ(failure_of(status).where, "point 4");
  }
}

}  // namespace
}  // namespace vecferry
