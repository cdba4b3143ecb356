#pragma once

#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Names of collections as names of folders: percent-encoded outside [A-Za-z0-9._-] and where they
/// begin with a dot, so that none leaves its folder or meets another's.
/// Source: docs/archive-format.md.
namespace vecferry {

/// Errors: kUsage for the empty name, one that is no UTF-8, and one that is too long for a folder.
Result<std::string> encode_name(std::string_view name);

/// Errors: kCorrupt for what `encode_name` would not have made.
Result<std::string> decode_name(std::string_view encoded);

}  // namespace vecferry
