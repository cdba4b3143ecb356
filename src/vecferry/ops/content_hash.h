#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "vecferry/digest/digest.h"

/// Fingerprints that tell whether two points are the same thing, whatever their ids.
/// Source: docs/merge-and-split.md, "When two points are duplicates".
namespace vecferry {

class PointsView;

/// Version of the normal form and the hash; those of different versions do not compare.
inline constexpr int kContentHashVersion = 1;

/// The normal form of a text: every run of white space is one blank, none at either end. White
/// space is U+0009..000D, U+0020, U+0085, U+00A0, U+1680, U+2000..200A, U+2028, U+2029, U+202F,
/// U+205F and U+3000. Letters stay as they are: case and composition are kept, so that no version
/// of Unicode changes a hash. Appended to `*out`.
void append_normalised(std::string_view text, std::string* out);

/// XXH3-128 (seed 0) of the normal form; nothing for a text of white space alone, since empty texts
/// are no duplicates of each other.
std::optional<Digest128> content_hash(std::string_view text);

/// Hashes of single rows; keeps its buffers, so that no row allocates.
/// Thread: one caller at a time.
class RowHasher {
 public:
  RowHasher();
  ~RowHasher();
  RowHasher(RowHasher&&) noexcept;
  RowHasher& operator=(RowHasher&&) noexcept;

  /// All vectors of a point, bit by bit, with their names; nothing for a point without any.
  std::optional<Digest128> vectors(const PointsView& points, int64_t row);
  /// All of a point but its id and shard key.
  Digest128 whole(const PointsView& points, int64_t row);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace vecferry
