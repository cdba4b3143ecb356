#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "tests/support/points.h"
#include "vecferry/backend/backend.h"

/// Places for suites that run over every kind of them.
namespace vecferry::testing {

/// One place of a kind, empty when made, gone when destroyed.
class Place {
 public:
  virtual ~Place() = default;
  virtual Backend& backend() = 0;
  /// A collection name that it takes; a file has one only.
  virtual std::string name() const { return "shop"; }
};

struct PlaceKind {
  std::string label{};
  std::function<std::unique_ptr<Place>()> make{};
  /// The collections that it can hold.
  CollectionConfig config = Generator::every_kind();
};

inline std::string label_of(const ::testing::TestParamInfo<PlaceKind>& info) {
  return info.param.label;
}

// For gtest, which prints bytes otherwise; the name is gtest's.
// NOLINTNEXTLINE(readability-identifier-naming)
inline void PrintTo(const PlaceKind& kind, std::ostream* out) {
  *out << kind.label;
}

/// Points that a place holds exactly as they are.
inline GeneratorOptions points_that_fit(const Capabilities& claims) {
  return {.non_finite = claims.non_finite && !claims.normalises_cosine,
          .shard_keys = claims.shard_keys,
          .unit_cosine = true,
          .long_floats = !claims.rounds_payload_floats,
          .max_payload_depth = claims.max_payload_depth < 6 ? claims.max_payload_depth : 6};
}

}  // namespace vecferry::testing
