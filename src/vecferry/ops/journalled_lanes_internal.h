#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "vecferry/journal/journal.h"
#include "vecferry/model/id_range.h"
#include "vecferry/pipeline/lane.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// The frozen ranges of one source of a load, as far as they have come; hears of lanes and writes
/// the journal.
/// Thread: as LaneObserver.
class JournalledLanes : public LaneObserver {
 public:
  /// Those of the journal. Errors: kCorrupt for what is no range.
  static Result<std::unique_ptr<JournalledLanes>> read(Journal& journal, std::string operation,
                                                       int step, int source);
  /// Those of the journal, or when it has none yet the ranges of `points`, frozen now.
  static Result<std::unique_ptr<JournalledLanes>> read_or_freeze(Journal& journal,
                                                                 std::string operation, int step,
                                                                 int source, const Source& points,
                                                                 int lanes, const StopToken& stop);

  bool empty() const { return ranges_.empty(); }
  /// What is left to be copied.
  std::vector<IdRange> rest() const;
  /// Of everything that is durable at the target.
  RangeDigest digest() const;

  Status durable(const IdRange& range, const IdRange& rest, const RangeDigest& digest) override;
  Status finished(const IdRange& range, const RangeDigest& digest) override;

 private:
  struct Range {
    int number = 0;
    IdRange whole{};
    IdRange rest{};
    bool finished = false;
    RangeDigest before{};  ///< durable before this process
    RangeDigest digest{};  ///< durable now
    IdRange lane{};        ///< what this process's lane was given
  };

  JournalledLanes(Journal& journal, std::string operation, int step, int source)
      : journal_(journal), operation_(std::move(operation)), step_(step), source_(source) {}
  Status freeze(const std::vector<IdRange>& ranges);
  Status advance(const IdRange& lane, const IdRange& rest, const RangeDigest& digest,
                 bool finished);
  static RangeEntry entry_of(const Range& range);

  Journal& journal_;
  const std::string operation_;
  const int step_;
  const int source_;
  mutable std::mutex mutex_;
  std::vector<Range> ranges_;  // guarded by mutex_
};

}  // namespace vecferry
