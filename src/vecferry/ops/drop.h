#pragma once

#include "vecferry/ops/operation.h"

namespace vecferry {

struct DropRequest {
  OpenedEnd target{};
  bool backup = true;
  std::string archive{};  ///< where the backup goes; empty: a file beside the journal
};

/// Drop a collection, its aliases with it. Errors: kNotFound, kUsage for an alias.
Result<OperationPlan> plan_drop(const DropRequest& request, StopToken stop);

/// Remove all points, and keep settings, payload indexes and aliases. Errors: as above.
Result<OperationPlan> plan_empty(const DropRequest& request, StopToken stop);

}  // namespace vecferry
