#pragma once

#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

namespace vecferry {

struct CloneRequest {
  OpenedEnd source{};
  ReadingOptions reading{};
  OpenedEnd target{};
  Selection selection{};
  bool aliases = false;  ///< the aliases of the source lead to the clone once it is proved
  TravelWish travel{};
  bool build_index = false;
  int follow_up = 0;
  int64_t memory_bytes = int64_t{256} << 20;
};

/// A full copy beside the original, or in another place. Errors: as plan_load.
Result<OperationPlan> plan_clone(const CloneRequest& request, PlaceOpener& places, StopToken stop);

}  // namespace vecferry
