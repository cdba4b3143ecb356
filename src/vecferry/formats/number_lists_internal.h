#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace vecferry::formats {

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
