#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/ops/merge_rules.h"
#include "vecferry/ops/merge_table_internal.h"
#include "vecferry/pipeline/progress.h"

namespace vecferry {

class PointsView;

/// What points are compared by; each asks for no more of a point than it needs.
enum class MergeKey {
  kNone,
  kContent,  ///< hash of the text under the content key
  kVector,   ///< hash of all vectors
  kExact,    ///< hash of vectors and payload
  kDigest,   ///< digest of all of the point
  kMoment,   ///< number or time under the field of `newest`, greater is newer
};

/// Reads sources into the table.
class MergeScan {
 public:
  MergeScan(const std::vector<MergeSource>& sources, const MergeRules& rules, int lanes,
            MergeTable& table, Progress& progress, StopToken stop);

  /// An entry for every point of every source, with such a key.
  Status append_all(MergeKey key);
  /// Keys for the entries that are `asked`; all others lose theirs. The table is sorted by id.
  /// Errors: kIncompatible for a moment that is neither a number nor a time, or when some are
  /// numbers and others times.
  Status fill_asked(MergeKey key);

 private:
  class KeyMaker;
  Status scan(uint16_t source, MergeKey key, bool append);
  Status check_moments() const;

  const std::vector<MergeSource>& sources_;
  const MergeRules& rules_;
  int lanes_;
  MergeTable& table_;
  Progress& progress_;
  StopToken stop_;
  std::atomic<bool> numbers_{false};  // seen among the moments
  std::atomic<bool> times_{false};
};

}  // namespace vecferry
