#pragma once

#include <string>
#include <string_view>

namespace vecferry {

/// Append a JSON number in canonical form; false, and nothing appended, when the token is none or
/// is not finite as a double.
bool append_number(std::string_view token, std::string* out);

}  // namespace vecferry
