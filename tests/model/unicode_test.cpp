#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "vecferry/model/filter_internal.h"
#include "vecferry/model/unicode_internal.h"

namespace vecferry {
namespace {

std::string lower(std::string_view word) {
  std::string text;
  append_lowercase(word, &text);
  return text;
}

TEST(Unicode, KnowsLettersAndDigitsOfAnyScript) {
  for (const char32_t c :
       {U'a', U'Z', U'0', U'é', U'ß', U'Ж', U'中', U'ก', U'½', U'²', U'Ⅷ', U'٣', U'𝒳'}) {
    EXPECT_TRUE(is_alphanumeric(c)) << std::hex << static_cast<uint32_t>(c);
  }
  for (const char32_t c :
       {U' ', U'_', U'-', U'.', U'€', U'—', U'😀', U'\u00A0', U'\u0301', U'\u200D'}) {
    EXPECT_FALSE(is_alphanumeric(c)) << std::hex << static_cast<uint32_t>(c);
  }
}

TEST(Unicode, LowersAsRustDoes) {
  const std::pair<const char*, const char*> cases[] = {{"ABCxyz019", "abcxyz019"},
                                                       {"ÀÉÎÕÜŸ", "àéîõüÿ"},
                                                       {"Ā", "ā"},
                                                       {"ā", "ā"},
                                                       {"ŽŠ", "žš"},
                                                       {"ЖЫЯ", "жыя"},
                                                       {"ΑΩ", "αω"},
                                                       {"ΟΔΟΣ", "οδος"},
                                                       {"Σ", "σ"},
                                                       {"ẞ", "ß"},
                                                       {"İ", "i\u0307"},
                                                       {"Ǆ", "ǆ"},
                                                       {"ǅ", "ǆ"},
                                                       {"K", "k"},
                                                       {"Ⅷ", "ⅷ"},
                                                       {"𐐀", "𐐨"},
                                                       {"Ა", "ა"},
                                                       {"中", "中"}};
  for (const auto& [upper, expected] : cases) {
    EXPECT_EQ(lower(upper), expected);
  }
}

TEST(Unicode, DecodesWhatIsNotUtf8AsReplacement) {
  EXPECT_EQ(decode_utf8("\xFF").value, U'\uFFFD');
  EXPECT_EQ(decode_utf8("\xFF").length, 1U);
  EXPECT_EQ(decode_utf8("\xC3").length, 1U);
  EXPECT_EQ(decode_utf8("\xC3(").length, 1U);
  EXPECT_EQ(decode_utf8("😀!").value, U'😀');
  EXPECT_EQ(decode_utf8("😀!").length, 4U);
}

TEST(Unicode, SplitsWordsAtAnythingElse) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(filter_tree::words_of("The quick, brown—fox_2!"),
            (Words{"the", "quick", "brown", "fox", "2"}));
  EXPECT_EQ(filter_tree::words_of(" ... "), Words{});
  EXPECT_EQ(filter_tree::words_of(""), Words{});
  EXPECT_EQ(filter_tree::words_of("中文 ÄÖ"), (Words{"中文", "äö"}));
}

}  // namespace
}  // namespace vecferry
