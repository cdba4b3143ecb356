#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "vecferry/backend/backend.h"

namespace vecferry::testing {

/// Makes an empty place; it lives as long as what comes back.
using PlaceMaker = std::function<std::shared_ptr<Backend>()>;

/// Clone, rename, merge, split, sync both ways and one, alias, empty, drop and undo, at random, on
/// a place and on a std::map of what should be there; compared after each. Seeds 1 to `seeds`, or
/// the one in VECFERRY_TEST_SEED. Fails the test with seed, last operation and difference.
void expect_operations_agree(const PlaceMaker& make, uint64_t seeds, int operations);

}  // namespace vecferry::testing
