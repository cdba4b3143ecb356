#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "vecferry/archive/repository.h"

namespace vecferry {

/// Called for a segment that is missing or damaged; OK leaves its rows out.
using OnDamage = std::function<Status(const SegmentRef& segment, const Status& error)>;

struct BackupReadOptions {
  IdRange range{};
  std::optional<std::vector<std::string>> vectors{};  ///< by name; none: all
  bool payload = true;
  int64_t batch_bytes = int64_t{4} << 20;
  OnDamage on_damage{};  ///< none: the error ends the reading
};

/// The points of a backup as they were, in id order: its layers merged, the newest wins. Each
/// segment's hash is checked before a row of it is handed out.
/// Errors while reading: kCorrupt with the segment's file.
/// Thread: one caller at a time. The repository outlives the reader.
Result<std::unique_ptr<arrow::RecordBatchReader>> read_backup(const Repository& repository,
                                                              const Manifest& manifest,
                                                              const BackupReadOptions& options,
                                                              StopToken stop);

/// Points of a backup, without what they hold.
struct KnownPoints {
  std::shared_ptr<arrow::RecordBatch> points{};  ///< ids and shard keys; no vectors, no payloads
  std::vector<Digest128> digests{};              ///< one a row
};

class KnownPointReader {
 public:
  virtual ~KnownPointReader() = default;
  /// False at the end.
  virtual Result<bool> next(KnownPoints* out) = 0;
};

/// The same points by id and digest. Reads those columns alone, whose pages are checked, not the
/// segments' hashes. Thread and lifetime: as above.
Result<std::unique_ptr<KnownPointReader>> read_known_points(const Repository& repository,
                                                            const Manifest& manifest,
                                                            const IdRange& range, StopToken stop);

/// At most `parts` ranges of about equal size that cover every id, along its segments.
std::vector<IdRange> plan_backup_ranges(const Manifest& manifest, int parts);

}  // namespace vecferry
