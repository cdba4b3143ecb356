#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// Numbers as JSON text, exact both ways.
namespace vecferry::wire {

/// The fewest digits that read back as the same float32, always with a dot or an exponent: without
/// one Qdrant takes `[[3,4],[0,0]]` for a sparse vector. NaN and infinities are `null`, as the
/// server prints them.
void append_float32(float value, std::string* out);

enum class NumbersProblem {
  kNone,
  kNotNumbers,  ///< not a list of numbers, or of such lists
  kNull,        ///< how a server prints NaN and infinities
  kUneven,      ///< inner lists of different lengths
};

struct Numbers {
  std::vector<float> values{};  ///< those of all inner lists
  size_t lists = 0;             ///< inner lists; 0 for a flat list
  bool nested = false;
  NumbersProblem problem = NumbersProblem::kNone;
};

/// Read a whole JSON list of numbers or of lists of numbers; the buffers of `*out` are reused. A
/// number beyond float32 is infinite, as the server takes it.
void parse_numbers(std::string_view text, Numbers* out);

/// Read a whole JSON list of whole numbers from 0 to 2^32-1.
bool parse_indices(std::string_view text, std::vector<uint32_t>* out);

}  // namespace vecferry::wire
