#pragma once

#include <nlohmann/json.hpp>

#include "vecferry/base/error.h"

namespace qdrant {
class Formula;
}

namespace vecferry::wire {

/// A formula query as REST has it: {"formula": …, "defaults": {…}}.
/// Errors: kUsage for an expression that says nothing.
Result<nlohmann::json> formula_json(const qdrant::Formula& formula);

}  // namespace vecferry::wire
