#include "vecferry/formats/file_format.h"

#include <gtest/gtest.h>

namespace vecferry {
namespace {

TEST(FileFormat, ComesFromTheExtension) {
  for (const char* text : {"json", "jsonl", "parquet", "snapshot", "json.zst", "jsonl.zst",
                           "json.gz", "jsonl.gz", "snapshot.zst"}) {
    const auto format = parse_file_format(std::string("a.b/docs.") + text);
    ASSERT_TRUE(format.ok()) << text;
    EXPECT_EQ(to_string(*format), text);
    EXPECT_EQ(*format, *parse_file_format(text));
  }
  EXPECT_EQ(parse_file_format("DOCS.JSON")->form, FileForm::kPlainJson);
}

TEST(FileFormat, UnknownExtensionListsTheKnown) {
  for (const char* path : {"docs.csv", "docs", "docs.zst", "", "json.d/docs"}) {
    const auto format = parse_file_format(path);
    ASSERT_FALSE(format.ok()) << path;
    EXPECT_EQ(kind_of(format.status()), ErrorKind::kUsage);
    EXPECT_NE(failure_of(format.status()).next.find(".parquet"), std::string::npos);
  }
}

TEST(FileFormat, IsGuessedFromFirstBytes) {
  EXPECT_EQ(guess_file_format("PAR1....").form, FileForm::kParquet);
  EXPECT_EQ(guess_file_format("{\"format\":\"vecferry.collection\"}\n{\"id\":1}\n").form,
            FileForm::kJsonLines);
  EXPECT_EQ(guess_file_format("{\n  \"collection_name\": \"docs\",").form, FileForm::kPlainJson);
  EXPECT_EQ(guess_file_format("[{\"id\":1}]").form, FileForm::kPlainJson);
  EXPECT_EQ(guess_file_format("{\"documents\":[]}\n").form, FileForm::kPlainJson);
  EXPECT_EQ(guess_file_format("\x28\xB5\x2F\xFD rest").compression, FileCompression::kZstd);
}

TEST(FileFormat, StemIsTheNameAlone) {
  EXPECT_EQ(stem_of("a/b/docs.json.zst"), "docs");
  EXPECT_EQ(stem_of("docs.v2.parquet"), "docs.v2");
  EXPECT_EQ(stem_of("docs"), "docs");
  EXPECT_EQ(stem_of(".json"), ".json");
}

}  // namespace
}  // namespace vecferry
