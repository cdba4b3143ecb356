#include "vecferry/backends/local/place_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"

namespace vecferry::local {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vecferry::testing::TempDir;

void put(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

PlaceLayout made_place(const fs::path& dir) {
  auto layout = PlaceLayout::open(dir).ValueOrDie();
  MadePlace made;
  EXPECT_TRUE(layout.make(&made).ok());
  return layout;
}

CollectionRecord record(const std::string& name) {
  return {.name = name,
          .config = default_config({{.dim = 3, .distance = Distance::kDot}}),
          .created_at = "2026-01-02T03:04:05Z",
          .engine_version = "qdrant-edge 0.9.0",
          .points_count = 7};
}

void add(const PlaceLayout& layout, const std::string& name) {
  ASSERT_TRUE(layout.make_folder(name).ok());
  ASSERT_TRUE(layout.write_record(record(name)).ok());
}

TEST(PlaceLayout, AMissingOrEmptyFolderIsAnEmptyPlaceAndIsNotWrittenTo) {
  const TempDir dir;
  for (const fs::path& path : {dir.path(), dir.path() / "missing"}) {
    const auto layout = PlaceLayout::open(path);
    ASSERT_TRUE(layout.ok()) << layout.status();
    EXPECT_FALSE(layout->exists());
    EXPECT_THAT(*layout->collections(), IsEmpty());
    EXPECT_THAT(*layout->read_aliases(), IsEmpty());
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(PlaceLayout, WhatACrashLeavesOfTheFirstFileIsAnEmptyPlace) {
  const TempDir dir;
  put(dir.path() / "vecferry-place.json.tmp-12", "{\"form");
  ASSERT_TRUE(PlaceLayout::open(dir.path()).ok());
}

TEST(PlaceLayout, AForeignFolderIsRefused) {
  const TempDir dir;
  put(dir.path() / "thesis.tex", "x");
  const auto layout = PlaceLayout::open(dir.path());
  ASSERT_EQ(kind_of(layout.status()), ErrorKind::kIncompatible);
  EXPECT_THAT(failure_of(layout.status()).where, HasSubstr("thesis.tex"));
  EXPECT_THAT(failure_of(layout.status()).next, HasSubstr("empty folder"));
}

TEST(PlaceLayout, AFileIsRefused) {
  const TempDir dir;
  put(dir.path() / "file", "x");
  EXPECT_EQ(kind_of(PlaceLayout::open(dir.path() / "file").status()), ErrorKind::kUsage);
}

TEST(PlaceLayout, AFolderInsideAnotherPlaceIsRefused) {
  const TempDir dir;
  const fs::path store = dir.path() / "store";
  const auto layout = made_place(store);
  add(layout, "docs");
  fs::create_directory(store / "empty");
  for (const fs::path& inside :
       {store / "a", store / "empty", store / "a" / "b", layout.folder("docs") / "shard" / "x"}) {
    const auto nested = PlaceLayout::open(inside);
    ASSERT_FALSE(nested.ok()) << inside;
    EXPECT_EQ(kind_of(nested.status()), ErrorKind::kUsage);
    EXPECT_THAT(nested.status().message(), HasSubstr("inside the local place"));
    EXPECT_THAT(failure_of(nested.status()).next, HasSubstr("%2F"));
  }
  EXPECT_TRUE(PlaceLayout::open(dir.path() / "beside").ok());
  EXPECT_TRUE(PlaceLayout::open(store).ok());
}

TEST(PlaceLayout, ANewerOrBrokenPlaceFileIsRefused) {
  const TempDir dir;
  const auto kind = [&](const std::string& text) {
    put(dir.path() / "vecferry-place.json", text);
    return kind_of(PlaceLayout::open(dir.path()).status());
  };
  EXPECT_EQ(kind(R"({"format":"vecferry.local","version":2})"), ErrorKind::kIncompatible);
  EXPECT_EQ(kind(R"({"format":"something","version":1})"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind(R"({"format":"vecferry.local"})"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind("{"), ErrorKind::kCorrupt);
  EXPECT_EQ(kind("[]"), ErrorKind::kCorrupt);
  put(dir.path() / "vecferry-place.json", R"({"format":"vecferry.local","version":1,"more":1})");
  EXPECT_TRUE(PlaceLayout::open(dir.path()).ok());
}

TEST(PlaceLayout, AFolderWithoutRightsIsOneClearError) {
  const TempDir dir;
  const fs::path closed = dir.path() / "closed";
  fs::create_directory(closed);
  ASSERT_EQ(::chmod(closed.c_str(), 0), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  ASSERT_TRUE(!root || ::seteuid(65534) == 0);
  const auto layout = PlaceLayout::open(closed);
  const auto inside = PlaceLayout::open(closed / "place");
  MadePlace ignored;
  const Status made = PlaceLayout::open(dir.path() / "new").ValueOrDie().make(&ignored);
  ASSERT_TRUE(!root || ::seteuid(0) == 0);
  EXPECT_EQ(kind_of(layout.status()), ErrorKind::kIo);
  EXPECT_THAT(layout.status().message(), HasSubstr("Permission denied"));
  EXPECT_THAT(failure_of(layout.status()).next, HasSubstr("rights"));
  EXPECT_EQ(kind_of(inside.status()), ErrorKind::kIo);
  if (root) {  // to another user the folder above is closed, too
    EXPECT_EQ(kind_of(made), ErrorKind::kIo);
  }
  ASSERT_EQ(::chmod(closed.c_str(), 0755), 0);
}

TEST(PlaceLayout, AnEmptyPlaceIsUnmadeWithTheFoldersThatWereMadeForIt) {
  const TempDir dir;
  const auto layout = PlaceLayout::open(dir.path() / "a" / "b").ValueOrDie();
  MadePlace made;
  ASSERT_TRUE(layout.make(&made).ok());
  EXPECT_THAT(made.folders, ElementsAre(dir.path() / "a" / "b", dir.path() / "a"));
  MadePlace again;
  ASSERT_TRUE(layout.make(&again).ok());
  layout.unmake(again);  // made nothing: takes nothing away
  EXPECT_TRUE(layout.exists());
  layout.unmake(made);
  EXPECT_FALSE(fs::exists(dir.path() / "a"));
  EXPECT_TRUE(fs::exists(dir.path()));
}

TEST(PlaceLayout, APlaceThatHoldsSomethingIsNotUnmade) {
  const TempDir dir;
  const auto layout = PlaceLayout::open(dir.path() / "place").ValueOrDie();
  MadePlace made;
  ASSERT_TRUE(layout.make(&made).ok());
  add(layout, "docs");
  layout.unmake(made);
  EXPECT_TRUE(layout.exists());
  EXPECT_THAT(layout.collections().ValueOrDie(), ElementsAre("docs"));
}

TEST(PlaceLayout, FolderNamesNeitherEscapeNorMeet) {
  EXPECT_EQ(folder_name("shop.v2_x-1"), "shop.v2_x-1");
  EXPECT_EQ(folder_name(".."), "%2E.");
  EXPECT_EQ(folder_name("a/b c"), "a%2Fb%20c");
  EXPECT_EQ(folder_name("ä"), "%C3%A4");
  const std::string plain(200, 'a');
  EXPECT_EQ(folder_name(plain), plain);
  std::string umlauts;
  for (int i = 0; i < 255; ++i) {
    umlauts += "ä";
  }
  const std::string cut = folder_name(umlauts);
  EXPECT_LE(cut.size(), 200u);
  EXPECT_EQ(cut.substr(cut.size() - 34, 2), "%~") << cut;
  EXPECT_EQ((cut.size() - 34) % 3, 0u) << "an escape is cut in two: " << cut;
  EXPECT_NE(folder_name(umlauts + "b"), cut);
  EXPECT_NE(folder_name(std::string(255, 'a')), folder_name(std::string(254, 'a')));
}

TEST(PlaceLayout, ARecordComesBack) {
  const TempDir dir;
  const auto layout = made_place(dir.path() / "place");
  add(layout, "a b");
  const auto read = layout.read_record("a b");
  ASSERT_TRUE(read.ok()) << read.status();
  const auto written = record("a b");
  EXPECT_EQ(read->name, written.name);
  EXPECT_EQ(to_json(read->config), to_json(written.config));
  EXPECT_EQ(read->created_at, written.created_at);
  EXPECT_EQ(read->engine_version, written.engine_version);
  EXPECT_EQ(read->points_count, written.points_count);
}

TEST(PlaceLayout, AliasesAreNotInTheRecord) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  ASSERT_TRUE(layout.make_folder("a").ok());
  auto with_alias = record("a");
  with_alias.config.aliases = {"x"};
  ASSERT_TRUE(layout.write_record(with_alias).ok());
  EXPECT_THAT(*read_file(layout.folder("a") / "collection.json"),
              ::testing::Not(HasSubstr("aliases")));
}

TEST(PlaceLayout, ListsFinishedCollectionsOnlySortedByName) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  const std::string longest(255, 'z');
  for (const std::string name : {"b", "a/1", ".x", longest.c_str()}) {
    add(layout, name);
  }
  ASSERT_TRUE(layout.make_folder("unfinished").ok());
  EXPECT_THAT(*layout.collections(), ElementsAre(".x", "a/1", "b", longest));
  EXPECT_TRUE(layout.finished("a/1"));
  EXPECT_FALSE(layout.finished("unfinished"));
}

TEST(PlaceLayout, AnUnknownCollectionOffersTheNearestName) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  add(layout, "products");
  const auto near = layout.read_record("prodcuts");
  ASSERT_EQ(kind_of(near.status()), ErrorKind::kNotFound);
  EXPECT_THAT(failure_of(near.status()).next, HasSubstr("'products'"));
  EXPECT_THAT(failure_of(layout.read_record("zebra").status()).next, HasSubstr("vecferry ls"));
}

TEST(PlaceLayout, AMissingFolderOffersTheNearestSibling) {
  const TempDir dir;
  made_place(dir.path() / "vectors");
  const auto layout = PlaceLayout::open(dir.path() / "vectros").ValueOrDie();
  ASSERT_EQ(kind_of(layout.check_exists()), ErrorKind::kNotFound);
  EXPECT_THAT(failure_of(layout.check_exists()).next, HasSubstr("'vectors'"));
}

TEST(PlaceLayout, ADamagedRecordIsCorruptAndNamesTheFile) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  for (const char* text : {"", "{", "[]", "{}", R"({"format":"vecferry.collection"})"}) {
    put(layout.folder("a") / "collection.json", text);
    const auto read = layout.read_record("a");
    ASSERT_EQ(kind_of(read.status()), ErrorKind::kCorrupt) << text;
    EXPECT_THAT(failure_of(read.status()).where, HasSubstr("collection.json")) << text;
  }
}

TEST(PlaceLayout, AliasesThatLeadNowhereDoNotCount) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  add(layout, "a");
  ASSERT_TRUE(layout.write_aliases({{"x", "a"}, {"y", "gone"}}).ok());
  EXPECT_THAT(*layout.read_aliases(), ElementsAre(std::pair<std::string, std::string>("x", "a")));
}

TEST(PlaceLayout, DamagedAliasesAreCorrupt) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  for (const char* text : {"{", "[]", R"({"x":1})"}) {
    put(dir.path() / "aliases.json", text);
    EXPECT_EQ(kind_of(layout.read_aliases().status()), ErrorKind::kCorrupt) << text;
  }
}

TEST(PlaceLayout, SweepRemovesLeftoversAndNothingElse) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  add(layout, "kept");
  add(layout, "dropped");
  ASSERT_TRUE(layout.write_aliases({{"x", "kept"}, {"y", "dropped"}}).ok());
  const auto hidden = layout.hide_folder("dropped");
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_TRUE(fs::exists(*hidden));
  ASSERT_TRUE(layout.make_folder("half").ok());
  put(layout.shard("half") / "segment", "x");
  put(dir.path() / "collections" / "note.txt", "x");
  put(dir.path() / "aliases.json.tmp-1", "x");
  put(layout.folder("kept") / "collection.json.tmp-1", "x");
  put(layout.shard("kept") / "segment", "x");

  ASSERT_TRUE(layout.sweep().ok());
  EXPECT_FALSE(fs::exists(*hidden));
  EXPECT_FALSE(fs::exists(layout.folder("half")));
  EXPECT_FALSE(fs::exists(dir.path() / "aliases.json.tmp-1"));
  EXPECT_FALSE(fs::exists(layout.folder("kept") / "collection.json.tmp-1"));
  EXPECT_TRUE(fs::exists(layout.shard("kept") / "segment"));
  EXPECT_TRUE(fs::exists(dir.path() / "collections" / "note.txt"));
  EXPECT_EQ(*read_file(dir.path() / "aliases.json"), "{\"x\":\"kept\"}\n");
  EXPECT_THAT(*layout.collections(), ElementsAre("kept"));
}

TEST(PlaceLayout, MakingAFolderTwiceIsRefused) {
  const TempDir dir;
  const auto layout = made_place(dir.path());
  ASSERT_TRUE(layout.make_folder("a").ok());
  EXPECT_EQ(kind_of(layout.make_folder("a")), ErrorKind::kExists);
}

}  // namespace
}  // namespace vecferry::local
