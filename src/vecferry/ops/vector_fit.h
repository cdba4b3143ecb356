#pragma once

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry {

/// Do the points of one collection go into another that exists? Points of one kind do not go into
/// vectors of another, nor under another distance.
/// Errors: kIncompatible with a table of the vectors of both.
Status check_same_vectors(const CollectionConfig& source, const CollectionConfig& target);

}  // namespace vecferry
