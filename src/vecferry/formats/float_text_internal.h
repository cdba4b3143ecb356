#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// Vectors as JSON text: exact both ways, and the hot path of every text format.
namespace vecferry::formats {

/// The fewest digits that read back as the same float32, with a dot or an exponent; `value` is
/// finite.
void append_float32(float value, std::string* out);

/// Append `[1.0,2.5]`.
/// Returns the position of the first value that is NaN or infinite, `count` when there is none; the
/// text is complete only then.
size_t append_float32_list(const float* values, size_t count, std::string* out);

/// A JSON list of numbers, or of equally long lists of numbers.
struct NumberLists {
  std::vector<float> values{};  ///< those of all lists, one after another
  size_t lists = 0;             ///< inner lists; 0 for a flat list
};

/// Read the list that `text` starts with ('[' is first), appending to nothing: `*out` is replaced.
/// Returns how many bytes it took.
/// Errors: kCorrupt: not JSON, not a number, NaN or infinity, inner lists of different lengths; the
/// element is named, counted from 1.
Result<size_t> parse_number_lists(std::string_view text, NumberLists* out);

}  // namespace vecferry::formats
