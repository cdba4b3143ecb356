#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/place.h"
#include "tests/support/points.h"
#include "vecferry/backend/backend.h"

/// What every backend promises. A test file instantiates `BackendContract` with its places; what a
/// place claims must work, and what it does not claim must be refused as kIncompatible.
namespace vecferry::testing {

class BackendContract : public ::testing::TestWithParam<PlaceKind> {
 protected:
  BackendContract();

  Backend& backend() { return place_->backend(); }
  Capabilities can() { return backend().capabilities(); }

  /// Points that this place holds exactly as they are.
  std::vector<TestPoint> some_points(size_t count);
  /// A finished collection of these points.
  void make(const std::vector<TestPoint>& points);
  PointMap read(const ScanOptions& options = {});

  std::unique_ptr<Place> place_;
  std::string name_;
  CollectionConfig config_;
  Generator random_{20261122};
};

}  // namespace vecferry::testing
