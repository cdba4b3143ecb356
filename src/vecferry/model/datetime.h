#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vecferry {

/// A moment in microseconds since the Unix epoch, from the forms that Qdrant reads: RFC 3339, the
/// same with a blank for the `T` or an offset without a colon, without an offset (then UTC),
/// without seconds, or a date alone. What is below a microsecond is cut off.
std::optional<int64_t> parse_datetime(std::string_view text);

}  // namespace vecferry
