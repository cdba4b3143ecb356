#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "tests/support/points.h"

/// What a ship_worker ships, for those who look at it afterwards.
namespace vecferry::testing {

inline constexpr const char* kWorkerCollection = "shop";
inline constexpr size_t kWorkerBatch = 50;
inline constexpr size_t kWorkerRows = 400;

/// Indexed from a few points on.
CollectionConfig worker_config();
std::vector<TestPoint> worker_points(size_t batch);
std::shared_ptr<arrow::RecordBatch> worker_batch(size_t batch);

}  // namespace vecferry::testing
