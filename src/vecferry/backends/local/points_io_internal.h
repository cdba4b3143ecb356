#pragma once

#include <memory>
#include <string>

#include "vecferry/backends/local/local_place.h"

namespace vecferry::local {

/// Batches of a scan; the shard is opened by the first ReadNext.
/// Errors: kNotFound for a vector that the collection lacks.
Result<std::unique_ptr<PointReader>> make_reader(std::shared_ptr<LocalPlace> place,
                                                 std::string collection, const ScanOptions& options,
                                                 StopToken stop);

/// Opens the shard at once.
Result<std::unique_ptr<PointWriter>> make_writer(std::shared_ptr<LocalPlace> place,
                                                 std::string collection, StopToken stop);

}  // namespace vecferry::local
