#pragma once

#include <cstdint>

#include "tests/support/points.h"
#include "vecferry/model/config.h"

/// The points that place_worker writes, so that a test can tell what should be there.
namespace vecferry::testing {

CollectionConfig worker_config();

/// Every part of it depends on the generation, so that a torn point shows.
TestPoint worker_point(uint64_t id, uint64_t generation);

}  // namespace vecferry::testing
