#pragma once

#include <memory>
#include <vector>

#include "vecferry/ops/steps.h"

namespace vecferry {

/// The collections of a split as one target: what is written to it goes to the collection that the
/// step says. Only for writing: nothing else is answered. All outlive it.
/// Its writers hold a batch a collection, within a quarter of the step's memory.
/// Errors of upsert: kIncompatible for a point that no collection takes, which was written to the
/// source after the split was planned; those of the collections' writers.
std::unique_ptr<Backend> parted_target(const SplitStep& step, std::vector<OpenedEnd> targets);

}  // namespace vecferry
