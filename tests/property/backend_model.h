#pragma once

#include <cstdint>
#include <string>

#include "tests/support/place.h"

namespace vecferry::testing {

/// Random operations on a collection of the place and on a std::map; what the two hold is compared
/// on the way and at the end. Empty when they agree, else the seed, the last operations and the
/// difference.
std::string disagreement(const PlaceKind& kind, uint64_t seed, int operations);

/// Seeds 1 to `seeds`, or the one in VECFERRY_TEST_SEED.
void expect_agreement(const PlaceKind& kind, uint64_t seeds, int operations);

}  // namespace vecferry::testing
