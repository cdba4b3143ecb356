#include "vecferry/archive/manifest.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/points.h"

namespace vecferry::testing {
namespace {

using Json = nlohmann::ordered_json;

const std::string kSha(64, 'a');

Manifest full_manifest() {
  Manifest manifest{.collection = "Größe/日",
                    .id = "20261123T132000123Z-1f2e3d4c",
                    .time = "2026-11-23T13:20:00.123Z",
                    .source = "qdrant://db:6334/docs",
                    .program = "0.1.0",
                    .route = "stream",
                    .consistency = Consistency::kQuiet};
  manifest.points = {.count = 18446744073709551615U, .sum = {.high = 1, .low = ~uint64_t{0}}};
  manifest.config = Generator::every_kind();
  manifest.config.aliases = {"current"};
  manifest.config.payload_indexes = {{.path = "city", .schema_json = "\"keyword\""}};
  manifest.parent = "20261122T132000123Z-1f2e3d4c";
  manifest.added = 1;
  manifest.changed = 2;
  manifest.removed = 3;
  manifest.segments = {{.sha256 = kSha,
                        .bytes = 10,
                        .layer = 0,
                        .points = 5,
                        .deleted = 0,
                        .digest = {.low = 7},
                        .first = PointId::of(0),
                        .last = PointId::of(18446744073709551615U)},
                       {.sha256 = std::string(64, '0'),
                        .bytes = 11,
                        .layer = 2,
                        .points = 1,
                        .deleted = 4,
                        .digest = {.high = 9},
                        .first = PointId::of(3),
                        .last = PointId::of(uuid_of_name("x"))}};
  manifest.native = {.sha256 = std::string(64, 'f'),
                     .bytes = 99,
                     .version = "1.18.3",
                     .shards = {{.id = 1, .bytes = 7, .sha256 = kSha},
                                {.id = 4294967295U, .key = "\"eu\"", .sha256 = kSha}}};
  return manifest;
}

Result<Manifest> parsed(const Json& json) {
  return parse_manifest(json.dump(), "collections/docs/x.json");
}

TEST(Manifest, ComesBack) {
  const Manifest manifest = full_manifest();
  const auto back = parse_manifest(to_json(manifest), "x");
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(to_json(*back), to_json(manifest));
  EXPECT_EQ(back->collection, manifest.collection);
  EXPECT_EQ(back->points, manifest.points);
  EXPECT_EQ(back->config, manifest.config);
  EXPECT_EQ(back->consistency, Consistency::kQuiet);
  EXPECT_EQ(back->parent, manifest.parent);
  ASSERT_EQ(back->segments.size(), 2U);
  EXPECT_EQ(back->segments[0].last, PointId::of(18446744073709551615U));
  EXPECT_EQ(back->segments[1].last, manifest.segments[1].last);
  EXPECT_EQ(back->segments[1].digest, manifest.segments[1].digest);
  EXPECT_EQ(back->segments[0].path(), "segments/aa/" + kSha + ".parquet");
  ASSERT_TRUE(back->native);
  EXPECT_EQ(back->native->version, "1.18.3");
  ASSERT_EQ(back->native->shards.size(), 2U);
  EXPECT_EQ(back->native->shards[0].bytes, 7U);
  EXPECT_FALSE(back->native->shards[0].key);
  EXPECT_EQ(back->native->shards[1].id, 4294967295U);
  EXPECT_EQ(back->native->shards[1].key, "\"eu\"");
  EXPECT_EQ(back->layers(), 3);
  EXPECT_EQ(back->bytes(), 21U);
}

TEST(Manifest, OneWithoutPointsParentOrSnapshot) {
  Manifest manifest = full_manifest();
  manifest.segments.clear();
  manifest.parent.reset();
  manifest.native.reset();
  const auto back = *parse_manifest(to_json(manifest), "x");
  EXPECT_FALSE(back.parent);
  EXPECT_FALSE(back.native);
  EXPECT_EQ(back.layers(), 0);
}

// Addresses may hold any bytes: they are for people, and must not end a backup.
TEST(Manifest, ASourceThatIsNoTextIsWrittenAllTheSame) {
  Manifest manifest = full_manifest();
  manifest.source = "local:/data/\xff";
  EXPECT_TRUE(parse_manifest(to_json(manifest), "x").ok());
}

// Every member, and every member of a segment, missing and of each other type.
TEST(Manifest, EveryFieldThatIsMissingOrOfAnotherTypeIsCorrupt) {
  const Json good = Json::parse(to_json(full_manifest()));
  const std::vector<Json> others{
      nullptr, true, -1, 1.5, "text", Json::array({1}), Json::object({{"a", 1}})};
  const auto check = [&](const Json& bad, const std::string& what) {
    const auto back = parsed(bad);
    ASSERT_FALSE(back.ok()) << what;
    EXPECT_EQ(kind_of(back.status()), ErrorKind::kCorrupt) << what << back.status().ToString();
    EXPECT_NE(failure_of(back.status()).where.find("collections/docs/x.json"), std::string::npos);
  };
  // What JSON lets us take for another type, harmlessly.
  const auto is_allowed = [](const std::string& key, const Json& value) {
    const bool text = key == "collection" || key == "id" || key == "time" || key == "source" ||
                      key == "program" || key == "route" || key == "parent";
    return (value.is_string() && text) ||
           (value.is_null() && (key == "parent" || key == "native")) ||
           (value.is_boolean() && key == "settled");
  };
  const auto go_through = [&](const Json& object, const auto& put) {
    for (const auto& [key, value] : object.items()) {
      Json without = object;
      without.erase(key);
      check(put(without), "without " + key);
      for (const auto& other : others) {
        if (!is_allowed(key, other)) {
          Json changed = object;
          changed[key] = other;
          check(put(changed), key + " = " + other.dump());
        }
      }
    }
  };
  go_through(good, [](const Json& json) { return json; });
  go_through(good["segments"][1], [&](const Json& segment) {
    Json json = good;
    json["segments"][1] = segment;
    return json;
  });
  Json native = good["native"];
  native.erase("sha256");
  Json without_sha = good;
  without_sha["native"] = native;
  check(without_sha, "native without sha256");
  Json no_shard = good;
  no_shard["native"]["shards"][0]["id"] = 4294967296;
  check(no_shard, "a shard's number beyond 32 bits");
}

TEST(Manifest, ValuesThatCannotBeAreCorrupt) {
  const Json good = Json::parse(to_json(full_manifest()));
  const std::vector<std::function<void(Json&)>> mistakes{
      [](Json& json) { json["segments"][0]["sha256"] = "../../etc/passwd"; },
      [](Json& json) { json["segments"][0]["sha256"] = std::string(64, 'A'); },
      [](Json& json) { json["segments"][0]["layer"] = 4294967296U; },
      [](Json& json) { json["segments"][0]["bytes"] = 1e30; },
      [](Json& json) { json["segments"][0]["first"] = "no-uuid"; },
      [](Json& json) { json["points"] = -5; },
      [](Json& json) { json["digest"] = "12"; },
      [](Json& json) { json["digest_version"] = 99; },
      [](Json& json) { json["consistency"] = "perhaps"; },
      [](Json& json) { json["format"] = "vecferry-archived"; },
      [](Json& json) { json["config"]["config"] = 5; },
  };
  for (size_t i = 0; i < mistakes.size(); ++i) {
    Json bad = good;
    mistakes[i](bad);
    const auto back = parsed(bad);
    ASSERT_FALSE(back.ok()) << i;
    EXPECT_EQ(kind_of(back.status()), ErrorKind::kCorrupt) << i << back.status().ToString();
  }
  for (const char* text : {"", "{", "[]", "null", "5", "\"x\""}) {
    EXPECT_EQ(kind_of(parse_manifest(text, "x").status()), ErrorKind::kCorrupt) << text;
  }
}

TEST(Manifest, ANewerVersionIsAnothersToRead) {
  Json json = Json::parse(to_json(full_manifest()));
  json["version"] = 2;
  const auto back = parsed(json);
  EXPECT_EQ(kind_of(back.status()), ErrorKind::kIncompatible);
  EXPECT_NE(failure_of(back.status()).next.find("newer"), std::string::npos);
}

TEST(Manifest, MembersThatAreNotKnownAreLeftAlone) {
  Json json = Json::parse(to_json(full_manifest()));
  json["comment"] = "added by hand";
  EXPECT_TRUE(parsed(json).ok());
}

TEST(SegmentRefRanges, OverlapWhatTheyTouch) {
  const SegmentRef segment{.first = PointId::of(10), .last = PointId::of(20)};
  const auto range = [](uint64_t from, uint64_t to) {
    return IdRange{.from = PointId::of(from), .to = PointId::of(to)};
  };
  EXPECT_TRUE(segment.overlaps({}));
  EXPECT_TRUE(segment.overlaps(range(20, 30)));
  EXPECT_FALSE(segment.overlaps(range(21, 30)));
  EXPECT_TRUE(segment.overlaps(range(0, 11)));
  EXPECT_FALSE(segment.overlaps(range(0, 10)));
}

TEST(ArchivedMarkJson, ComesBackAndIsChecked) {
  const ArchivedMark mark{.collection = "docs",
                          .time = "2026-11-23T13:20:00.123Z",
                          .source = "local:/data",
                          .backup = "20261123T132000123Z-1f2e3d4c",
                          .operation = "7f3a"};
  const auto back = parse_archived_mark(to_json(mark), "x");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(to_json(*back), to_json(mark));
  Json json = Json::parse(to_json(mark));
  json.erase("backup");
  EXPECT_EQ(kind_of(parse_archived_mark(json.dump(), "x").status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(parse_archived_mark(to_json(full_manifest()), "x").status()),
            ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace vecferry::testing
