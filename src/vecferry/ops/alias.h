#pragma once

#include <optional>
#include <string>

#include "vecferry/ops/operation.h"

namespace vecferry {

struct AliasRequest {
  OpenedEnd alias{};                        ///< its collection is the alias's name
  std::optional<std::string> collection{};  ///< to lead to, in the same place; none: it goes
  bool careful = false;                     ///< only to a collection that is ready and has points
};

/// Set, move or remove one alias.
/// Errors: kNotFound for the collection, and for an alias that is to go and is not there; kExists
/// when a collection has the alias's name; kRefused for a careful move to a collection that is
/// empty or not ready; kIncompatible for a place without aliases.
Result<OperationPlan> plan_alias(const AliasRequest& request, StopToken stop);

}  // namespace vecferry
