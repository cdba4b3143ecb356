#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vecferry/digest/digest.h"
#include "vecferry/ops/steps.h"
#include "vecferry/pipeline/progress.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// A LoadSource, opened: its points with all that changes them on the way.
struct OpenedSource {
  OpenedEnd end{};
  Source points{};
  CollectionConfig config{};              ///< of the points as they arrive
  std::vector<std::string> transforms{};  ///< sentences
  std::vector<std::string> losses{};      ///< what the target cannot hold
  std::vector<std::string> notes{};       ///< what was otherwise than planned
};

/// `files` is the operation's folder, for lists of ids.
/// Errors: those of opening and of the choices made (kUsage, kNotFound), kCorrupt for a list.
Result<OpenedSource> open_load_source(const LoadSource& source, const std::filesystem::path& files,
                                      PlaceOpener& places, StopToken stop);

/// Digest of all points of a collection as they are there.
Result<RangeDigest> digest_of(const OpenedEnd& end, Progress& progress, StopToken stop);

/// How large the points of a source are and how quickly they come, from its first batch.
struct FirstLook {
  uint64_t rows = 0;
  uint64_t bytes = 0;  ///< of batches
  double seconds = 0;  ///< until the batch was there
};
Result<FirstLook> look_at(const Source& points, StopToken stop);

/// Add what must happen to the points so that `target`, with this configuration, holds exactly what
/// it is given. Errors: kIncompatible when it cannot.
Status adapt_to(const CollectionConfig& target_config, const Backend& target, OpenedSource* source);

}  // namespace vecferry
