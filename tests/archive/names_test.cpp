#include "vecferry/archive/names.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "vecferry/archive/manifest.h"

namespace vecferry::testing {
namespace {

// UTF-8 of any kind of character, slashes, dots, percent signs and controls included.
rc::Gen<std::string> any_name() {
  const auto piece = rc::gen::element<std::string>(
      "a", "Z", "7", ".", "..", "_", "-", "/", "\\", "%", "%2F", "%2e", " ", "\n",
      std::string(1, '\0'), "é", "e\u0301", "日", "😀", "\x7f", ":", "*", "~", "@");
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(piece), [](const std::vector<std::string>& all) {
        std::string name = "n";
        for (const auto& part : all) {
          name += part;
        }
        return name.substr(all.size() % 2);  // with and without a plain letter first
      });
}

TEST(Names, PlainOnesStayAsTheyAre) {
  EXPECT_EQ(encode_name("docs").ValueOrDie(), "docs");
  EXPECT_EQ(encode_name("docs_v2.1-final").ValueOrDie(), "docs_v2.1-final");
}

TEST(Names, NoneLeavesItsFolder) {
  for (const char* name : {".", "..", "../x", "a/b", "/etc", ".hidden", "a\\b", "~", "%2e%2e"}) {
    const std::string encoded = encode_name(name).ValueOrDie();
    EXPECT_EQ(encoded.find('/'), std::string::npos) << name;
    EXPECT_NE(encoded.front(), '.') << name;
    EXPECT_EQ(decode_name(encoded).ValueOrDie(), name);
  }
  EXPECT_EQ(encode_name("..").ValueOrDie(), "%2E.");
  EXPECT_EQ(encode_name("é").ValueOrDie(), "%C3%A9");
}

TEST(Names, NoTwoMeet) {
  const std::vector<std::string> names{"docs", "docs_v2", "docs/v2", "docs%2Fv2", "docs.v2",
                                       "a",    "A",       "é",       "e\u0301",   "%C3%A9",
                                       ".x",   "%2Ex",    "x",       "..",        "%2E."};
  std::set<std::string> encoded;
  for (const auto& name : names) {
    EXPECT_TRUE(encoded.insert(encode_name(name).ValueOrDie()).second) << name;
  }
}

TEST(Names, WhatCannotBeAFoldersNameIsRefused) {
  EXPECT_EQ(kind_of(encode_name("").status()), ErrorKind::kUsage);
  EXPECT_TRUE(encode_name(std::string(255, 'x')).ok());
  EXPECT_EQ(kind_of(encode_name(std::string(256, 'x')).status()), ErrorKind::kUsage);
  const auto many = encode_name(std::string(100, '/'));
  EXPECT_EQ(kind_of(many.status()), ErrorKind::kUsage);
  EXPECT_NE(failure_of(many.status()).next.find("--name"), std::string::npos);
}

// Manifests are JSON, which holds text alone.
TEST(Names, BytesThatAreNoTextAreRefused) {
  for (const char* name : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_EQ(kind_of(encode_name(name).status()), ErrorKind::kUsage) << name;
  }
  EXPECT_EQ(kind_of(decode_name("%FF").status()), ErrorKind::kCorrupt);
}

TEST(Names, OnlyWhatWasEncodedIsDecoded) {
  for (const char* encoded : {"", "..", ".x", "a/b", "%", "%2", "%2f", "%41", "a%2Eb", "a b", "é",
                              "%G0", "x%", "%2E%2E", "%-1"}) {
    EXPECT_EQ(kind_of(decode_name(encoded).status()), ErrorKind::kCorrupt) << encoded;
  }
}

RC_GTEST_PROP(NamesProperty, EveryNameComesBack, ()) {
  const std::string name = *any_name();
  const auto encoded = encode_name(name);
  if (!encoded.ok()) {
    RC_ASSERT(name.empty() || name.size() * 3 > 255);
    return;
  }
  RC_ASSERT(encoded->find('/') == std::string::npos);
  RC_ASSERT(encoded->front() != '.');
  const auto decoded = decode_name(*encoded);
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == name);
}

RC_GTEST_PROP(NamesProperty, TwoNamesAreTwoFolders, ()) {
  const auto a = *any_name();
  const auto b = *any_name();
  const auto folder_a = encode_name(a);
  const auto folder_b = encode_name(b);
  RC_PRE(folder_a.ok() && folder_b.ok());
  RC_ASSERT((a == b) == (*folder_a == *folder_b));
}

RC_GTEST_PROP(NamesProperty, DecodingNeverMakesTwoNamesOfOneFolder, (const std::string& bytes)) {
  const auto name = decode_name(bytes);
  if (name.ok()) {
    RC_ASSERT(*encode_name(*name) == bytes);
  } else {
    RC_ASSERT(kind_of(name.status()) == ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace vecferry::testing
