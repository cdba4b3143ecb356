#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "tests/support/points.h"
#include "vecferry/backend/backend.h"

/// What every backend promises. A test file instantiates `BackendContract` with its places; what a
/// place claims must work, and what it does not claim must be refused as kIncompatible.
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

class BackendContract : public ::testing::TestWithParam<PlaceKind> {
 protected:
  BackendContract();

  Backend& backend() { return place_->backend(); }
  Capabilities can() { return backend().capabilities(); }

  /// Points that this place holds exactly as they are.
  GeneratorOptions points_that_fit();
  std::vector<TestPoint> some_points(size_t count);
  /// A finished collection of these points.
  void make(const std::vector<TestPoint>& points);
  PointMap read(const ScanOptions& options = {});

  std::unique_ptr<Place> place_;
  std::string name_;
  CollectionConfig config_;
  Generator random_{20261122};
};

inline std::string label_of(const ::testing::TestParamInfo<PlaceKind>& info) {
  return info.param.label;
}

}  // namespace vecferry::testing
