#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/point_id.h"

/// Points as tests like them: plain values, exact to the bit, and a seeded source of odd ones.
namespace vecferry::testing {

/// Abort on an error: for the test's own set-up.
void must(const Status& status);

/// Elements are bytes, so that NaN compares by its bits; of a sparse vector they are its values.
struct TestVector {
  std::vector<std::byte> elements{};
  std::vector<uint32_t> indices{};

  friend bool operator==(const TestVector&, const TestVector&) = default;
};

TestVector dense(const std::vector<float>& values);
TestVector sparse(std::vector<uint32_t> indices, const std::vector<float>& values);

struct TestPoint {
  PointId id{};
  std::optional<std::string> shard_key{};
  std::map<std::string, TestVector> vectors{};  ///< a vector that is not here is absent
  std::string payload{};                        ///< canonical; empty: none

  friend bool operator==(const TestPoint&, const TestPoint&) = default;
};

/// What identifies a point in a collection.
using PointKey = std::pair<PointId, std::optional<std::string>>;
using PointMap = std::map<PointKey, TestPoint>;

/// Aborts on a mistake in the test itself.
std::shared_ptr<arrow::RecordBatch> to_batch(const CollectionConfig& config,
                                             const std::vector<TestPoint>& points);
std::vector<TestPoint> to_points(const arrow::RecordBatch& batch);

/// One line for messages.
std::string to_string(const TestPoint& point);

/// What is missing, extra or different, a line each, at most `limit`; empty when equal.
std::vector<std::string> differences(const PointMap& expected, const PointMap& got,
                                     size_t limit = 10);

struct GeneratorOptions {
  bool non_finite = false;  ///< NaN and infinities in vectors
  bool shard_keys = false;
  bool missing_vectors = true;
  bool unit_cosine = true;   ///< Cosine float vectors are unit vectors, as Qdrant keeps them
  bool long_floats = false;  ///< payload floats of 17 digits, which Qdrant's parser may move
  int max_payload_depth = 6;
  uint64_t id_limit = 0;  ///< ids below it only, so that they collide; 0: any id, UUIDs too
};

/// The same seed gives the same points on every run and machine.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  /// Every kind of vector there is, some of each element type, one of them unnamed.
  static CollectionConfig every_kind();
  /// Up to four vectors of any kind.
  CollectionConfig config();

  TestPoint point(const CollectionConfig& config, const GeneratorOptions& options = {});
  /// Points with different ids, in id order.
  std::vector<TestPoint> points(const CollectionConfig& config, size_t count,
                                const GeneratorOptions& options = {});
  std::string payload(const GeneratorOptions& options = {});
  PointId id(const GeneratorOptions& options = {});

  /// A number below `limit`, which is not 0.
  uint64_t below(uint64_t limit) { return random_() % limit; }
  bool chance(uint64_t one_in) { return below(one_in) == 0; }

 private:
  TestVector vector(const VectorSpec& spec, const GeneratorOptions& options);
  float element(const GeneratorOptions& options);
  void append_value(int depth, const GeneratorOptions& options, std::string* out);
  void append_object(int depth, const GeneratorOptions& options, std::string* out);

  std::mt19937_64 random_;
};

}  // namespace vecferry::testing
