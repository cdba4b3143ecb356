#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

namespace vecferry {

/// How much of the target a sync may delete: a share or a number.
struct DeleteLimit {
  double share = 0.1;  ///< of the points in the target
  std::optional<uint64_t> points{};
};

/// "10%", "500". Errors: kUsage.
Result<DeleteLimit> parse_delete_limit(const std::string& text);

/// Can points of what is there be replaced and removed? Errors: kIncompatible for files and
/// archives.
Status check_changeable(const OpenedEnd& end);

struct SyncRequest {
  std::string verb = "sync";
  OpenedEnd source{};
  ReadingOptions reading{};
  OpenedEnd target{};
  bool remove = false;  ///< points that only the target has are removed
  DeleteLimit limit{};
  bool settings = false;  ///< those of the target become the source's, where they still can
  bool backup = true;     ///< of what is replaced or removed
  TravelWish travel{};
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Make the target equal to the source by the smallest change: digests of ranges are compared, then
/// the points of ranges that differ; only those that differ are written. A target that is not there
/// is made. A plan without steps: nothing differs. Memory: 32 bytes a point that differs.
/// Errors: kNotFound, kIncompatible for other vectors; kRefused when more would be removed than the
/// limit.
Result<OperationPlan> plan_sync(const SyncRequest& request, Desk desk);

/// Which side of a point wins where both have it and they differ.
struct Preference {
  enum class Kind { kNewest, kLeft, kRight };
  Kind kind = Kind::kNewest;
  std::string field{};  ///< kNewest: payload path of a number or a date
};

/// "left", "right", "newest:FIELD". Errors: kUsage.
Result<Preference> parse_preference(const std::string& text);

struct TwoWayRequest {
  OpenedEnd left{};
  OpenedEnd right{};
  Preference preference{};
  bool backup = true;
  int64_t memory_bytes = int64_t{256} << 20;
};

/// The planned file with what became of each conflict.
inline constexpr std::string_view kConflictReportFile = "conflicts.json";

/// Bring both sides to the same points: what one lacks comes from the other; where both have a
/// point and differ, the preferred one stays (with `newest` on a tie, or where neither says when,
/// the left one). Nothing is removed: without a history a point that one side lacks is new on the
/// other. The conflicts are in the plan's details, and whole in conflicts.json of the operation.
/// Errors: as plan_sync; kIncompatible for a field that is neither a number nor a date.
Result<OperationPlan> plan_two_way(const TwoWayRequest& request, Desk desk);

}  // namespace vecferry
