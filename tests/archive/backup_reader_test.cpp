#include "vecferry/archive/backup_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/archive/written_backups.h"
#include "tests/support/backends.h"
#include "tests/support/temp_dir.h"

namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;

// A layer over `now`: some points changed, some gone, some new; some that are gone were never
// there, as a range that is backed up a second time may say.
LayerModel some_changes(Generator& random, const CollectionConfig& config, const PointMap& now,
                        const GeneratorOptions& options) {
  LayerModel layer;
  for (const auto& [key, point] : now) {
    if (random.chance(4)) {
      auto changed = random.point(config, options);
      changed.id = key.first;
      changed.shard_key = key.second;
      layer[key] = changed;
    } else if (random.chance(5)) {
      layer[key] = std::nullopt;
    }
  }
  for (const auto& point : random.points(config, random.below(30), options)) {
    layer.emplace(PointKey{point.id, point.shard_key}, point);
  }
  if (random.chance(3)) {
    const auto never = random.point(config, options);
    layer.emplace(PointKey{never.id, never.shard_key}, std::nullopt);
  }
  return layer;
}

IdRange any_range(Generator& random, const GeneratorOptions& options) {
  IdRange range;
  if (!random.chance(4)) {
    range.from = random.id(options);
  }
  if (!random.chance(4)) {
    range.to = random.id(options);
  }
  return range;
}

class Backups : public ::testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<const ArchiveKey> key() const { return GetParam() ? key_of('7') : nullptr; }
  std::shared_ptr<Repository> open() {
    return open_archive(dir_.file("archive"), key()).ValueOrDie();
  }
  // The bytes of all files, one after another.
  std::string everything() const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.file("archive"))) {
      if (entry.is_regular_file()) {
        std::ifstream file(entry.path(), std::ios::binary);
        all.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
      }
    }
    return all;
  }

  TempDir dir_;
};

TEST_P(Backups, LayersAreWhatAMapMakesOfThem) {
  for (uint64_t seed = 1; seed <= 24; ++seed) {
    SCOPED_TRACE(seed);
    Generator random(seed);
    const auto config = seed % 3 == 0 ? Generator::every_kind() : random.config();
    const GeneratorOptions options{.non_finite = true,
                                   .shard_keys = seed % 4 == 0,
                                   .long_floats = true,
                                   // few ids, so that layers meet; else any, UUIDs among them
                                   .id_limit = seed % 2 == 0 ? 60U : 0U};
    const auto repository = open();
    Manifest manifest = new_manifest("docs", config);
    PointMap now;
    const int layers = static_cast<int>(1 + random.below(4));
    for (int layer = 0; layer < layers; ++layer) {
      const auto changes = some_changes(random, config, now, options);
      const Status written = write_layer(
          *repository, changes, static_cast<int64_t>(1 + random.below(20000)), &manifest, &now);
      ASSERT_TRUE(written.ok()) << written.ToString();
    }
    sum_up(now, &manifest);
    const auto back = read_points(*repository, manifest, {.batch_bytes = 3000});
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_TRUE(same_points(now, *back));
    const auto digests = digests_of(config, now);
    const auto known = read_digests(*repository, manifest);
    ASSERT_TRUE(known.ok()) << known.status().ToString();
    EXPECT_EQ(*known, digests);
    for (int i = 0; i < 3; ++i) {
      const auto range = any_range(random, options);
      SCOPED_TRACE(to_string(range));
      const auto some = read_points(*repository, manifest, {.range = range, .batch_bytes = 2000});
      ASSERT_TRUE(some.ok()) << some.status().ToString();
      EXPECT_TRUE(same_points(within(now, range), *some));
      EXPECT_EQ(read_digests(*repository, manifest, range).ValueOrDie(), within(digests, range));
    }
    PointMap together;
    for (const auto& range : plan_backup_ranges(manifest, 3)) {
      for (auto& [key, point] : read_points(*repository, manifest, {.range = range}).ValueOrDie()) {
        EXPECT_TRUE(together.emplace(key, point).second) << "in two ranges";
      }
    }
    EXPECT_TRUE(same_points(now, together));
  }
}

TEST_P(Backups, SomeVectorsAndNoPayload) {
  Generator random(5);
  const auto config = Generator::every_kind();
  const auto repository = open();
  Manifest manifest = new_manifest("docs", config);
  PointMap now;
  for (int layer = 0; layer < 2; ++layer) {
    must(write_layer(*repository, some_changes(random, config, now, {.id_limit = 50}), 5000,
                     &manifest, &now));
  }
  const std::string wanted = config.vectors.back().name;
  const auto back =
      read_points(*repository, manifest, {.vectors = {{wanted}}, .payload = false}).ValueOrDie();
  ASSERT_EQ(back.size(), now.size());
  for (const auto& [key, point] : back) {
    EXPECT_TRUE(point.payload.empty());
    EXPECT_LE(point.vectors.size(), 1U);
    const auto& whole = now.at(key).vectors;
    EXPECT_EQ(point.vectors.count(wanted), whole.count(wanted));
    if (whole.count(wanted) > 0) {
      EXPECT_EQ(point.vectors.at(wanted), whole.at(wanted));
    }
  }
}

TEST_P(Backups, AnEmptyOneIsEmpty) {
  const auto repository = open();
  const Manifest manifest = new_manifest("docs", Generator::every_kind());
  EXPECT_TRUE(read_points(*repository, manifest).ValueOrDie().empty());
  EXPECT_TRUE(read_digests(*repository, manifest).ValueOrDie().empty());
  EXPECT_EQ(plan_backup_ranges(manifest, 4), std::vector<IdRange>{IdRange{}});
}

// `--allow-partial`: the rest, and each segment that is not there by its name.
TEST_P(Backups, WhatIsDamagedIsToldAndLeftOut) {
  const auto config = default_config({{.name = "", .dim = 4}});
  const auto repository = open();
  Manifest manifest = new_manifest("docs", config);
  PointMap now;
  LayerModel layer;
  for (uint64_t id = 0; id < 30; ++id) {
    const TestPoint point{.id = PointId::of(id), .vectors = {{"", dense({1, 2, 3, 4})}}};
    layer[{point.id, std::nullopt}] = point;
  }
  must(write_layer(*repository, layer, 1, &manifest, &now));
  ASSERT_EQ(manifest.segments.size(), 6U);
  ASSERT_TRUE(repository->store().remove(manifest.segments[1].path()).ok());
  ASSERT_TRUE(repository->store().put(manifest.segments[4].path(), "PAR1", IfThere::kReplace).ok());
  const auto all = read_points(*repository, manifest);
  ASSERT_FALSE(all.ok());
  EXPECT_NE(all.status().ToString().find(manifest.segments[1].path()), std::string::npos);
  std::map<std::string, ErrorKind> damaged;
  const auto sound = read_points(*repository, manifest,
                                 {.on_damage = [&](const SegmentRef& segment, const Status& error) {
                                   damaged[segment.path()] = kind_of(error);
                                   return Status::OK();
                                 }});
  ASSERT_TRUE(sound.ok()) << sound.status().ToString();
  EXPECT_EQ(sound->size(), 20U);
  EXPECT_EQ(damaged,
            (std::map<std::string, ErrorKind>{{manifest.segments[1].path(), ErrorKind::kNotFound},
                                              {manifest.segments[4].path(), ErrorKind::kCorrupt}}));
}

TEST_P(Backups, AStopEndsTheReading) {
  Generator random(9);
  const auto config = Generator::every_kind();
  const auto repository = open();
  Manifest manifest = new_manifest("docs", config);
  PointMap now;
  must(write_layer(*repository, some_changes(random, config, now, {.id_limit = 50}), 100, &manifest,
                   &now));
  arrow::StopSource source;
  source.RequestStop();
  const auto reader = read_backup(*repository, manifest, {}, source.token());
  std::shared_ptr<arrow::RecordBatch> batch;
  const Status read = reader.ok() ? (*reader)->ReadNext(&batch) : reader.status();
  EXPECT_EQ(kind_of(read), ErrorKind::kCancelled);
}

// What lies on the disk, for others to look at.
TEST_P(Backups, NothingOfTheContentsShowsInAnEncryptedOne) {
  const auto config = default_config({{.name = "vector_of_secrets", .dim = 4}});
  const auto repository = open();
  Manifest manifest = new_manifest("docs", config);
  PointMap now;
  const TestPoint point{.id = PointId::of(1),
                        .vectors = {{"vector_of_secrets", dense({1, 2, 3, 4})}},
                        .payload = "{\"who\":\"Qwzjx Vbkfp\"}"};
  must(write_layer(*repository, {{{point.id, std::nullopt}, point}}, 1000, &manifest, &now));
  sum_up(now, &manifest);
  must(repository->add(manifest));
  must(repository->set_mark({.collection = "docs", .source = "qdrant://host_of_secrets/docs"}));
  const std::string bytes = everything();
  for (const char* word : {"vector_of_secrets", "Qwzjx Vbkfp", "host_of_secrets"}) {
    EXPECT_EQ(bytes.find(word) == std::string::npos, GetParam()) << word;
  }
  EXPECT_EQ(bytes.find(std::string(32, '\x77')), std::string::npos) << "the key";
  const auto again = open();
  EXPECT_TRUE(same_points(
      now, read_points(*again, again->find("docs", "", StopToken::Unstoppable()).ValueOrDie())
               .ValueOrDie()));
}

INSTANTIATE_TEST_SUITE_P(Archives, Backups, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Encrypted" : "Plain"; });

TEST(EncryptedArchive, OpensWithItsKeyAlone) {
  const TempDir dir;
  const std::string folder = dir.file("archive");
  ASSERT_TRUE(open_archive(folder, key_of('7')).ok());
  const auto wrong = open_archive(folder, key_of('8'));
  EXPECT_EQ(kind_of(wrong.status()), ErrorKind::kRefused);
  EXPECT_EQ(wrong.status().message(), "this is not the key of this archive");
  const auto without = open_archive(folder);
  EXPECT_EQ(kind_of(without.status()), ErrorKind::kRefused);
  EXPECT_NE(failure_of(without.status()).next.find("--key-file"), std::string::npos);
  EXPECT_TRUE(open_archive(folder, key_of('7')).ok());
}

}  // namespace
}  // namespace vecferry::testing
