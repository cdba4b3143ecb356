#pragma once

#include <memory>
#include <span>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Make unit vectors of what a Qdrant collection would normalise on insert: Cosine vectors of
/// float32 and float16, and each inner vector of multivectors. What comes out is left by the server
/// as it is, bit by bit; what the server would leave alone (unit vectors and all but zero ones) is
/// left alone here. Counts `vectors_normalised`, in points. Source: qdrant-edge,
/// segment/spaces/simple.rs and tools.rs.
std::unique_ptr<Transform> normalise();

/// One vector. False, and nothing changed, when it has a NaN or an infinity.
bool normalise_vector(std::span<float> vector);

/// Does the engine store the vector as it is, on whichever of its code paths?
bool engine_keeps(std::span<const float> vector);

}  // namespace vecferry
