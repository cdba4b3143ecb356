#pragma once

#include <string>

/// Estimates in words.
namespace vecferry {

std::string about_time(double seconds);  ///< "about 3 s", "less than 0.1 s", "about 12 min"
std::string about_size(double bytes);    ///< "310 MB"

}  // namespace vecferry
