#include "vecferry/digest/digest.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "arrow/record_batch.h"
#include "tests/support/points.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

using testing::dense;
using testing::Generator;
using testing::sparse;
using testing::TestPoint;
using testing::to_batch;
using Json = nlohmann::ordered_json;

RangeDigest digest_of(const CollectionConfig& config, const std::vector<TestPoint>& points) {
  RangeDigest sum;
  testing::must(digest_batch(*to_batch(config, points), &sum, nullptr));
  return sum;
}

TestPoint point(uint64_t id, std::map<std::string, testing::TestVector> vectors = {},
                std::string payload = "") {
  return {.id = PointId::of(id), .vectors = std::move(vectors), .payload = std::move(payload)};
}

VectorSpec float32(std::string name, uint32_t dim) {
  return {std::move(name), VectorKind::kDense, ElementType::kFloat32, dim, Distance::kDot};
}

// One collection with every kind, and points that use them.
CollectionConfig golden_config() {
  return default_config({float32("", 2),
                         {"b", VectorKind::kDense, ElementType::kUint8, 3, Distance::kDot},
                         {"h", VectorKind::kDense, ElementType::kFloat16, 2, Distance::kDot},
                         {"m", VectorKind::kMulti, ElementType::kFloat32, 2, Distance::kDot},
                         {"s", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot}});
}

testing::TestVector bytes(const std::vector<int>& values) {
  testing::TestVector vector;
  for (const int value : values) {
    vector.elements.push_back(static_cast<std::byte>(value));
  }
  return vector;
}

std::vector<std::pair<std::string, TestPoint>> golden_points() {
  Uuid uuid{};
  for (size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = static_cast<uint8_t>(17 * i);
  }
  TestPoint by_uuid{.id = PointId::of(uuid)};
  TestPoint sharded = point(7);
  sharded.shard_key = "north";
  TestPoint empty_key = point(7);
  empty_key.shard_key = "";
  return {
      {"number 0, nothing else", point(0)},
      {"number 7, nothing else", point(7)},
      {"the last number", point(~uint64_t{0})},
      {"a UUID", by_uuid},
      {"shard key", sharded},
      {"empty shard key", empty_key},
      {"unnamed float32", point(7, {{"", dense({0.5F, -1.0F})}})},
      {"zero float32", point(7, {{"", dense({0.0F, 0.0F})}})},
      {"negative zero float32", point(7, {{"", dense({-0.0F, 0.0F})}})},
      {"NaN and infinity", point(7, {{"", dense({std::bit_cast<float>(0x7fc00001U),
                                                 std::bit_cast<float>(0xff800000U)})}})},
      {"uint8", point(7, {{"b", bytes({0, 1, 255})}})},
      {"float16", point(7, {{"h", bytes({0x00, 0x3c, 0x00, 0xc0})}})},
      {"multivector of two", point(7, {{"m", dense({1.0F, 2.0F, 3.0F, 4.0F})}})},
      {"multivector of one", point(7, {{"m", dense({1.0F, 2.0F})}})},
      {"sparse", point(7, {{"s", sparse({1, 4294967294U}, {0.25F, -3.0F})}})},
      {"empty sparse", point(7, {{"s", sparse({}, {})}})},
      {"payload", point(7, {}, R"({"a":1,"b":1.0,"c":"naïve"})")},
      {"everything",
       {.id = by_uuid.id,
        .shard_key = "north",
        .vectors = {{"", dense({0.5F, -1.0F})},
                    {"b", bytes({0, 1, 255})},
                    {"h", bytes({0x00, 0x3c, 0x00, 0xc0})},
                    {"m", dense({1.0F, 2.0F, 3.0F, 4.0F})},
                    {"s", sparse({1, 4294967294U}, {0.25F, -3.0F})}},
        .payload = R"({"a":1})"}},
  };
}

TEST(DigestTest, GoldenVectorsStay) {
  const std::string path = VECFERRY_SOURCE_DIR "/tests/golden/digest.json";
  Json got = {{"version", kDigestVersion}, {"points", Json::object()}};
  RangeDigest sum;
  for (const auto& [name, each] : golden_points()) {
    std::vector<Digest128> digests;
    ASSERT_TRUE(digest_batch(*to_batch(golden_config(), {each}), &sum, &digests).ok());
    ASSERT_EQ(digests.size(), 1U);
    got["points"][name] = to_hex(digests.front());
  }
  got["all"] = {{"count", sum.count}, {"sum", to_hex(sum.sum)}};
  if (std::getenv("VECFERRY_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << got.dump(2) << "\n";
  }
  std::ifstream file(path);
  ASSERT_TRUE(file.good()) << path;
  EXPECT_EQ(Json::parse(file), got);
}

// The layout of docs/digest.md, line by line, hashed in one piece.
TEST(DigestTest, HashesTheDocumentedBytes) {
  std::string bytes_hashed;
  const auto put = [&](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes_hashed += static_cast<char>(value >> static_cast<unsigned>(8 * i));
    }
  };
  put(1, 1);    // id: a number
  put(300, 8);  //
  put(1, 1);    // shard key: there
  put(2, 8);    //
  bytes_hashed += "k1";
  put(2, 4);  // two vectors
  put(0, 8);  // the unnamed one
  put(2, 1);  // multivector
  put(2, 1);  // float16
  put(1, 8);  // dim
  put(3, 8);  // inner vectors
  put(0x3c00, 2);
  put(0x4000, 2);
  put(0xc000, 2);
  put(2, 8);  // name
  bytes_hashed += "sp";
  put(3, 1);  // sparse
  put(1, 1);  // float32
  put(0, 8);  // dim
  put(2, 8);  // entries
  put(5, 4);  // indices
  put(9, 4);
  put(std::bit_cast<uint32_t>(1.5F), 4);  // values
  put(std::bit_cast<uint32_t>(-2.0F), 4);
  put(7, 8);  // payload
  bytes_hashed += R"({"a":1})";
  const auto hash = XXH3_128bits(bytes_hashed.data(), bytes_hashed.size());

  const auto config =
      default_config({{"", VectorKind::kMulti, ElementType::kFloat16, 1, Distance::kDot},
                      {"absent", VectorKind::kDense, ElementType::kFloat32, 4, Distance::kDot},
                      {"sp", VectorKind::kSparse, ElementType::kFloat32, 0, Distance::kDot}});
  const TestPoint each{.id = PointId::of(300),
                       .shard_key = "k1",
                       .vectors = {{"", bytes({0x00, 0x3c, 0x00, 0x40, 0x00, 0xc0})},
                                   {"sp", sparse({5, 9}, {1.5F, -2.0F})}},
                       .payload = R"({"a":1})"};
  EXPECT_EQ(digest_of(config, {each}).sum, (Digest128{hash.high64, hash.low64}));
}

TEST(DigestTest, NoTwoGoldenPointsAreAlike) {
  std::vector<std::string> seen;
  for (const auto& [name, each] : golden_points()) {
    seen.push_back(to_hex(digest_of(golden_config(), {each}).sum));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

TEST(DigestTest, AbsentIsNotZero) {
  const auto config = default_config({float32("", 2), float32("b", 2)});
  const auto zero = dense({0.0F, 0.0F});
  const auto absent = digest_of(config, {point(1)});
  const auto first = digest_of(config, {point(1, {{"", zero}})});
  const auto second = digest_of(config, {point(1, {{"b", zero}})});
  EXPECT_NE(absent, first);
  EXPECT_NE(absent, second);
  EXPECT_NE(first, second);
}

TEST(DigestTest, AVectorThatNoPointHasDoesNotCount) {
  const auto one = default_config({float32("a", 2)});
  const auto two = default_config({float32("a", 2), float32("b", 2)});
  const std::vector<TestPoint> points = {point(1, {{"a", dense({1.0F, 2.0F})}})};
  EXPECT_EQ(digest_of(one, points), digest_of(two, points));
}

TEST(DigestTest, BitsOfNanCount) {
  const auto config = default_config({float32("", 1)});
  const auto nan = [](uint32_t bits) {
    return point(1, {{"", dense({std::bit_cast<float>(bits)})}});
  };
  EXPECT_NE(digest_of(config, {nan(0x7fc00000U)}), digest_of(config, {nan(0x7fc00001U)}));
  EXPECT_NE(digest_of(config, {nan(0x7fc00000U)}), digest_of(config, {nan(0xffc00000U)}));
  EXPECT_EQ(digest_of(config, {nan(0x7fc00001U)}), digest_of(config, {nan(0x7fc00001U)}));
}

// Parts that lie next to each other cannot pass for one another.
TEST(DigestTest, PartsAreFramed) {
  const auto config = default_config({float32("a", 1), float32("ab", 1), float32("b", 1)});
  const auto x = dense({1.0F});
  const auto y = dense({2.0F});
  EXPECT_NE(digest_of(config, {point(1, {{"a", x}, {"b", y}})}),
            digest_of(config, {point(1, {{"a", y}, {"b", x}})}));
  EXPECT_NE(digest_of(config, {point(1, {{"a", x}})}), digest_of(config, {point(1, {{"ab", x}})}));
  TestPoint key = point(1);
  key.shard_key = R"({"a":1})";
  EXPECT_NE(digest_of(config, {key}), digest_of(config, {point(1, {}, R"({"a":1})")}));
  const auto shapes = default_config(
      {{"m", VectorKind::kMulti, ElementType::kFloat32, 1, Distance::kDot}, float32("n", 2)});
  const auto wide = default_config({float32("m", 2)});
  EXPECT_NE(digest_of(shapes, {point(1, {{"m", dense({1.0F, 2.0F})}})}),
            digest_of(wide, {point(1, {{"m", dense({1.0F, 2.0F})}})}));
}

TEST(DigestTest, ADuplicateChangesTheSum) {
  const auto config = default_config({});
  const auto once = digest_of(config, {point(1), point(2)});
  const auto twice = digest_of(config, {point(1), point(2), point(2)});
  EXPECT_EQ(twice.count, 3U);
  EXPECT_NE(once.sum, twice.sum);
  // Even in the place of another point, where the count cannot tell.
  EXPECT_NE(digest_of(config, {point(1), point(2), point(3)}).sum, twice.sum);
}

TEST(DigestTest, OrderGroupingAndSlicesDoNotCount) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Generator random(seed);
    const auto config = seed % 2 == 0 ? Generator::every_kind() : random.config();
    auto points = random.points(config, 40, {.non_finite = true, .shard_keys = seed % 3 == 0});
    const auto batch = to_batch(config, points);
    RangeDigest whole;
    std::vector<Digest128> digests;
    ASSERT_TRUE(digest_batch(*batch, &whole, &digests).ok());
    ASSERT_EQ(whole.count, 40U);

    RangeDigest sliced;
    std::vector<Digest128> sliced_digests;
    for (int64_t first = 0; first < 40;) {
      const auto count = static_cast<int64_t>(random.below(12));
      RangeDigest part;
      ASSERT_TRUE(digest_batch(*batch->Slice(first, count), &part, &sliced_digests).ok());
      sliced.merge(part);
      first += count;
    }
    EXPECT_EQ(sliced, whole);
    EXPECT_EQ(sliced_digests, digests);

    std::shuffle(points.begin(), points.end(), std::mt19937_64(seed));
    EXPECT_EQ(digest_of(config, points), whole);
  }
}

TEST(DigestTest, EveryBitOfAPointCounts) {
  Generator random(5);
  const auto config = Generator::every_kind();
  const auto points = random.points(config, 30, {.missing_vectors = false});
  for (const TestPoint& original : points) {
    const auto before = digest_of(config, {original});
    for (const VectorSpec& spec : config.vectors) {
      TestPoint changed = original;
      auto& elements = changed.vectors[spec.name].elements;
      if (elements.empty()) {
        continue;
      }
      elements[random.below(elements.size())] ^= static_cast<std::byte>(1U << random.below(8));
      EXPECT_NE(digest_of(config, {changed}), before) << spec.name;
    }
    TestPoint no_payload = original;
    no_payload.payload.clear();
    EXPECT_EQ(digest_of(config, {no_payload}) == before, original.payload.empty());
  }
}

TEST(RangeDigestTest, SumsModulo128Bits) {
  RangeDigest digest;
  digest.add({~uint64_t{0}, ~uint64_t{0}});
  digest.add({0, 2});
  EXPECT_EQ(digest, (RangeDigest{2, {0, 1}}));
  digest.add({0, ~uint64_t{0}});
  EXPECT_EQ(digest, (RangeDigest{3, {1, 0}}));
  RangeDigest empty;
  digest.merge(empty);
  EXPECT_EQ(digest, (RangeDigest{3, {1, 0}}));
  empty.merge(digest);
  EXPECT_EQ(empty, digest);
}

TEST(Digest128Test, HexBothWays) {
  const Digest128 digest{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(to_hex(digest), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(digest_from_hex(to_hex(digest)), digest);
  EXPECT_EQ(digest_from_hex(""), std::nullopt);
  EXPECT_EQ(digest_from_hex("0123456789abcdeffedcba987654321"), std::nullopt);
  EXPECT_EQ(digest_from_hex("0123456789ABCDEFFEDCBA9876543210"), std::nullopt);
  EXPECT_EQ(digest_from_hex("0123456789abcdeffedcba987654321g"), std::nullopt);
}

TEST(DigestTest, ForeignBatchIsCorrupt) {
  const auto batch = to_batch(default_config({}), {point(1)});
  const auto foreign = batch->RemoveColumn(0).ValueOrDie();
  RangeDigest sum;
  const Status status = digest_batch(*foreign, &sum, nullptr);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(kind_of(status), ErrorKind::kCorrupt);
  EXPECT_EQ(sum, RangeDigest{});
}

}  // namespace
}  // namespace vecferry
