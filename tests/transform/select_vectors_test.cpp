#include "vecferry/transform/select_vectors.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/transform/apply.h"

namespace vecferry {
namespace {

using testing::applied;
using testing::Generator;

TEST(SelectVectorsTest, KeepsTheNamedOnes) {
  const auto config = Generator::every_kind();
  Generator random(1);
  auto points = random.points(config, 40);
  const std::vector<std::vector<std::string>> choices = {
      {""}, {"half", "words"}, {"multi.half", "bytes", ""}, {}};
  for (const auto& names : choices) {
    const auto transform = select_vectors(names);
    auto expected = points;
    for (auto& point : expected) {
      std::erase_if(point.vectors, [&](const auto& vector) {
        return std::find(names.begin(), names.end(), vector.first) == names.end();
      });
    }
    EXPECT_EQ(applied(*transform, config, points), expected);
    const auto after = transform->config(config).ValueOrDie();
    ASSERT_EQ(after.vectors.size(), names.size());
    for (const VectorSpec& spec : after.vectors) {
      EXPECT_EQ(spec, config.vector(spec.name).ValueOrDie());
    }
    // The settings tell the same story.
    EXPECT_EQ(parse_collection_config(to_json(after)).ValueOrDie().vectors, after.vectors);
  }
}

TEST(SelectVectorsTest, AMissingNameIsNotFound) {
  const auto transform = select_vectors({"half", "none"});
  EXPECT_EQ(kind_of(transform->config(Generator::every_kind()).status()), ErrorKind::kNotFound);
}

TEST(SelectVectorsTest, Describes) {
  EXPECT_EQ(select_vectors({"a", ""})->describe(), "keeps only vector 'a', the vector");
  EXPECT_EQ(select_vectors({})->describe(), "drops all vectors");
}

}  // namespace
}  // namespace vecferry
