#pragma once

#include <cstddef>
#include <string>

/// float32 as JSON text, exact: the hot path of every text form of a vector.
namespace vecferry {

/// The fewest digits that read back as the same float32, always with a dot or an exponent: without
/// one Qdrant takes `[[3,4],[0,0]]` for a sparse vector. NaN and infinities are `null`, as the
/// server prints them.
void append_float32(float value, std::string* out);

/// Append `[1.0,2.5]`.
/// Returns the position of the first value that is NaN or infinite, `count` when there is none; the
/// text is complete only then.
size_t append_float32_list(const float* values, size_t count, std::string* out);

}  // namespace vecferry
