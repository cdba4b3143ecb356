#pragma once

#include <functional>
#include <vector>

#include "vecferry/base/error.h"

namespace vecferry {

/// Run `work(index, stop)` for every index below `count` on up to `threads` threads, each taking
/// the next index when it is free. The first error asks the others to stop, and is returned once
/// all have ended; later ones are dropped. Thread: blocks the caller; `work` runs on threads of its
/// own, side by side.
Status run_side_by_side(size_t count, int threads, const StopToken& stop,
                        const std::function<Status(size_t index, const StopToken& stop)>& work);

}  // namespace vecferry
