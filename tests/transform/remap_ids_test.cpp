#include "vecferry/transform/remap_ids.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/transform/apply.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

using testing::applied;
using testing::TestPoint;

std::shared_ptr<const std::vector<PointId>> list(std::vector<PointId> ids) {
  std::sort(ids.begin(), ids.end());
  return std::make_shared<const std::vector<PointId>>(std::move(ids));
}

const PointId kUuid = *parse_point_id("6ba7b810-9dad-11d1-80b4-00c04fd430c8");

TEST(RemapIdsTest, ListedPointsGetNewIdsAndKeepTheOldOne) {
  const auto transform = remap_ids("local:b/docs", list({PointId::of(uint64_t{5}), kUuid}));
  const auto config = default_config({});
  const auto points = applied(*transform, config,
                              {{.id = PointId::of(uint64_t{4}), .payload = R"({"a":1})"},
                               {.id = PointId::of(uint64_t{5}), .payload = R"({"a":1,"z":2})"},
                               {.id = kUuid}});
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[0].id, PointId::of(uint64_t{4}));
  EXPECT_EQ(points[0].payload, R"({"a":1})");
  EXPECT_EQ(points[1].id, remapped_id("local:b/docs", PointId::of(uint64_t{5})));
  EXPECT_EQ(points[1].payload, R"({"a":1,"merged_id":5,"z":2})");
  EXPECT_EQ(points[2].id, remapped_id("local:b/docs", kUuid));
  EXPECT_EQ(points[2].payload, R"({"merged_id":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"})");
  EXPECT_EQ(transform->counts().at("ids_remapped"), 2U);
}

// A promise: what was merged last year has the ids that it would get today.
TEST(RemapIdsTest, NewIdsArePinned) {
  EXPECT_EQ(to_string(remapped_id("local:b/docs", PointId::of(uint64_t{5}))),
            "393985f4-f095-5916-83cb-8a9acacba198");
  EXPECT_EQ(to_string(remapped_id("local:b/docs", kUuid)), "e612ee35-8ebe-58c3-a091-8bc919cc8868");
}

TEST(RemapIdsTest, TheWayBackIsInThePayload) {
  testing::Generator random(9);
  const auto config = testing::Generator::every_kind();
  const auto points = random.points(config, 100);
  const auto changed = applied(*remap_ids("a", nullptr), config, points);
  ASSERT_EQ(changed.size(), points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(changed[i].id, remapped_id("a", points[i].id));
    EXPECT_EQ(changed[i].vectors, points[i].vectors);
    EXPECT_EQ(changed[i].payload, canonical_payload(changed[i].payload).ValueOrDie());
    const std::string id = to_string(points[i].id);
    const std::string member = "\"merged_id\":" + (points[i].id.is_uuid ? '"' + id + '"' : id);
    EXPECT_NE(changed[i].payload.find(member), std::string::npos);
  }
}

TEST(RemapIdsTest, TwiceIsOnce) {
  testing::Generator random(10);
  const auto config = default_config({});
  const auto points = random.points(config, 50);
  const auto transform = remap_ids("a", nullptr);
  const auto once = applied(*transform, config, points);
  EXPECT_EQ(applied(*transform, config, once), once);
}

TEST(RemapIdsTest, AnotherMergedIdIsNotLost) {
  for (const std::string payload :
       {R"({"merged_id":5})", R"({"merged_id":"x"})", R"({"merged_id":{}})"}) {
    const auto batch = testing::to_batch(default_config({}),
                                         {{.id = PointId::of(uint64_t{4}), .payload = payload}});
    const Status status = remap_ids("a", nullptr)->apply(batch).status();
    ASSERT_FALSE(status.ok()) << payload;
    EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible) << payload;
    EXPECT_EQ(failure_of(status).where, "point 4 of 'a'");
    EXPECT_TRUE(remap_ids("a", list({}))->apply(batch).ok());
  }
}

}  // namespace
}  // namespace vecferry
