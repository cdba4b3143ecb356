#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vecferry {

/// One step of a payload path: a key of an object, an index of an array, or all of its elements.
struct PathStep {
  enum class Kind { kKey, kIndex, kEach };
  Kind kind = Kind::kKey;
  std::string key{};   ///< kKey
  uint64_t index = 0;  ///< kIndex

  friend bool operator==(const PathStep&, const PathStep&) = default;
};

/// A place in payloads, in Qdrant's grammar: `a.b`, `list[].x`, `list[0]`, `"quoted key".c`. The
/// first step is a key.
struct PayloadPath {
  std::vector<PathStep> steps{};

  friend bool operator==(const PayloadPath&, const PayloadPath&) = default;
};

/// Nothing when the text is not a path. Keys outside quotes are letters and digits (of any script),
/// `_` and `-`; between quotes anything but a quote or a backslash.
std::optional<PayloadPath> parse_payload_path(std::string_view text);

/// Quoted where it must be.
std::string to_string(const PayloadPath& path);

}  // namespace vecferry
