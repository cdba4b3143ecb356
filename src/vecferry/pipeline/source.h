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

/// Points as an operation sees them: those of a collection, filtered, transformed, cut off after a
/// limit. Opened once for a copy and again for a comparison, it gives the same points.
struct Source {
  Backend* backend = nullptr;  ///< outlives the source and its readers
  std::string collection{};
  std::shared_ptr<const Filter> filter{};
  std::optional<std::vector<std::string>> vectors{};  ///< of the place; none: all
  bool payload = true;
  std::vector<std::unique_ptr<Transform>> transforms{};  ///< prototypes, cloned for each reader
  std::optional<uint64_t> limit{};  ///< first points in scan order; needs one range
  int64_t batch_bytes = 0;          ///< 0: the place's own
};

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
