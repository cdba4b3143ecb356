#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vecferry {

/// The candidate that was probably meant, or an empty string when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace vecferry
