#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/ops/load_source.h"
#include "vecferry/ops/operation.h"
#include "vecferry/pipeline/compare.h"

/// What one-way and two-way syncs share.
namespace vecferry {

using Ids = std::vector<PointId>;

/// One direction of a sync: the source as the target would hold it.
struct Direction {
  LoadSource from{};
  OpenedSource opened{};
  OpenedEnd to{};
  CollectionConfig target_config{};
};

/// Errors: kNotFound; kIncompatible when the target cannot hold the source's points, with a table.
Result<Direction> open_direction(const LoadSource& from, const OpenedEnd& to, Desk desk);

/// Every id that differs. `label` goes before the error of reading.
Result<Comparison> compare_all(const Direction& direction, int64_t memory_bytes, Desk desk);

/// What a direction is to change.
struct Changes {
  Ids added{};     ///< upserted, not there before
  Ids replaced{};  ///< upserted over what is there
  Ids removed{};

  bool empty() const { return added.empty() && replaced.empty() && removed.empty(); }
};

/// Append the steps of a direction: a backup of what goes, then the change.
void add_changes(const Direction& direction, Changes changes, bool backup, int64_t memory_bytes,
                 OperationPlan* plan);

/// Two ascending lists as one.
Ids merged(const Ids& a, const Ids& b);

}  // namespace vecferry
