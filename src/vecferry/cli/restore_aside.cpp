#include "vecferry/cli/restore_aside.h"

#include <fmt/format.h>

#include "vecferry/base/percent.h"
#include "vecferry/ops/archive.h"
#include "vecferry/ops/copy.h"

namespace vecferry {

Result<Receipt> restore_aside(const RestoreAside& request, const Manifest& manifest,
                              NamedPlaces& places, Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(
      const auto source,
      places.open_source(backup_location(request.archive, manifest.collection, manifest.id), {},
                         stop));
  const std::string target_address =
      fmt::format("local:{}/{}", request.folder, percent_encode(manifest.collection));
  ARROW_ASSIGN_OR_RAISE(const auto target,
                        places.open_target(target_address, request.build_index, stop));
  CopyRequest copy{.verb = request.verb, .source = source.endpoint(), .target = target.endpoint()};
  copy.limits.memory_bytes = request.memory_bytes;
  ARROW_ASSIGN_OR_RAISE(const auto plan, plan_copy(copy, stop));
  ARROW_ASSIGN_OR_RAISE(auto receipt, run_copy(plan, progress, stop));
  if (receipt.digest != manifest.points) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("the backup gives {} points that are not those it was made "
                                     "of ({})",
                                     receipt.digest.count, manifest.points.count),
                 .where = source.label,
                 .next = fmt::format("`vecferry check {}`", request.archive)});
  }
  return receipt;
}

}  // namespace vecferry
