#include <fmt/format.h>

#include "vecferry/backends/snapshot/spool_internal.h"

namespace vecferry::snapshot {

Result<TemporaryFolder> make_spool(uint64_t wanted_bytes) {
  ARROW_ASSIGN_OR_RAISE(const auto parent, temporary_parent());
  std::error_code error;
  const auto space = std::filesystem::space(parent, error);
  if (!error && space.available < wanted_bytes) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("no room for the snapshot: {} MB are free, {} MB wanted",
                                     space.available >> 20U, wanted_bytes >> 20U),
                 .where = parent.string(),
                 .next = "free some space there, or set TMPDIR to a larger disk"});
  }
  return TemporaryFolder::make("snapshot");
}

}  // namespace vecferry::snapshot
