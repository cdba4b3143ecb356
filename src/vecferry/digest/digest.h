#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"

/// Fingerprints of points and of sets of points. They catch accidents, not attackers.
/// Source: docs/digest.md, which lays the hashed bytes down one by one.
namespace vecferry {

class PointsView;

/// Version of the byte layout; digests of different versions do not compare.
inline constexpr int kDigestVersion = 1;

struct Digest128 {
  uint64_t high = 0;
  uint64_t low = 0;

  friend bool operator==(const Digest128&, const Digest128&) = default;
};

/// 32 lower-case hex digits, the most significant first.
std::string to_hex(const Digest128& digest);
std::optional<Digest128> digest_from_hex(std::string_view hex);

/// Digest of a set of points: their number and the sum of their digests modulo 2^128. It does not
/// depend on order or grouping, and a point that is there twice changes it.
struct RangeDigest {
  uint64_t count = 0;
  Digest128 sum{};

  void add(const Digest128& point);
  void merge(const RangeDigest& other);

  friend bool operator==(const RangeDigest&, const RangeDigest&) = default;
};

/// Digests single rows; keeps its buffers, so that no row allocates.
/// Thread: one caller at a time.
class PointDigester {
 public:
  PointDigester();
  ~PointDigester();
  PointDigester(PointDigester&&) noexcept;
  PointDigester& operator=(PointDigester&&) noexcept;

  Digest128 digest(const PointsView& points, int64_t row);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// Add all points of a batch to `*sum` and, unless null, append their digests to `*per_point` in
/// row order. Errors: kCorrupt when the batch is not in the points schema; both outputs are then
/// untouched.
Status digest_batch(const arrow::RecordBatch& batch, RangeDigest* sum,
                    std::vector<Digest128>* per_point);

}  // namespace vecferry
