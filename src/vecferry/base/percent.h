#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

namespace vecferry {

/// %XX outside [A-Za-z0-9._-], and a leading dot: a name as one path part.
std::string percent_encode(std::string_view name);
/// Errors: kUsage for a `%` without two hex digits.
Result<std::string> percent_decode(std::string_view text);

}  // namespace vecferry
