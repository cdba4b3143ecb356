#include "vecferry/ops/verify.h"

#include <gtest/gtest.h>

#include "tests/support/backends.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/ops/explain.h"
#include "vecferry/transform/round_floats.h"

namespace vecferry {
namespace {

using testing::Generator;
using testing::must;

const StopToken kNoStop = StopToken::Unstoppable();

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    Generator generator(17);
    points_ = generator.points(config_, 120, {.unit_cosine = false});
    must(testing::fill(*left_, "c", config_, points_));
  }

  VerifyRequest request(Backend& right) const {
    return {.a = {.backend = left_.get(), .collection = "c", .label = "memory:a/c"},
            .b = {.backend = &right, .collection = "c", .label = "memory:b/c"}};
  }

  CollectionConfig config_ = Generator::every_kind();
  std::vector<testing::TestPoint> points_;
  std::unique_ptr<Backend> left_ = memory_backend();
};

TEST_F(VerifyTest, SameIsEqual) {
  const auto right = memory_backend();
  must(testing::fill(*right, "c", config_, points_));
  Progress progress;
  const auto report = verify(request(*right), progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(report.points.equal);
  EXPECT_TRUE(report.config_differences.empty());
  EXPECT_TRUE(report.transforms.empty());
}

TEST_F(VerifyTest, OtherSettingsAreToldApartFromPoints) {
  auto other = config_;
  const auto at = other.settings_json.find("\"ef_construct\":100");
  ASSERT_NE(at, std::string::npos);
  other.settings_json.replace(at, 18, "\"ef_construct\":200");
  const auto right = memory_backend();
  must(testing::fill(*right, "c", other, points_));
  Progress progress;
  const auto report = verify(request(*right), progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(report.points.equal);
  EXPECT_EQ(report.config_differences.size(), 1U);
}

// The other place stores unit vectors; this side is changed the same way before it is compared,
// whichever side comes first.
TEST_F(VerifyTest, APlaceThatNormalisesComparesEqual) {
  MemoryOptions options;
  options.capabilities.normalises_cosine = true;
  const auto right = memory_backend(options);
  Adaptation adaptation =
      adapt(config_, {}, config_, {.normalises_cosine = true, .shard_keys = true}).ValueOrDie();
  ASSERT_FALSE(adaptation.transforms.empty());
  auto batch = testing::to_batch(config_, points_);
  for (const auto& transform : adaptation.transforms) {
    batch = transform->apply(batch).ValueOrDie();
  }
  must(testing::fill(*right, "c", config_, testing::to_points(*batch)));
  Progress progress;
  auto forward = request(*right);
  EXPECT_TRUE(verify(forward, progress, kNoStop).ValueOrDie().points.equal);
  std::swap(forward.a, forward.b);
  const auto report = verify(forward, progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(report.points.equal);
  EXPECT_EQ(report.transforms.size(), 1U);
}

// Floats that print with an exponent may move on every trip through the engine's parser.
TEST_F(VerifyTest, CopiesBetweenPlacesThatRoundCompareEqual) {
  MemoryOptions rounding;
  rounding.capabilities.rounds_payload_floats = true;
  const auto source = memory_backend(rounding);
  const auto target = memory_backend(rounding);
  auto points = points_;
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].payload = "{\"tiny\":1.2345678901234" + std::to_string(100 + i) + "e-7}";
  }
  must(testing::fill(*source, "c", config_, points));
  const auto trip = round_floats();
  const auto batch = trip->apply(testing::to_batch(config_, points)).ValueOrDie();
  ASSERT_GT(trip->counts()["floats_rounded"], 0U);
  must(testing::fill(*target, "c", config_, testing::to_points(*batch)));
  Progress progress;
  const VerifyRequest both{.a = {.backend = source.get(), .collection = "c", .label = "a"},
                           .b = {.backend = target.get(), .collection = "c", .label = "b"}};
  EXPECT_TRUE(verify(both, progress, kNoStop).ValueOrDie().points.equal);
}

TEST_F(VerifyTest, OtherVectorsDifferInsteadOfFailing) {
  const auto other =
      default_config({{"x", VectorKind::kDense, ElementType::kFloat32, 2, Distance::kDot}});
  Generator generator(18);
  const auto right = memory_backend();
  must(testing::fill(*right, "c", other, generator.points(other, 10)));
  Progress progress;
  const auto report = verify(request(*right), progress, kNoStop).ValueOrDie();
  EXPECT_FALSE(report.points.equal);
  EXPECT_FALSE(report.config_differences.empty());
}

TEST_F(VerifyTest, ExplainsWhatDiffers) {
  auto changed = points_;
  changed[5].payload = R"({"only_here":1})";
  const std::string name = changed[9].vectors.begin()->first;
  changed[9].vectors.erase(name);
  const auto right = memory_backend();
  must(testing::fill(*right, "c", config_, changed));
  Progress progress;
  const auto report = verify(request(*right), progress, kNoStop).ValueOrDie();
  ASSERT_EQ(report.points.different, 2U);
  const auto sides = comparable_sides(request(*right), kNoStop).ValueOrDie();
  const auto details =
      explain_differences(sides.a, sides.b, report.points.different_ids, kNoStop).ValueOrDie();
  ASSERT_EQ(details.size(), 2U);
  EXPECT_EQ(details[0].id, points_[5].id);
  EXPECT_NE(std::find(details[0].parts.begin(), details[0].parts.end(),
                      "payload key 'only_here' only in the second"),
            details[0].parts.end());
  EXPECT_EQ(details[1].parts, std::vector<std::string>{vector_label(name) + " only in the first"});
}

}  // namespace
}  // namespace vecferry
