#include "vecferry/transform/drop_shard_keys.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/transform/apply.h"

namespace vecferry {
namespace {

TEST(DropShardKeysTest, PointsAndConfigurationLoseThem) {
  CollectionConfig config = testing::Generator::every_kind();
  auto settings = nlohmann::json::parse(config.settings_json);
  settings["params"]["sharding_method"] = "custom";
  config.settings_json = settings.dump();
  ASSERT_TRUE(config.custom_sharding());

  testing::Generator random(1);
  auto points = random.points(config, 30, {.shard_keys = true});
  points[4].shard_key.reset();
  const auto transform = drop_shard_keys();
  const auto got = testing::applied(*transform, config, points);
  EXPECT_EQ(transform->counts().at("shard_keys_dropped"), 29U);
  for (auto& point : points) {
    point.shard_key.reset();
  }
  EXPECT_EQ(got, points);
  EXPECT_FALSE(transform->config(config).ValueOrDie().custom_sharding());
}

TEST(DropShardKeysTest, OtherConfigurationsStay) {
  const CollectionConfig config = testing::Generator::every_kind();
  EXPECT_EQ(drop_shard_keys()->config(config).ValueOrDie(), config);
}

}  // namespace
}  // namespace vecferry
