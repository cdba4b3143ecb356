#include "vecferry/archive/sealed_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace vecferry::testing {
namespace {

const std::string kPath = "collections/docs/20261123T132000123Z-1f2e3d4c.json";
const std::string kText = "{\n \"a\": 1,\n \"b\": [\"x\", {\"}\": null}]\n}";

ArchiveKey key_of(char digit) {
  return *ArchiveKey::parse(std::string(64, digit), "test");
}

TEST(SealedFile, PlainOneIsJsonThatSaysItsHash) {
  const std::string sealed = *seal(kText, nullptr, kPath);
  const auto json = nlohmann::json::parse(sealed);
  EXPECT_EQ(json.at("a"), 1);
  // printf '%s' '{<newline> "a": 1,<newline> "b": ["x", {"}": null}]' | sha256sum
  EXPECT_EQ(json.at("sha256"), "f11d936c3218630689ea9f1b69a6f3031a98a08d17004e00a18c8ae73d5f9084");
  EXPECT_EQ(nlohmann::json::parse(*unseal(sealed, nullptr, kPath)), nlohmann::json::parse(kText));
}

TEST(SealedFile, EncryptedOneShowsNothing) {
  const auto key = key_of('a');
  const std::string sealed = *seal(kText, &key, kPath);
  EXPECT_EQ(sealed.substr(0, 8), "VFSEAL1\n");
  EXPECT_EQ(sealed.size(), 8 + 12 + kText.size() + 16);
  EXPECT_EQ(sealed.find("\"a\""), std::string::npos);
  EXPECT_EQ(*unseal(sealed, &key, kPath), kText);
  EXPECT_NE(sealed, *seal(kText, &key, kPath)) << "the same nonce twice";
}

void every_flip_is_seen(const ArchiveKey* key) {
  const std::string sealed = *seal(kText, key, kPath);
  for (size_t at = 0; at < sealed.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string flipped = sealed;
      flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ (1U << bit));
      const auto opened = unseal(flipped, key, kPath);
      ASSERT_FALSE(opened.ok()) << "byte " << at << ", bit " << bit;
      EXPECT_EQ(kind_of(opened.status()), ErrorKind::kCorrupt);
      EXPECT_NE(opened.status().message().find(kPath), std::string::npos);
    }
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(unseal(sealed.substr(0, size), key, kPath).ok()) << size;
  }
  EXPECT_FALSE(unseal(sealed + " ", key, kPath).ok());
}

TEST(SealedFile, EveryFlippedBitOfAPlainOneIsSeen) {
  every_flip_is_seen(nullptr);
}

TEST(SealedFile, EveryFlippedBitOfAnEncryptedOneIsSeen) {
  const auto key = key_of('a');
  every_flip_is_seen(&key);
}

TEST(SealedFile, OpensWithItsKeyAtItsPlaceAlone) {
  const auto key = key_of('a');
  const auto other = key_of('b');
  const std::string sealed = *seal(kText, &key, kPath);
  EXPECT_EQ(kind_of(unseal(sealed, &other, kPath).status()), ErrorKind::kCorrupt);
  EXPECT_EQ(kind_of(unseal(sealed, &key, "collections/other/x.json").status()),
            ErrorKind::kCorrupt);
  const auto without = unseal(sealed, nullptr, kPath);
  EXPECT_EQ(kind_of(without.status()), ErrorKind::kRefused);
  EXPECT_NE(failure_of(without.status()).next.find("--key-file"), std::string::npos);
  // Whoever can write to the bucket cannot put a plain manifest in an encrypted archive.
  EXPECT_EQ(kind_of(unseal(*seal(kText, nullptr, kPath), &key, kPath).status()),
            ErrorKind::kCorrupt);
}

TEST(SealedFile, SmallAndOddObjects) {
  const auto key = key_of('c');
  for (const std::string text : {"{\"a\":1}", "{\"a\":1}\n", "{ \"é\" : \"日\" }"}) {
    const auto plain = seal(text, nullptr, kPath);
    ASSERT_TRUE(plain.ok());
    EXPECT_EQ(nlohmann::json::parse(*unseal(*plain, nullptr, kPath)), nlohmann::json::parse(text));
    EXPECT_EQ(*unseal(*seal(text, &key, kPath), &key, kPath), text);
  }
  EXPECT_EQ(*unseal(*seal("{}", &key, kPath), &key, kPath), "{}");
  EXPECT_FALSE(seal("no object", nullptr, kPath).ok());
}

}  // namespace
}  // namespace vecferry::testing
