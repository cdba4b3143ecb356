#pragma once

#include <memory>
#include <string>

#include "vecferry/backend/backend.h"
#include "vecferry/routes/spool.h"

/// The route `engine-read`: a collection of a server, read through snapshots of its shards that the
/// embedded engine opens. Each shard is a point in time; the server only sends files.
namespace vecferry {

/// Errors: kIncompatible, kRefused, with the reason why this source cannot be read so.
Status can_engine_read(Backend& source, std::string_view collection, StopToken stop);

/// `live`, but the points of `collection` as they are when this returns: the shards are taken side
/// by side, so that their moments are close. Settings and aliases are asked of `live`. Read only.
/// What is spooled goes with the backend, whose readers must not outlive it.
/// Errors: those of `can_engine_read`; kIo without room in the spool; kCorrupt.
/// Thread: safe for concurrent use.
Result<std::shared_ptr<Backend>> engine_read(std::shared_ptr<Backend> live,
                                             const std::string& collection,
                                             const SpoolOptions& options, StopToken stop);

}  // namespace vecferry
