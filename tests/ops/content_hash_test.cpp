#include "vecferry/ops/content_hash.h"

#include <gtest/gtest.h>

#include "arrow/record_batch.h"
#include "tests/support/points.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

std::string normalised(std::string_view text) {
  std::string out = "before ";
  append_normalised(text, &out);
  return out.substr(7);
}

TEST(ContentHash, WhiteSpaceIsOneBlank) {
  EXPECT_EQ(normalised("a b"), "a b");
  EXPECT_EQ(normalised("  a\t\r\n b \v\f"), "a b");
  EXPECT_EQ(normalised("a\u00A0\u2003\u3000b\u0085"), "a b");
  EXPECT_EQ(normalised("\u1680\u2000\u200A\u2028\u2029\u202F\u205F"), "");
  EXPECT_EQ(normalised(""), "");
}

TEST(ContentHash, EverythingElseStays) {
  // Zero-width space and the byte order mark are no white space; other scripts share lead bytes.
  for (const std::string_view text : {"Ä-ä", "A\u0308", "\u200B", "\uFEFF", "€", "ひらがな", "¡¿",
                                      "\u2010", "🙂", "\xE2\x80", "\xC2"}) {
    EXPECT_EQ(normalised(text), text);
  }
}

// A promise: duplicates of last year are duplicates today.
TEST(ContentHash, HashesArePinned) {
  EXPECT_EQ(to_hex(*content_hash("a b")), "e932d71afddc92588044f8a624582c4c");
  EXPECT_EQ(content_hash("  a \n b"), content_hash("a b"));
  EXPECT_NE(content_hash("A b"), content_hash("a b"));
  EXPECT_NE(content_hash("ab"), content_hash("a b"));
  EXPECT_EQ(content_hash(" \t"), std::nullopt);
}

TEST(RowHasher, SeesVectorsAndPayloadButNoIds) {
  testing::Generator generator(21);
  const auto config = testing::Generator::every_kind();
  RowHasher hasher;
  for (int i = 0; i < 200; ++i) {
    auto point = generator.point(config);
    auto other_id = point;
    other_id.id = generator.id();
    auto other_payload = point;
    other_payload.payload = point.payload.empty() ? R"({"a":1})" : "";
    auto other_vectors = generator.point(config);
    other_vectors.payload = point.payload;
    const auto batch =
        testing::to_batch(config, {other_vectors, point, other_id, other_payload})->Slice(1);
    const auto view = PointsView::make(*batch).ValueOrDie();
    EXPECT_EQ(hasher.whole(view, 0), hasher.whole(view, 1));
    EXPECT_NE(hasher.whole(view, 0), hasher.whole(view, 2));
    EXPECT_EQ(hasher.vectors(view, 0), hasher.vectors(view, 2));
    EXPECT_EQ(hasher.vectors(view, 0).has_value(), !point.vectors.empty());
    const auto all = testing::to_batch(config, {other_vectors});
    const auto others = PointsView::make(*all).ValueOrDie();
    if (other_vectors.vectors != point.vectors) {
      EXPECT_NE(hasher.vectors(view, 0), hasher.vectors(others, 0));
      EXPECT_NE(hasher.whole(view, 0), hasher.whole(others, 0));
    }
  }
}

}  // namespace
}  // namespace vecferry
