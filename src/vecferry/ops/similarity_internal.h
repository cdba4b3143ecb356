#pragma once

#include <span>
#include <vector>

#include "vecferry/model/points_schema.h"

namespace vecferry {

/// A vector taken out of its batch: dense and multivectors as float32, sparse as pairs.
struct QueryVector {
  VectorSpec spec{};
  std::vector<float> values{};      ///< multivector: inner vectors one after the other
  std::vector<uint32_t> indices{};  ///< sparse only
};

QueryVector take_vector(const VectorColumn& column, const VectorSpec& spec, int64_t row);

/// Is a larger score nearer? Not for Euclid and Manhattan, whose scores are distances.
bool larger_is_nearer(Distance distance);

/// The score as Qdrant defines it: cosine, dot product, distance; the sum of best inner scores for
/// multivectors; the dot product for sparse ones. Both have the same kind and dimension.
float score(const QueryVector& query, const QueryVector& other);

}  // namespace vecferry
