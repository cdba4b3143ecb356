#include "vecferry/transform/adapt.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/transform/apply.h"

namespace vecferry {
namespace {

using testing::dense;

constexpr PlaceFacts kEngine{.normalises_cosine = true, .rounds_payload_floats = true};
constexpr PlaceFacts kFile{.shard_keys = true};

std::vector<std::string> words(const Adaptation& made) {
  std::vector<std::string> words;
  for (const auto& transform : made.transforms) {
    words.push_back(transform->describe());
  }
  return words;
}

VectorSpec spec(std::string name, ElementType element, Distance distance,
                VectorKind kind = VectorKind::kDense) {
  return {std::move(name), kind, element, 4, distance};
}

using Words = std::vector<std::string>;

TEST(AdaptTest, NothingBetweenPlacesThatKeepAll) {
  const auto config = testing::Generator::every_kind();
  const auto made = adapt(config, kFile, config, kFile).ValueOrDie();
  EXPECT_EQ(words(made), Words{});
  EXPECT_EQ(made.losses, Words{});
}

TEST(AdaptTest, IntoAnEngine) {
  const auto config =
      default_config({spec("", ElementType::kFloat32, Distance::kCosine),
                      spec("b", ElementType::kUint8, Distance::kCosine),
                      spec("d", ElementType::kFloat32, Distance::kDot),
                      spec("h", ElementType::kFloat16, Distance::kCosine),
                      spec("m", ElementType::kFloat32, Distance::kCosine, VectorKind::kMulti)});
  EXPECT_EQ(words(adapt(config, kFile, config, kEngine).ValueOrDie()),
            (Words{"normalises the vector, vector 'h', vector 'm' where the target would",
                   "rounds payload floats where the target's JSON parser does"}));
  // What one engine holds, the next one leaves as it is, except halves.
  EXPECT_EQ(words(adapt(config, kEngine, config, kEngine).ValueOrDie()),
            (Words{"normalises vector 'h' where the target would",
                   "rounds payload floats where the target's JSON parser does"}));
}

TEST(AdaptTest, NarrowingIsALossAndComesBetweenTwoNormalisings) {
  const auto source = default_config({spec("", ElementType::kFloat32, Distance::kCosine),
                                      spec("b", ElementType::kFloat32, Distance::kEuclid),
                                      spec("w", ElementType::kUint8, Distance::kEuclid)});
  const auto target = default_config({spec("", ElementType::kFloat16, Distance::kCosine),
                                      spec("b", ElementType::kUint8, Distance::kEuclid),
                                      spec("more", ElementType::kUint8, Distance::kEuclid),
                                      spec("w", ElementType::kFloat16, Distance::kEuclid)});
  const auto made = adapt(source, kFile, target, {.normalises_cosine = true}).ValueOrDie();
  EXPECT_EQ(words(made),
            (Words{"normalises the vector where the target would",
                   "converts the vector to float16, vector 'b' to uint8, vector 'w' to float16",
                   "normalises the vector where the target would"}));
  EXPECT_EQ(made.losses, (Words{"the vector is narrowed from float32 to float16",
                                "vector 'b' is narrowed from float32 to uint8"}));
  // And they fit one after the other.
  auto batch = testing::to_batch(
      source, {{.id = PointId::of(uint64_t{1}),
                .vectors = {{"", dense({1, 2, 3, 4})}, {"b", dense({1, 2, 3, 400})}}}});
  for (const auto& transform : made.transforms) {
    batch = transform->apply(batch).ValueOrDie();
  }
  EXPECT_EQ(config_of(*batch->schema()).ValueOrDie().vector("b").ValueOrDie().element,
            ElementType::kUint8);
}

TEST(AdaptTest, AVectorWithoutAPlaceIsIncompatible) {
  const auto source = default_config({spec("a", ElementType::kFloat32, Distance::kDot)});
  VectorSpec wider = spec("a", ElementType::kFloat32, Distance::kDot);
  wider.dim = 5;
  for (const VectorSpec& other :
       {spec("b", ElementType::kFloat32, Distance::kDot), wider,
        spec("a", ElementType::kFloat32, Distance::kDot, VectorKind::kMulti)}) {
    const auto made = adapt(source, kFile, default_config({other}), kFile);
    EXPECT_EQ(kind_of(made.status()), ErrorKind::kIncompatible);
    EXPECT_NE(failure_of(made.status()).what.find("vector 'a'"), std::string::npos);
  }
}

TEST(AdaptTest, LossesAreSaid) {
  CollectionConfig source = default_config({spec("a", ElementType::kFloat32, Distance::kDot)});
  auto settings = nlohmann::json::parse(source.settings_json);
  settings["params"]["sharding_method"] = "custom";
  source.settings_json = settings.dump();
  source.aliases = {"one", "two"};
  const auto target = default_config({spec("a", ElementType::kFloat32, Distance::kEuclid)});
  const auto made =
      adapt(source, kFile, target, {.aliases = false, .settings = false}).ValueOrDie();
  EXPECT_EQ(words(made), Words{"drops shard keys"});
  ASSERT_EQ(made.losses.size(), 4U);
  EXPECT_NE(made.losses[0].find("compared by Dot in the source, by Euclid"), std::string::npos);
  EXPECT_NE(made.losses[1].find("shard keys"), std::string::npos);
  EXPECT_NE(made.losses[2].find("not the settings"), std::string::npos);
  EXPECT_NE(made.losses[3].find("2 of them"), std::string::npos);
}

}  // namespace
}  // namespace vecferry
