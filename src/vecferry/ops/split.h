#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vecferry/model/filter.h"
#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

/// Split a collection into several: what `split` does.
namespace vecferry {

struct SplitRequest {
  OpenedEnd source{};
  ReadingOptions reading{};
  OpenedEnd place{};  ///< any collection of the place that the parts go into

  // One of the three.
  std::string by{};  ///< payload path: a collection a value
  std::vector<std::pair<std::string, std::shared_ptr<const Filter>>> where{};
  int parts = 0;

  std::string name = "{collection}-{value}";  ///< of the parts of `by` and `parts`
  std::string rest{};                         ///< collection of what goes nowhere else
  uint64_t min_size = 0;                      ///< smaller values go to the rest
  bool allow_overlap = false;                 ///< a point may go into several parts
  bool drop_source = false;
  bool backup = true;     ///< before the source is dropped
  std::string archive{};  ///< where it goes; empty: a file beside the journal
  TravelWish travel{};
  bool build_index = false;
  int lanes = 2;  ///< readers side by side while it is planned
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Count what goes where, and plan a load a part, the proof that the parts are the whole, and with
/// `drop_source` a backup first and the drop last.
/// Errors: as plan_load; kUsage for names that meet; kIncompatible for points that no part takes
/// (without `rest`) or several take (unless allowed), saying how many.
Result<OperationPlan> plan_split(const SplitRequest& request, PlaceOpener& places,
                                 Progress& progress, StopToken stop);

}  // namespace vecferry
