#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/transform/transform.h"

namespace vecferry {

/// Which rows of a collection an operation wants, where a filter cannot say it: ids of a list, a
/// share by hash. Looks at points as the place gives them, before any transform.
/// Thread: safe for concurrent use.
class RowChoice {
 public:
  virtual ~RowChoice() = default;
  /// The rows wanted, in their order; the same batch when it is all of them.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> keep(
      const std::shared_ptr<arrow::RecordBatch>& batch) const = 0;
};

/// Points as an operation sees them: those of a collection, filtered, transformed, cut off after a
/// limit. Opened once for a copy and again for a comparison, it gives the same points.
struct Source {
  Backend* backend = nullptr;  ///< outlives the source and its readers
  std::string collection{};
  std::shared_ptr<const Filter> filter{};
  std::optional<std::vector<std::string>> vectors{};  ///< of the place; none: all
  bool payload = true;
  std::shared_ptr<const RowChoice> rows{};  ///< null: all that the filter lets through
  bool keeps_ids = true;  ///< false: a transform changes ids, so rows are in no order
  std::vector<std::unique_ptr<Transform>> transforms{};  ///< prototypes, cloned for each reader
  std::optional<uint64_t> limit{};  ///< first points in scan order; needs one range
  int64_t batch_bytes = 0;          ///< 0: the place's own
};

/// The same source again, with transforms of its own.
Source copy_of(const Source& source);

/// Do its readers give rows in id order?
bool is_ordered(const Source& source);

/// Reader of a Source over one range.
/// Thread: one caller at a time.
class SourceReader : public PointReader {
 public:
  /// What the transforms counted so far, e.g. {"floats_rounded": 12}.
  virtual std::map<std::string, uint64_t> counts() const = 0;
};

/// `schema()` of the reader is that of the transformed batches once the first one was read.
Result<std::unique_ptr<SourceReader>> open_source(const Source& source, const IdRange& range,
                                                  StopToken stop);

/// Ranges to read a source in: one when it has a limit or cannot be split.
Result<std::vector<IdRange>> plan_ranges(const Source& source, int parts, StopToken stop);

}  // namespace vecferry
