#include "vecferry/transform/rename_vectors.h"

#include <gtest/gtest.h>

#include "tests/transform/apply.h"

namespace vecferry {
namespace {

using testing::applied;
using testing::Generator;
using Names = std::map<std::string, std::string>;

TEST(RenameVectorsTest, Renames) {
  const auto config = Generator::every_kind();
  Generator random(2);
  const auto points = random.points(config, 40);
  for (const Names& names : {Names{{"", "zz"}}, Names{{"half", "bytes"}, {"bytes", "half"}},
                             Names{{"words", "a"}, {"multi", ""}, {"", "multi"}}}) {
    const auto transform = rename_vectors(names).ValueOrDie();
    const auto new_name = [&](const std::string& name) {
      const auto found = names.find(name);
      return found == names.end() ? name : found->second;
    };
    auto expected = points;
    for (auto& point : expected) {
      std::map<std::string, testing::TestVector> vectors;
      for (auto& [name, vector] : point.vectors) {
        vectors.emplace(new_name(name), vector);
      }
      point.vectors = vectors;
    }
    EXPECT_EQ(applied(*transform, config, points), expected);
    const auto after = transform->config(config).ValueOrDie();
    EXPECT_EQ(after.vectors.size(), config.vectors.size());
    for (const VectorSpec& spec : config.vectors) {
      VectorSpec renamed = spec;
      renamed.name = new_name(spec.name);
      EXPECT_EQ(after.vector(renamed.name).ValueOrDie(), renamed);
    }
    EXPECT_EQ(parse_collection_config(to_json(after)).ValueOrDie().vectors, after.vectors);
  }
}

TEST(RenameVectorsTest, CollisionsAreRefused) {
  const auto config = Generator::every_kind();
  for (const Names& names : {Names{{"half", "bytes"}}, Names{{"half", "x"}, {"words", "x"}}}) {
    const auto after = rename_vectors(names).ValueOrDie()->config(config);
    EXPECT_EQ(kind_of(after.status()), ErrorKind::kUsage);
  }
  EXPECT_EQ(kind_of(rename_vectors({{"none", "x"}}).ValueOrDie()->config(config).status()),
            ErrorKind::kNotFound);
  EXPECT_EQ(kind_of(rename_vectors({{"half", "a/b"}}).status()), ErrorKind::kIncompatible);
}

TEST(RenameVectorsTest, ReadsTheCommandLine) {
  Names names;
  EXPECT_TRUE(add_rename("a=b", &names).ok());
  EXPECT_TRUE(add_rename("=text", &names).ok());
  EXPECT_TRUE(add_rename("c=", &names).ok());
  EXPECT_TRUE(add_rename("d=e=f", &names).ok());
  EXPECT_EQ(names, (Names{{"a", "b"}, {"", "text"}, {"c", ""}, {"d", "e=f"}}));
  EXPECT_EQ(kind_of(add_rename("nothing", &names)), ErrorKind::kUsage);
  EXPECT_EQ(kind_of(add_rename("a=c", &names)), ErrorKind::kUsage);
  EXPECT_EQ(rename_vectors({{"", "text"}, {"a", "b"}}).ValueOrDie()->describe(),
            "renames the vector to 'text', vector 'a' to 'b'");
}

}  // namespace
}  // namespace vecferry
