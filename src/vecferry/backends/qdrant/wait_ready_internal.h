#pragma once

#include <string_view>

#include "vecferry/backends/qdrant/connection_internal.h"

namespace vecferry::remote {

/// Wait until the server has done what it does behind writes: its queue empty, its indexes built.
/// Reports through `options().index_progress`.
/// Errors: kIo with the optimizer's words when the collection is red; kTimeout when nothing moved
/// for `options().stall_timeout`; kCancelled.
Status wait_until_ready(const Connection& connection, std::string_view name, const StopToken& stop);

}  // namespace vecferry::remote
