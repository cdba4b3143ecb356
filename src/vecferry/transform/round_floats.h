#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Give payload floats the value that they have after one trip into a Qdrant collection and out of
/// it. Its JSON parser (serde_json without `float_roundtrip`) is not correctly rounded and moves
/// one 17-digit float in ten by a last bit; a float passes it on the way in and on the way out.
/// Counts `floats_rounded`, in points. A number that the parser refuses is kIncompatible.
std::unique_ptr<Transform> round_floats();

/// The same again and again until nothing moves: for comparing two places that both parse so. A
/// float that prints with an exponent may move on each trip, so what was copied from one to the
/// other may be a last bit away; settled, both are the same.
std::unique_ptr<Transform> settle_floats();

/// The number that the engine's parser makes of a JSON number that is not an integer to it.
/// Returns false when it refuses the text as out of range.
bool parse_as_engine(std::string_view number, double* value);

}  // namespace vecferry
