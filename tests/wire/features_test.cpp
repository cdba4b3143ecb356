#include "vecferry/wire/features.h"

#include <gtest/gtest.h>

namespace vecferry::wire {
namespace {

TEST(Features, ReadsWhatServersSay) {
  EXPECT_EQ(features_of("1.18.3").ValueOrDie().version, (Version{1, 18, 3}));
  EXPECT_EQ(features_of("v1.9.0").ValueOrDie().version, (Version{1, 9, 0}));
  EXPECT_EQ(features_of("1.19.0-dev").ValueOrDie().version, (Version{1, 19, 0}));
  EXPECT_EQ(features_of("1.20.1+abc").ValueOrDie().version, (Version{1, 20, 1}));
  EXPECT_EQ(to_string(Version{1, 8, 4}), "1.8.4");
}

TEST(Features, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"", "1", "1.8", "x", "1.8.x", "1.-8.0", "1.7.4", "0.11.0", "2.0.0", "1.18.3x"}) {
    const auto features = features_of(text);
    ASSERT_FALSE(features.ok()) << text;
    EXPECT_EQ(kind_of(features.status()), ErrorKind::kIncompatible) << text;
  }
}

TEST(Features, EachBeginsWithItsVersion) {
  const auto check = [](const char* before, const char* since, bool Features::*feature) {
    EXPECT_FALSE(features_of(before).ValueOrDie().*feature) << before;
    EXPECT_TRUE(features_of(since).ValueOrDie().*feature) << since;
    EXPECT_TRUE(features_of("1.20.0").ValueOrDie().*feature) << since;
  };
  check("1.8.4", "1.9.0", &Features::keeps_unit_vectors);
  check("1.9.6", "1.9.7", &Features::multivectors);
  check("1.9.7", "1.10.0", &Features::query_points);
  check("1.11.0", "1.11.1", &Features::local_shard_reads);
  check("1.12.1", "1.12.2", &Features::oneof_vectors);
  check("1.12.5", "1.12.6", &Features::automatic_threads);
  check("1.15.3", "1.15.4", &Features::metadata);
  check("1.16.9", "1.17.0", &Features::update_mode);
  check("1.18.9", "1.19.0", &Features::replaces_whole_points);
}

}  // namespace
}  // namespace vecferry::wire
