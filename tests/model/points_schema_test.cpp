#include "vecferry/model/points_schema.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "tests/support/points.h"
#include "vecferry/model/points_builder.h"

namespace vecferry {
namespace {

using testing::Generator;

std::shared_ptr<arrow::RecordBatch> sample(uint64_t seed, size_t count,
                                           std::vector<testing::TestPoint>* points = nullptr) {
  Generator generator(seed);
  const auto config = Generator::every_kind();
  auto made = generator.points(config, count, {.non_finite = true, .shard_keys = true});
  auto batch = testing::to_batch(config, made);
  if (points != nullptr) {
    *points = std::move(made);
  }
  return batch;
}

TEST(PointsSchema, HasTheColumnsInOrder) {
  const auto schema = points_schema(Generator::every_kind());
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ((*schema)->field(0)->name(), "id");
  EXPECT_EQ((*schema)->field(1)->name(), "uuid");
  EXPECT_EQ((*schema)->field(2)->name(), "shard_key");
  EXPECT_EQ((*schema)->field(3)->name(), "vector");
  EXPECT_EQ((*schema)->fields().back()->name(), "payload");
  EXPECT_EQ(config_of(**schema).ValueOrDie(), Generator::every_kind());
}

TEST(PointsSchema, ChosenVectorsOnly) {
  const auto config = Generator::every_kind();
  const auto schema = points_schema(config, std::vector<std::string>{""});
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ((*schema)->num_fields(), 5);
  EXPECT_EQ(kind_of(points_schema(config, std::vector<std::string>{"nope"}).status()),
            ErrorKind::kNotFound);
}

TEST(PointsView, ReadsWhatTheBuilderWrote) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<testing::TestPoint> points;
    const auto batch = sample(seed, 50, &points);
    ASSERT_TRUE(validate_points(*batch).ok()) << "seed " << seed;
    EXPECT_EQ(testing::to_points(*batch), points) << "seed " << seed;
  }
}

// A slice has an offset that raw buffers do not know.
TEST(PointsView, ReadsSlices) {
  std::vector<testing::TestPoint> points;
  const auto batch = sample(3, 40, &points);
  for (const int64_t start : {1, 7, 8, 13}) {
    const auto slice = batch->Slice(start, 20);
    ASSERT_TRUE(validate_points(*slice).ok());
    const std::vector<testing::TestPoint> expected(points.begin() + start,
                                                   points.begin() + start + 20);
    EXPECT_EQ(testing::to_points(*slice), expected) << "from row " << start;
    const auto inner = slice->Slice(3, 5);
    EXPECT_EQ(testing::to_points(*inner),
              std::vector<testing::TestPoint>(expected.begin() + 3, expected.begin() + 8));
  }
}

TEST(PointsView, RefusesOtherColumns) {
  const auto batch = arrow::RecordBatch::MakeEmpty(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("uuid", arrow::utf8())}));
  EXPECT_EQ(kind_of(PointsView::make(**batch).status()), ErrorKind::kCorrupt);
  const auto other =
      arrow::RecordBatch::MakeEmpty(arrow::schema({arrow::field("price", arrow::float64())}));
  EXPECT_EQ(kind_of(PointsView::make(**other).status()), ErrorKind::kCorrupt);
}

TEST(ValidatePoints, NamesTheRowWithoutAnId) {
  const auto batch = sample(5, 4);
  auto columns = batch->columns();
  columns[0] = arrow::MakeArrayOfNull(arrow::uint64(), 4).ValueOrDie();
  columns[1] = arrow::MakeArrayOfNull(arrow::fixed_size_binary(16), 4).ValueOrDie();
  const Status status =
      validate_points(*arrow::RecordBatch::Make(batch->schema(), 4, std::move(columns)));
  EXPECT_EQ(kind_of(status), ErrorKind::kCorrupt);
  EXPECT_NE(failure_of(status).where.find("row 0"), std::string::npos);
}

class Builder : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = default_config({{"d", VectorKind::kDense, ElementType::kFloat32, 2, Distance::kDot},
                              {"h", VectorKind::kDense, ElementType::kFloat16, 1, Distance::kDot},
                              {"m", VectorKind::kMulti, ElementType::kFloat32, 2, Distance::kDot},
                              {"s", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot},
                              {"u", VectorKind::kDense, ElementType::kUint8, 2, Distance::kDot}});
    builder_ = PointsBuilder::make(points_schema(config_).ValueOrDie()).ValueOrDie();
    ASSERT_TRUE(builder_->start_point(PointId::of(1)).ok());
  }

  Status floats(size_t column, std::vector<float> values) {
    return builder_->append_vector(column, values);
  }

  CollectionConfig config_;
  std::unique_ptr<PointsBuilder> builder_;
};

TEST_F(Builder, WrongLengthsSayBoth) {
  const Status status = floats(0, {1, 2, 3});
  EXPECT_EQ(kind_of(status), ErrorKind::kIncompatible);
  EXPECT_EQ(status.message(), "expected dim 2, got 3");
  EXPECT_FALSE(floats(0, {}).ok());
  EXPECT_FALSE(floats(2, {1, 2, 3}).ok());
  EXPECT_TRUE(floats(2, {1, 2, 3, 4}).ok());
}

TEST_F(Builder, AVectorComesOnce) {
  EXPECT_TRUE(floats(0, {1, 2}).ok());
  EXPECT_EQ(kind_of(floats(0, {1, 2})), ErrorKind::kCorrupt);
}

TEST_F(Builder, Uint8TakesWholeNumbersOnly) {
  EXPECT_FALSE(floats(4, {1, 0.5}).ok());
  EXPECT_FALSE(floats(4, {-1, 0}).ok());
  EXPECT_FALSE(floats(4, {256, 0}).ok());
  EXPECT_FALSE(floats(4, {std::numeric_limits<float>::quiet_NaN(), 0}).ok());
  EXPECT_TRUE(floats(4, {0, 255}).ok());
}

TEST_F(Builder, Float16RoundsToNearestEven) {
  // 1 + 2^-11 lies half-way between 1 and the next half; even is 1.
  ASSERT_TRUE(floats(1, {1.00048828125F}).ok());
  const auto batch = builder_->finish().ValueOrDie();
  const auto view = PointsView::make(*batch).ValueOrDie();
  const auto bytes = view.vectors()[1].elements(0);
  EXPECT_EQ(std::to_integer<int>(bytes[0]) | std::to_integer<int>(bytes[1]) << 8, 0x3C00);
}

TEST_F(Builder, SparseIndicesAscend) {
  const std::vector<uint32_t> good = {1, 5};
  const std::vector<uint32_t> twice = {5, 5};
  const std::vector<uint32_t> back = {5, 1};
  const std::vector<float> values = {0.5F, -0.5F};
  EXPECT_FALSE(builder_->append_sparse(3, twice, values).ok());
  EXPECT_FALSE(builder_->append_sparse(3, back, values).ok());
  EXPECT_FALSE(builder_->append_sparse(3, good, std::vector<float>{1}).ok());
  EXPECT_TRUE(builder_->append_sparse(3, good, values).ok());
}

TEST_F(Builder, GoesOnAfterABatch) {
  ASSERT_TRUE(floats(0, {1, 2}).ok());
  ASSERT_TRUE(builder_->append_payload(R"({"a":1})").ok());
  const auto first = builder_->finish().ValueOrDie();
  EXPECT_EQ(builder_->rows(), 0);
  ASSERT_TRUE(builder_->start_point(PointId::of(Uuid{1})).ok());
  const auto second = builder_->finish().ValueOrDie();
  ASSERT_TRUE(validate_points(*first).ok());
  ASSERT_TRUE(validate_points(*second).ok());
  const auto view = PointsView::make(*second).ValueOrDie();
  EXPECT_EQ(view.id(0), PointId::of(Uuid{1}));
  EXPECT_FALSE(view.vectors()[0].present(0));
  EXPECT_EQ(view.payload(0), "");
}

TEST(BatchBytes, CountsASliceOnly) {
  const auto batch = sample(9, 64);
  EXPECT_LT(batch_bytes(*batch->Slice(0, 8)), batch_bytes(*batch) / 4);
  EXPECT_GT(batch_bytes(*batch), 64 * 8);
}

}  // namespace
}  // namespace vecferry
