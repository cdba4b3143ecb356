#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Make unit vectors of what a Qdrant collection would normalise on insert; the names are those of
/// the target's Cosine vectors of float32 and float16, dense and multi (each inner vector by
/// itself). What comes out is stored by the server bit by bit as it is; unit vectors and all but
/// zero ones, which the server leaves alone, are left alone. Counts `vectors_normalised`, in
/// points. A vector with a NaN or an infinity is kIncompatible. Source: qdrant-edge,
/// segment/spaces/simple.rs and tools.rs.
std::unique_ptr<Transform> normalise(std::vector<std::string> names);

/// One vector; false when it has a NaN or an infinity, and is unchanged.
bool normalise_vector(std::span<float> vector);

/// Does the engine store the vector as it is, on whichever of its code paths?
bool engine_keeps(std::span<const float> vector);

}  // namespace vecferry
