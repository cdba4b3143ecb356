#include "vecferry/backend/location.h"

#include <gtest/gtest.h>

#include <string>

namespace vecferry {
namespace {

struct Case {
  std::string text;
  PlaceKind kind;
  std::string address;
  std::string collection;
};

class Locations : public ::testing::TestWithParam<Case> {};

TEST_P(Locations, AreReadAndPrintedBack) {
  const auto& expected = GetParam();
  const auto location = parse_location(expected.text);
  ASSERT_TRUE(location.ok()) << location.status().ToString();
  EXPECT_EQ(location->place.kind, expected.kind);
  EXPECT_EQ(location->place.address, expected.address);
  EXPECT_EQ(location->collection, expected.collection);
  const auto again = parse_location(to_string(*location));
  ASSERT_TRUE(again.ok()) << to_string(*location);
  EXPECT_EQ(*again, *location);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Locations,
    ::testing::Values(Case{"local:store/docs", PlaceKind::kLocal, "store", "docs"},
                      Case{"local:/var/lib/x/docs", PlaceKind::kLocal, "/var/lib/x", "docs"},
                      Case{"local:/docs", PlaceKind::kLocal, "/", "docs"},
                      Case{"local:a//docs", PlaceKind::kLocal, "a", "docs"},
                      Case{"local:store/a%2Fb", PlaceKind::kLocal, "store", "a/b"},
                      Case{"local:store/caf\u00e9.v2", PlaceKind::kLocal, "store", "caf\u00e9.v2"},
                      Case{"local:store/docs.json", PlaceKind::kLocal, "store", "docs.json"},
                      Case{"http://db:6333/docs", PlaceKind::kQdrant, "http://db:6333", "docs"},
                      Case{"https://h/prefix/docs", PlaceKind::kQdrant, "https://h/prefix", "docs"},
                      Case{"qdrant://h:6334/docs", PlaceKind::kQdrant, "qdrant://h:6334", "docs"},
                      Case{"archive:s3://bucket/p/docs", PlaceKind::kArchive, "s3://bucket/p",
                           "docs"},
                      Case{"docs.json", PlaceKind::kFile, "docs.json", ""},
                      Case{"a/b/docs.jsonl.zst", PlaceKind::kFile, "a/b/docs.jsonl.zst", ""},
                      Case{"docs.json.gz", PlaceKind::kFile, "docs.json.gz", ""},
                      Case{"/tmp/x.parquet", PlaceKind::kFile, "/tmp/x.parquet", ""},
                      Case{"-", PlaceKind::kFile, "-", ""}));

TEST(Location, WhatIsNoneSaysWhatToWrite) {
  for (const char* text : {"docs", "docs.csv", "local:store", "local:", "http://db:6333", "",
                           "local:store/", "store/docs"}) {
    const auto location = parse_location(text);
    ASSERT_FALSE(location.ok()) << text;
    EXPECT_EQ(kind_of(location.status()), ErrorKind::kUsage) << text;
    EXPECT_FALSE(failure_of(location.status()).next.empty()) << text;
  }
}

TEST(Location, PlacesKeepTheirFolders) {
  const auto place = parse_place("local:a/b/");
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(place->address, "a/b");
  EXPECT_FALSE(parse_place("local:").ok());
  EXPECT_FALSE(parse_place("docs").ok());
}

TEST(Percent, EncodingNeverMeetsAnotherName) {
  EXPECT_EQ(percent_encode("docs_v2.1-x"), "docs_v2.1-x");
  EXPECT_EQ(percent_encode(".hidden"), "%2Ehidden");
  EXPECT_EQ(percent_encode(".."), "%2E.");
  EXPECT_EQ(percent_encode("a/b"), "a%2Fb");
  EXPECT_EQ(percent_encode("a%2Fb"), "a%252Fb");
  for (const std::string name : {"", "a b", "\xC3\xA9\n", "100%", "..", "a/../b"}) {
    const auto back = percent_decode(percent_encode(name));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, name);
  }
  for (const char* text : {"%", "%2", "%zz", "a%"}) {
    EXPECT_EQ(kind_of(percent_decode(text).status()), ErrorKind::kUsage) << text;
  }
}

}  // namespace
}  // namespace vecferry
