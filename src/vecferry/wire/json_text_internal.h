#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

/// Numbers from JSON text, exact.
namespace vecferry::wire {

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
