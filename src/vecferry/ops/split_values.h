#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

/// The values that a payload field has over a collection.
namespace vecferry {

/// A value that a filter can ask for.
using SplitValue = std::variant<bool, int64_t, std::string>;

struct SplitCensus {
  std::map<SplitValue, uint64_t> points{};  ///< how many points have the value
  uint64_t total = 0;
  uint64_t without = 0;  ///< points that have no value
  uint64_t several = 0;  ///< points that have more than one value
};

/// Read the payloads of a source once. Memory for the values, of which there may be a million.
/// Errors: kIncompatible naming a point whose value is no text, whole number or true/false; when
/// there are too many values.
Result<SplitCensus> count_values(const Source& source, const std::string& field, int lanes,
                                 Progress& progress, StopToken stop);

/// "libs", "5", "true".
std::string to_string(const SplitValue& value);

/// The name of a part: `{collection}` and `{value}` replaced. Of the value, characters that a name
/// cannot have, blanks and control characters become `_`.
/// Errors: kUsage for what is no name.
Result<std::string> part_name(const std::string& pattern, const std::string& collection,
                              const SplitValue& value);

}  // namespace vecferry
