#include "vecferry/pipeline/compare.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/pipeline/support_internal.h"
#include "tests/support/faulty_backend.h"

namespace vecferry {
namespace {

using testing::Filled;
using testing::Generator;
using testing::must;
using testing::TestPoint;

const StopToken kNoStop = StopToken::Unstoppable();

struct Changed {
  std::vector<TestPoint> points;
  std::vector<PointId> missing;
  std::vector<PointId> extra;
  std::vector<PointId> different;
};

// Some points gone, some new, some with another payload or vector.
Changed change(const Filled& filled, uint64_t seed) {
  std::mt19937_64 random(seed);
  Generator generator(seed + 1000);
  Changed changed;
  for (const auto& point : filled.points) {
    const auto dice = random() % 20;
    if (dice == 0) {
      changed.missing.push_back(point.id);
      continue;
    }
    changed.points.push_back(point);
    if (dice == 1) {
      changed.points.back().payload =
          point.payload == R"({"changed":true})" ? R"({"changed":1})" : R"({"changed":true})";
      changed.different.push_back(point.id);
    }
  }
  for (int i = 0; i < 5; ++i) {
    auto point = generator.point(filled.config);
    point.id = PointId::of(uint64_t{1} << 63U | static_cast<uint64_t>(i));
    point.shard_key.reset();
    changed.points.push_back(point);
    changed.extra.push_back(point.id);
  }
  return changed;
}

MemoryOptions unordered() {
  MemoryOptions options;
  options.capabilities.ordered = false;
  options.capabilities.splittable = false;
  return options;
}

class Compare : public ::testing::TestWithParam<bool> {
 protected:
  MemoryOptions options() const { return GetParam() ? unordered() : MemoryOptions{}; }
};

TEST_P(Compare, EqualCollectionsAreEqual) {
  const Filled a(21, 700);
  const Filled b(21, 700, options());
  Progress progress;
  const auto found = compare_points(a.source(), b.source(), {}, progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(found.equal);
  EXPECT_EQ(found.a, found.b);
  EXPECT_EQ(found.a.count, 700U);
}

TEST_P(Compare, NamesExactlyWhatDiffers) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Filled a(seed, 600, options());
    const auto changed = change(a, seed);
    const auto backend = memory_backend();
    must(testing::fill(*backend, "c", a.config, changed.points));
    Progress progress;
    progress.expected = 400'000;  // many ranges, so that only some are looked into
    const Source b{.backend = backend.get(), .collection = "c"};
    const auto found = compare_points(a.source(), b, {.max_ids = 1000}, progress, kNoStop);
    ASSERT_TRUE(found.ok());
    EXPECT_FALSE(found->equal) << "seed " << seed;
    EXPECT_EQ(found->missing_ids, changed.missing) << "seed " << seed;
    EXPECT_EQ(found->extra_ids, changed.extra) << "seed " << seed;
    EXPECT_EQ(found->different_ids, changed.different) << "seed " << seed;
    EXPECT_EQ(found->missing, changed.missing.size());
  }
}

TEST_P(Compare, IgnoresExtraWhenToldTo) {
  const Filled whole(31, 300, options());
  auto some = whole.points;
  some.resize(100);
  const auto backend = memory_backend();
  must(testing::fill(*backend, "c", whole.config, some));
  const Source part{.backend = backend.get(), .collection = "c"};
  Progress progress;
  const auto found =
      compare_points(part, whole.source(), {.ignore_extra = true}, progress, kNoStop).ValueOrDie();
  EXPECT_TRUE(found.equal);
  EXPECT_EQ(found.extra, 0U);
}

TEST_P(Compare, CountsAllButNamesSome) {
  const Filled a(41, 300, options());
  const auto backend = memory_backend();
  must(backend->create("c", a.config, kNoStop));
  must(backend->finish("c", a.config, kNoStop));
  const Source empty{.backend = backend.get(), .collection = "c"};
  Progress progress;
  const auto found =
      compare_points(a.source(), empty, {.max_ids = 7}, progress, kNoStop).ValueOrDie();
  EXPECT_EQ(found.missing, 300U);
  EXPECT_EQ(found.missing_ids.size(), 7U);
}

INSTANTIATE_TEST_SUITE_P(Order, Compare, ::testing::Bool(),
                         [](const auto& order) { return order.param ? "Unordered" : "Ordered"; });

// The smallest memory spools fingerprints to files; the answer is the same.
TEST(CompareSpool, FilesGiveTheSameAnswer) {
  const Filled a(51, 30'000, unordered());
  const auto changed = change(a, 51);
  const auto backend = memory_backend(unordered());
  must(testing::fill(*backend, "c", a.config, changed.points, 1024));
  const Source b{.backend = backend.get(), .collection = "c"};
  Progress progress;
  const auto found = compare_points(a.source(1 << 20), b, {.max_ids = 100'000, .memory_bytes = 1},
                                    progress, kNoStop)
                         .ValueOrDie();
  EXPECT_EQ(found.missing_ids, changed.missing);
  EXPECT_EQ(found.different_ids, changed.different);
  EXPECT_EQ(found.extra_ids, changed.extra);
}

TEST(CompareShardKeys, TheKeyBelongsToThePoint) {
  Generator generator(61);
  const auto config = Generator::every_kind();
  auto point = generator.point(config);
  point.id = PointId::of(5);
  std::vector<TestPoint> both(2, point);
  both[0].shard_key = "a";
  both[1].shard_key = "b";
  std::vector<TestPoint> other = both;
  other[1].shard_key = "c";
  const auto left = memory_backend();
  const auto right = memory_backend();
  must(testing::fill(*left, "c", config, both));
  must(testing::fill(*right, "c", config, other));
  const Source a{.backend = left.get(), .collection = "c"};
  const Source b{.backend = right.get(), .collection = "c"};
  Progress progress;
  EXPECT_TRUE(compare_points(a, a, {}, progress, kNoStop).ValueOrDie().equal);
  const auto found = compare_points(a, b, {}, progress, kNoStop).ValueOrDie();
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.extra, 1U);
}

// A place that claims id order and breaks it must not make points look missing.
class Backwards : public PointReader {
 public:
  explicit Backwards(std::vector<std::shared_ptr<arrow::RecordBatch>> batches)
      : batches_(std::move(batches)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return batches_.front()->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = batches_.empty() ? nullptr : batches_.back();
    if (!batches_.empty()) {
      batches_.pop_back();
    }
    return Status::OK();
  }
  IdRange cursor() const override { return {}; }

 private:
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
};

class BackwardsBackend : public testing::FaultyBackend {
 public:
  BackwardsBackend(Backend& inner, testing::Faults& faults)
      : FaultyBackend(inner, faults), inner_(inner) {}
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken /*stop*/) override {
    ARROW_ASSIGN_OR_RAISE(auto batches, testing::read_batches(inner_, name, options));
    return std::make_unique<Backwards>(std::move(batches));
  }

 private:
  Backend& inner_;
};

TEST(CompareOrder, BrokenOrderIsAnError) {
  const Filled a(71, 200);
  auto changed = change(a, 71);
  const auto backend = memory_backend();
  must(testing::fill(*backend, "c", a.config, changed.points));
  testing::Faults faults;
  BackwardsBackend backwards(*backend, faults);
  const Source b{.backend = &backwards, .collection = "c", .batch_bytes = 4 << 10};
  Progress progress;
  const auto found = compare_points(a.source(), b, {}, progress, kNoStop);
  EXPECT_EQ(kind_of(found.status()), ErrorKind::kCorrupt);
  EXPECT_NE(found.status().message().find("id order"), std::string::npos);
}

}  // namespace
}  // namespace vecferry
