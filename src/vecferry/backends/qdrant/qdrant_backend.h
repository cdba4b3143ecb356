#pragma once

#include <memory>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/qdrant_options.h"

namespace vecferry {

/// The collections of a Qdrant server. Asks it for its version, and whether gRPC answers.
/// A collection that is being loaded is visible to all; from 1.15.4 on it says so in its metadata,
/// and `list` leaves it out. What `list` counts is exact.
/// Errors: kUnavailable with what to type next when nothing answers; kRefused for a certificate.
Result<std::unique_ptr<Backend>> open_qdrant(QdrantOptions options, StopToken stop);

}  // namespace vecferry
