#pragma once

#include <cstdint>

#include "vecferry/base/temporary_folder.h"

namespace vecferry::snapshot {

/// A folder to unpack a snapshot in. Errors: kIo, also when fewer than `wanted_bytes` are free
/// there.
Result<TemporaryFolder> make_spool(uint64_t wanted_bytes);

}  // namespace vecferry::snapshot
