#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <vector>

#include "tests/support/points.h"
#include "vecferry/backend/backend.h"

/// Reading, filling and comparing collections through the interface alone.
namespace vecferry::testing {

/// All that a reader gives.
/// Errors: those of the backend; kInternal when the same point comes twice.
Result<PointMap> read_all(Backend& backend, std::string_view name, const ScanOptions& options = {});

/// The batches themselves, in the order in which they came.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> read_batches(
    Backend& backend, std::string_view name, const ScanOptions& options = {});

/// Create, write, finish.
Status fill(Backend& backend, std::string_view name, const CollectionConfig& config,
            const std::vector<TestPoint>& points, size_t rows_per_batch = 64);

PointMap map_of(const std::vector<TestPoint>& points);

::testing::AssertionResult same_points(const PointMap& expected, const PointMap& got);

/// Points and configurations (not aliases) of two collections, anywhere.
::testing::AssertionResult same_collections(Backend& a, std::string_view a_name, Backend& b,
                                            std::string_view b_name);

}  // namespace vecferry::testing
