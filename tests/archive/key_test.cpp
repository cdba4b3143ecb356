#include "vecferry/archive/key.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_dir.h"

namespace vecferry::testing {
namespace {

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

std::string bytes_of(const ArchiveKey& key) {
  const auto view = key.bytes().as_view();
  return std::string(view);
}

std::string thirty_two() {
  std::string bytes;
  for (char i = 0; i < 32; ++i) {
    bytes.push_back(i);
  }
  return bytes;
}

TEST(ArchiveKeyText, HexAndBase64AreTheSameKey) {
  EXPECT_EQ(bytes_of(*ArchiveKey::parse(kHex, "x")), thirty_two());
  EXPECT_EQ(bytes_of(*ArchiveKey::parse(kBase64, "x")), thirty_two());
  EXPECT_EQ(bytes_of(*ArchiveKey::parse(" \t" + kHex + "\r\n", "x")), thirty_two());
}

TEST(ArchiveKeyText, AnythingElseIsRefusedWithoutAWordOfIt) {
  const std::string near = kHex.substr(0, 63);
  for (const std::string& text :
       {std::string(), std::string("hunter2"), near, near + "g", kHex + "0",
        kBase64.substr(0, 43) + "?", kBase64.substr(0, 40) + "AAAA", std::string(44, '='),
        std::string(64, ' '), kHex.substr(0, 62) + "+1"}) {
    const auto key = ArchiveKey::parse(text, "VECFERRY_KEY");
    ASSERT_FALSE(key.ok()) << text;
    const auto failure = failure_of(key.status());
    EXPECT_EQ(failure.kind, ErrorKind::kUsage);
    EXPECT_EQ(failure.where, "VECFERRY_KEY");
    EXPECT_EQ(key.status().ToString().find("hunter2"), std::string::npos);
    EXPECT_EQ(key.status().ToString().find(kHex.substr(0, 20)), std::string::npos);
  }
}

// Fixed for ever: archives of version 1 open with nothing else. Checked with Python's
// cryptography: HKDF(SHA256(), 32, salt, info).derive(bytes(range(32))).
TEST(ArchiveKeyDerivation, IsHkdfOfIdAndUse) {
  const auto key = *ArchiveKey::parse(kHex, "x");
  const std::string id = "6f1e1c9e-5a55-4e9b-8a37-2d1a0d1d6a4b";
  const auto hex = [](const ArchiveKey& derived) {
    std::string text;
    for (const char byte : bytes_of(derived)) {
      constexpr const char* kDigits = "0123456789abcdef";
      text += kDigits[static_cast<unsigned char>(byte) >> 4U];
      text += kDigits[static_cast<unsigned char>(byte) & 15U];
    }
    return text;
  };
  EXPECT_EQ(hex(*key.derive(id, KeyUse::kManifest)),
            "ee85f5b07189776af69ff28103128e4af1fde6c54536e0b1d4741a9eb3d76f82");
  EXPECT_EQ(hex(*key.derive(id, KeyUse::kSegment)),
            "ac4adc54af54c545f80acd3cc9892a028f876a96fef27b45514ab7302b06c9bd");
  EXPECT_NE(hex(*key.derive("other", KeyUse::kSegment)),
            "ac4adc54af54c545f80acd3cc9892a028f876a96fef27b45514ab7302b06c9bd");
}

TEST(ArchiveKeyFile, IsReadAndItsAbsenceSaid) {
  const TempDir dir;
  const auto none = ArchiveKey::read(dir.file("archive.key"));
  EXPECT_EQ(kind_of(none.status()), ErrorKind::kUsage);
  EXPECT_NE(none.status().message().find("archive.key"), std::string::npos);
  std::ofstream(dir.file("archive.key")) << kHex << "\n";
  EXPECT_EQ(bytes_of(*ArchiveKey::read(dir.file("archive.key"))), thirty_two());
}

TEST(ArchiveKeyFile, RightsOfOthersAreSeen) {
  const TempDir dir;
  const std::filesystem::path file = dir.file("archive.key");
  std::ofstream(file) << kHex;
  using std::filesystem::perms;
  std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
  EXPECT_FALSE(is_open_to_others(file));
  std::filesystem::permissions(file, perms::owner_read | perms::group_read);
  EXPECT_TRUE(is_open_to_others(file));
  EXPECT_FALSE(is_open_to_others(dir.file("none")));
}

}  // namespace
}  // namespace vecferry::testing
