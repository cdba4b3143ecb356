#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "vecferry/base/error.h"

/// Shard keys of custom sharding. For Qdrant 5 and "5" are different keys; the column `shard_key`
/// has text only, so a string that could be taken for a number (or for a quoted string) stands
/// there in quotes.
namespace vecferry {

/// The text of a key in the column: `5`, `europe`, `"5"`.
std::string shard_key_text(const std::variant<std::string, uint64_t>& key);

/// The key that a column's text stands for.
std::variant<std::string, uint64_t> parse_shard_key(std::string_view text);

}  // namespace vecferry
