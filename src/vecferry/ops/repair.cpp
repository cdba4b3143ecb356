#include "vecferry/ops/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>

#include "vecferry/pipeline/compare.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

constexpr size_t kRemovedAtOnce = 1000;

// The range of ids from the first to the last of a list.
IdRange range_over(const std::vector<PointId>& ids) {
  return {.from = ids.front(), .to = successor(ids.back())};
}

}  // namespace

Result<CopyOutcome> copy_ids(const Source& source, const std::vector<PointId>& ids, Backend& target,
                             const std::string& collection, const CopyLimits& limits,
                             Progress& progress, StopToken stop) {
  if (ids.empty()) {
    return CopyOutcome();
  }
  // These ids came out of the source, so its own choice of rows lets them through.
  Source chosen = copy_of(source);
  chosen.rows = choose_ids(std::make_shared<const std::vector<PointId>>(ids), Listed::kKept);
  SilentObserver observer;
  const std::vector<IdRange> ranges = {source.backend->capabilities().splittable ? range_over(ids)
                                                                                 : IdRange()};
  return copy_points(chosen, ranges, target, collection, limits, observer, progress, stop);
}

Status remove_ids(Backend& target, const std::string& collection, const std::vector<PointId>& ids,
                  Progress& progress, StopToken stop) {
  if (ids.empty()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto writer, target.open_writer(collection, stop));
  std::span<const PointId> rest = ids;
  while (!rest.empty()) {
    ARROW_RETURN_NOT_OK(poll(stop));
    const auto some = rest.first(std::min(rest.size(), kRemovedAtOnce));
    ARROW_RETURN_NOT_OK(writer->remove(some));
    progress.points += some.size();
    rest = rest.subspan(some.size());
  }
  return writer->checkpoint();
}

std::vector<std::string> to_sentences(const FollowUp& done) {
  std::vector<std::string> sentences;
  if (done.passes > 0) {
    sentences.push_back(fmt::format(
        "followed the live source in {} {}: {} points upserted, {} removed", done.passes,
        done.passes == 1 ? "pass" : "passes", done.upserted, done.removed));
  }
  if (done.moving > 0) {
    sentences.push_back(
        fmt::format("{} points were still moving after the last pass: `vecferry sync` follows on",
                    done.moving));
  }
  return sentences;
}

Result<FollowUp> follow_up(const Source& source, Backend& target, const std::string& collection,
                           int max_passes, const CopyLimits& limits, Progress& progress,
                           StopToken stop) {
  const Source copy{.backend = &target, .collection = collection};
  const CompareOptions options{.max_ids = std::numeric_limits<size_t>::max(),
                               .lanes = std::max(source.backend->capabilities().read_lanes,
                                                 target.capabilities().read_lanes),
                               .memory_bytes = limits.memory_bytes};
  FollowUp done;
  for (;;) {
    progress.begin(Phase::kComparing, 0);
    ARROW_ASSIGN_OR_RAISE(const auto found, compare_points(source, copy, options, progress, stop));
    if (found.equal || done.passes == max_passes) {
      done.moving = found.missing + found.different + found.extra;
      return done;
    }
    std::vector<PointId> wanted;
    std::merge(found.missing_ids.begin(), found.missing_ids.end(), found.different_ids.begin(),
               found.different_ids.end(), std::back_inserter(wanted));
    progress.begin(Phase::kCopying, wanted.size());
    ARROW_RETURN_NOT_OK(
        copy_ids(source, wanted, target, collection, limits, progress, stop).status());
    ARROW_RETURN_NOT_OK(remove_ids(target, collection, found.extra_ids, progress, stop));
    ++done.passes;
    done.upserted += wanted.size();
    done.removed += found.extra_ids.size();
  }
}

}  // namespace vecferry
