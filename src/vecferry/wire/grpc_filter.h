#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

namespace qdrant {
class Filter;
}

namespace vecferry::wire {

/// Fill a gRPC filter from Qdrant's filter JSON (which `model/filter` has checked).
/// Errors: kIncompatible for what only REST can say, such as an integer above 2^63-1.
Status read_filter(std::string_view json, qdrant::Filter* message);

/// Filter JSON of a gRPC filter.
/// Errors: kUsage in Qdrant's words for a condition that says nothing.
Result<std::string> filter_json_of(const qdrant::Filter& message);

/// The same of an encoded one; the empty text for empty bytes.
/// Errors: kCorrupt as well.
Result<std::string> filter_json_of(std::string_view message);

}  // namespace vecferry::wire
