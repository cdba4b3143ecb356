#pragma once

#include <vector>

#include "vecferry/ops/merge_rules.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

/// Decide for every point of the sources, in the order given, whether it goes over as it is. The
/// same sources give the same decisions, in whatever lanes they are read. 40 bytes of memory a
/// point. Sources are read once for their ids and texts, and again only for what the rules ask of
/// points that share an id.
///
/// With `error` and `remap` duplicates are looked for first, then equal ids among what is left;
/// with `first`, `last` and `newest` equal ids are settled first, so that a text is not lost
/// because its duplicate was the one that was kept.
/// Errors: kIncompatible when ids are equal, points differ and the rule says `error`; kCorrupt for
/// an id that comes twice in one source; those of reading and of the sink.
Result<MergeTally> decide_merge(const std::vector<MergeSource>& sources, const MergeRules& rules,
                                int lanes, DecisionSink& sink, Progress& progress, StopToken stop);

}  // namespace vecferry
