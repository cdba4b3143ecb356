#pragma once

#include <cstdint>
#include <string>

#include "vecferry/archive/manifest.h"
#include "vecferry/cli/opener.h"
#include "vecferry/ops/receipt.h"

namespace vecferry {

/// A backup, brought back into a local place that nobody keeps: no journal, the mark of an archived
/// collection stays. Read back, and compared with what the backup was made of.
struct RestoreAside {
  std::string verb{};     ///< of the receipt
  std::string archive{};  ///< "archive:DIR"
  std::string folder{};   ///< of the local place
  bool build_index = false;
  int64_t memory_bytes = int64_t{256} << 20;
};

/// Into a collection of the backup's name. Errors: kCorrupt for a backup that gives other points.
Result<Receipt> restore_aside(const RestoreAside& request, const Manifest& manifest,
                              NamedPlaces& places, Progress& progress, StopToken stop);

}  // namespace vecferry
