#pragma once

#include <string>

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry {

/// The vectors of a collection in words: "the vector: dense float32[384] Cosine; …".
std::string vector_words(const CollectionConfig& config);

/// Can points of both lie side by side? Of one name, kind, size and distance; elements may be
/// converted.
bool fits(const VectorSpec& a, const VectorSpec& b);

/// Do the points of one collection go into another that exists? Points of one kind do not go into
/// vectors of another, nor under another distance.
/// Errors: kIncompatible with a table of the vectors of both.
Status check_same_vectors(const CollectionConfig& source, const CollectionConfig& target);

}  // namespace vecferry
