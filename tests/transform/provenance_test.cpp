#include "vecferry/transform/provenance.h"

#include <gtest/gtest.h>

#include "tests/transform/apply.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

using testing::payload_after;

constexpr const char* kAt = "2026-11-23T04:00:00Z";

std::string with_provenance(std::string payload) {
  return payload_after(*provenance("local:a/docs", kAt), std::move(payload));
}

TEST(ProvenanceTest, AddsBothKeysInTheirPlace) {
  const std::string ours = R"("imported_at":"2026-11-23T04:00:00Z","imported_from":"local:a/docs")";
  EXPECT_EQ(with_provenance(""), "{" + ours + "}");
  EXPECT_EQ(with_provenance(R"({"a":1})"), R"({"a":1,)" + ours + "}");
  EXPECT_EQ(with_provenance(R"({"z":{"imported_at":1}})"),
            "{" + ours + R"(,"z":{"imported_at":1}})");
  EXPECT_EQ(with_provenance(R"({"a":1,"imported_bz":[2],"imported_g":3})"),
            R"({"a":1,"imported_at":"2026-11-23T04:00:00Z","imported_bz":[2],)"
            R"("imported_from":"local:a/docs","imported_g":3})");
}

TEST(ProvenanceTest, WhatItWritesIsCanonical) {
  testing::Generator random(3);
  for (int i = 0; i < 500; ++i) {
    const auto transform = provenance("a \"quoted\"\\place\n/naïve", kAt);
    const std::string made = payload_after(*transform, random.payload());
    EXPECT_EQ(made, canonical_payload(made).ValueOrDie());
  }
}

TEST(ProvenanceTest, AnEarlierImportIsReplaced) {
  const std::string earlier =
      R"({"imported_at":"2020-01-02T03:04:05Z","imported_from":"http://db:6333/docs","k":1})";
  EXPECT_EQ(with_provenance(earlier), with_provenance(R"({"k":1})"));
}

TEST(ProvenanceTest, ForeignValuesAreNotLost) {
  for (const std::string payload :
       {R"({"imported_at":"yesterday","imported_from":"x"})", R"({"imported_at":5})",
        R"({"imported_from":"x"})", R"({"imported_at":"2020-01-02T03:04:05Z"})",
        R"({"imported_at":"2020-01-02T03:04:05Z","imported_from":7})",
        R"({"imported_at":"2020-01-02T03:04:05+01","imported_from":"x"})"}) {
    const auto batch = testing::to_batch(default_config({}),
                                         {{.id = PointId::of(uint64_t{4}), .payload = payload}});
    const Status status = provenance("x", kAt)->apply(batch).status();
    ASSERT_FALSE(status.ok()) << payload;
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << payload;
    EXPECT_EQ(failure_of(status).where, "point 4");
  }
}

}  // namespace
}  // namespace vecferry
