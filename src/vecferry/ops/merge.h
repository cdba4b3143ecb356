#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vecferry/ops/merge_spool.h"
#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

/// Merge collections: what `merge` does.
namespace vecferry {

/// A vector that goes by another name in the merged collection.
struct MergeRename {
  std::optional<size_t> source{};  ///< in this one only; none: wherever it is
  std::string old_name{};
  std::string new_name{};
};

struct MergeRequest {
  std::vector<OpenedEnd> sources{};
  ReadingOptions reading{};
  std::vector<MergeRename> rename_vectors{};
  OpenedEnd target{};
  MergeRules rules{};
  bool provenance = true;  ///< every payload says under `merged_from` where it came from
  TravelWish travel{};
  bool build_index = false;
  int lanes = 2;  ///< readers side by side while it is decided
  int64_t memory_bytes = int64_t{256} << 20;
};

struct PlannedMerge {
  OperationPlan plan{};
  MergeReport report{};
};

inline constexpr std::string_view kMergeReportFile = "merge-report.json";

/// Read the sources, decide what the union keeps, and plan it: one load, with lists of the ids that
/// are left out or become others beside the journal, so that a resumed merge decides nothing anew.
/// Errors: as plan_load; kIncompatible when the sources have other vectors than the first (with a
/// table), hold one id under several shard keys, or as decide_merge says.
Result<PlannedMerge> plan_merge(const MergeRequest& request, PlaceOpener& places,
                                Progress& progress, StopToken stop);

/// `OLD=NEW`, or `SOURCE:OLD=NEW` with a source as it was typed.
/// Errors: kUsage.
Result<MergeRename> parse_merge_rename(std::string_view text,
                                       const std::vector<std::string>& sources);

}  // namespace vecferry
