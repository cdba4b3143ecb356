#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/ops/journalled_lanes_internal.h"
#include "vecferry/ops/load_source.h"
#include "vecferry/ops/repair.h"
#include "vecferry/ops/step_run_internal.h"
#include "vecferry/ops/travel.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/pipeline/copy.h"
#include "vecferry/routes/native.h"
#include "vecferry/routes/ship.h"

namespace vecferry {
namespace {

class Load {
 public:
  Load(const LoadStep& step, StepRun& run) : step_(step), run_(run) {}

  Status carry_out() {
    const Route route = route_now();
    const Status status = carry_out_on(route);
    if (status.ok() || route == Route::kStream || step_.travel.insisted ||
        !worth_another_route(status, failed_at_)) {
      return status;
    }
    // A place that is away stays away on any route: then the operation stops here, as it is.
    const Status ready = begin_again(given_up(route, status, Route::kStream));
    return ready.ok() ? carry_out_on(Route::kStream) : status;
  }

 private:
  Route route_now() const {
    return run_.facts.route.empty() ? step_.travel.route
                                    : parse_route(run_.facts.route).value_or(Route::kStream);
  }

  Status carry_out_on(Route route) {
    failed_at_ = FailedAt::kItsOwn;
    ARROW_RETURN_NOT_OK(open_ends(route));
    failed_at_ = FailedAt::kCommon;
    ARROW_ASSIGN_OR_RAISE(Found found, look_at(step_.target_label, target_, run_));
    // What was read of another moment, and shards that are half there, are not gone on with.
    const bool anew = route == Route::kEngineRead || route == Route::kNative;
    if (found == Found::kOurLoad && anew) {
      found = Found::kNothing;
    }
    if (found != Found::kComplete) {
      if (found == Found::kNothing) {
        ARROW_RETURN_NOT_OK(make());
      }
      failed_at_ = route == Route::kNative ? FailedAt::kItsOwn : FailedAt::kCommon;
      ARROW_RETURN_NOT_OK(route == Route::kNative ? fill_natively() : fill());
      run_.progress.begin(Phase::kFinishing, 0);
      // Said before it is done: what is visible under this name from now on is ours.
      run_.facts.finished = true;
      ARROW_RETURN_NOT_OK(run_.note());
      VECFERRY_KILL_POINT("load.finishing");
      failed_at_ = route == Route::kShip ? FailedAt::kItsOwn : FailedAt::kCommon;
      ARROW_RETURN_NOT_OK(target_.backend->finish(target_.collection, step_.config, run_.stop));
      failed_at_ = FailedAt::kCommon;
      VECFERRY_KILL_POINT("load.finished");
    }
    if (step_.follow_up > 0) {
      return follow(step_.follow_up);
    }
    return route == Route::kNative ? verify_native() : verify();
  }

  // The two places, with what stands before them on this route.
  Status open_ends(Route route) {
    ARROW_ASSIGN_OR_RAISE(target_,
                          run_.places.open_target(step_.target, step_.build_index, run_.stop));
    if (route == Route::kShip) {
      ARROW_ASSIGN_OR_RAISE(target_.backend,
                            ship_to(target_.backend, ship_options(step_.travel, 0, run_)));
    }
    sources_.clear();
    for (LoadSource source : step_.sources) {
      if (route == Route::kEngineRead) {  // when it fails, the route is given up as a whole
        source.reading.spooled = true;
        source.reading.spooled_or_fail = true;
        source.reading.spool = step_.travel.spool;
      }
      ARROW_ASSIGN_OR_RAISE(auto opened,
                            open_load_source(source, run_.files(), run_.places, run_.stop));
      run_.facts.notes.insert(run_.facts.notes.end(), opened.notes.begin(), opened.notes.end());
      if (!step_.whole) {
        ARROW_RETURN_NOT_OK(adapt_to(step_.config, *target_.backend, &opened));
      }
      sources_.push_back(std::move(opened));
    }
    return Status::OK();
  }

  // Nothing of the route that was given up is left; what comes next knows that it was.
  Status begin_again(std::string why) {
    ARROW_RETURN_NOT_OK(undo(step_, run_));
    run_.facts = {.route = std::string(to_string(Route::kStream)), .notes = {std::move(why)}};
    ARROW_RETURN_NOT_OK(run_.journal.forget_ranges(run_.operation, run_.number));
    ARROW_RETURN_NOT_OK(run_.note());
    VECFERRY_KILL_POINT("load.begun_again");
    return Status::OK();
  }

  Status fill_natively() {
    run_.progress.begin(Phase::kFetching, 0);
    const auto& source = sources_.front().end;
    ARROW_ASSIGN_OR_RAISE(
        const auto outcome,
        carry_natively(*source.backend, source.collection, *target_.backend, target_.collection,
                       {.parent = step_.travel.spool, .bytes = &run_.progress.bytes}, run_.stop));
    run_.facts.notes.push_back(to_string(outcome));
    VECFERRY_KILL_POINT("load.filled");
    return Status::OK();
  }

  // Nothing was read on the way, so both sides are; what a live source changed meanwhile follows.
  Status verify_native() {
    run_.progress.begin(Phase::kComparing, 0);
    const OpenedEnd& from = sources_.front().end;
    const Source source{.backend = from.backend.get(), .collection = from.collection};
    const Source target{.backend = target_.backend.get(), .collection = target_.collection};
    ARROW_ASSIGN_OR_RAISE(const auto found,
                          compare_points(source, target, {.memory_bytes = step_.memory_bytes},
                                         run_.progress, run_.stop));
    run_.facts.digest = found.a;
    if (!found.equal) {  // what an archive keeps does not change: there it is damage
      return from.backend->capabilities().live ? follow(kCatchUpPasses) : differs(found.b);
    }
    run_.facts.bytes = run_.progress.bytes / 2;
    run_.facts.verified = true;
    return Status::OK();
  }

  Status make() {
    run_.facts = {.route = std::move(run_.facts.route), .notes = std::move(run_.facts.notes)};
    ARROW_RETURN_NOT_OK(run_.journal.forget_ranges(run_.operation, run_.number));
    // Said before it is done: until `finish` the place itself knows whose load it is.
    run_.facts.made = true;
    ARROW_RETURN_NOT_OK(run_.note());
    VECFERRY_KILL_POINT("load.noted");
    // An earlier try that the place still shows is not to be filled twice.
    ARROW_ASSIGN_OR_RAISE(const auto left, find_collection(target_, run_.stop));
    if (left) {
      ARROW_RETURN_NOT_OK(target_.backend->drop(target_.collection, run_.stop));
    }
    ARROW_RETURN_NOT_OK(step_.whole
                            ? target_.backend->duplicate(sources_.front().end.collection,
                                                         target_.collection, run_.stop)
                            : target_.backend->create(target_.collection, step_.config, run_.stop));
    VECFERRY_KILL_POINT("load.created");
    return Status::OK();
  }

  Status fill() {
    if (step_.whole) {
      return Status::OK();
    }
    const CopyLimits limits = limits_now();
    run_.progress.begin(Phase::kCopying, 0);
    for (size_t i = 0; i < sources_.size(); ++i) {
      const Source& points = sources_[i].points;
      const int index = static_cast<int>(i);
      ARROW_ASSIGN_OR_RAISE(const auto lanes, JournalledLanes::read_or_freeze(
                                                  run_.journal, run_.operation, run_.number, index,
                                                  points, limits.lanes, run_.stop));
      const auto rest = lanes->rest();
      if (rest.empty()) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto outcome,
                            copy_points(points, rest, *target_.backend, target_.collection, limits,
                                        *lanes, run_.progress, run_.stop));
      run_.facts.bytes += outcome.bytes;
      for (const auto& [name, count] : outcome.counts) {
        run_.facts.counts[name] += count;
      }
    }
    VECFERRY_KILL_POINT("load.filled");
    return Status::OK();
  }

  CopyLimits limits_now() const {
    return {.lanes = std::max(1, target_.backend->capabilities().write_lanes),
            .memory_bytes = step_.memory_bytes};
  }

  // What was written, from the journal; of a duplicate, what the source holds.
  Result<RangeDigest> expected() {
    RangeDigest total;
    bool from_journal = false;
    for (size_t i = 0; i < sources_.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(
          const auto lanes,
          JournalledLanes::read(run_.journal, run_.operation, run_.number, static_cast<int>(i)));
      from_journal = from_journal || !lanes->empty();
      total.merge(lanes->digest());
    }
    if (from_journal) {
      return total;
    }
    for (const auto& source : sources_) {
      ARROW_ASSIGN_OR_RAISE(const auto digest,
                            digest_source(source.points, run_.progress, run_.stop));
      total.merge(digest);
    }
    return total;
  }

  Status verify() {
    run_.progress.begin(Phase::kVerifying, 0);
    ARROW_ASSIGN_OR_RAISE(run_.facts.digest, expected());
    run_.progress.begin(Phase::kVerifying, run_.facts.digest.count);
    ARROW_ASSIGN_OR_RAISE(const auto there, digest_of(target_, run_.progress, run_.stop));
    if (there != run_.facts.digest) {
      return differs(there);
    }
    run_.facts.verified = true;
    return Status::OK();
  }

  Status differs(const RangeDigest& there) const {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("what was read back is not what was written: {} points, {} "
                                     "were written",
                                     there.count, run_.facts.digest.count),
                 .where = step_.target_label,
                 .next = step_.sources.size() == 1
                             ? fmt::format("`vecferry verify {} {}` names the points; if nobody "
                                           "else writes to them this is a bug: please report it",
                                           step_.sources.front().label, step_.target_label)
                             : "if nobody else writes to it this is a bug: please report it"});
  }

  // The source as it is now, whatever it was filled from.
  Status follow(int passes) {
    LoadSource live = step_.sources.front();
    live.reading.spooled = false;
    ARROW_ASSIGN_OR_RAISE(auto source,
                          open_load_source(live, run_.files(), run_.places, run_.stop));
    if (!step_.whole) {
      ARROW_RETURN_NOT_OK(adapt_to(step_.config, *target_.backend, &source));
    }
    ARROW_ASSIGN_OR_RAISE(const auto done,
                          follow_up(source.points, *target_.backend, target_.collection, passes,
                                    limits_now(), run_.progress, run_.stop));
    for (auto& sentence : to_sentences(done)) {
      run_.facts.notes.push_back(std::move(sentence));
    }
    ARROW_ASSIGN_OR_RAISE(run_.facts.digest, digest_of(target_, run_.progress, run_.stop));
    run_.facts.verified = done.moving == 0;
    return Status::OK();
  }

  const LoadStep& step_;
  StepRun& run_;
  OpenedEnd target_{};
  std::vector<OpenedSource> sources_{};
  FailedAt failed_at_ = FailedAt::kCommon;
};

}  // namespace

Status run(const LoadStep& step, StepRun& run) {
  ARROW_RETURN_NOT_OK(Load(step, run).carry_out());
  return remove_spools(step.travel, run);
}

Status undo(const LoadStep& step, StepRun& run) {
  ARROW_RETURN_NOT_OK(remove_made(step.target, run));
  return remove_spools(step.travel, run);
}

std::filesystem::path ship_spool(const Travel& travel, const StepRun& run) {
  const std::string name = fmt::format("ship-{}", run.number);
  return travel.spool.empty() ? run.files() / name
                              : std::filesystem::path(travel.spool) /
                                    fmt::format("vecferry-{}-{}", run.operation, name);
}

ShipOptions ship_options(const Travel& travel, int target, StepRun& run) {
  return {.kept = ship_spool(travel, run) / std::to_string(target),
          .index_threads = travel.index_threads,
          .build_index = travel.index,
          .index_progress = [&progress = run.progress](uint64_t done, uint64_t total) {
            progress.points = done;
            progress.expected = total;
          }};
}

Status remove_spools(const Travel& travel, const StepRun& run) {
  sweep_spools(travel.spool);
  discard_kept(ship_spool(travel, run));  // an index build that was cancelled may work on there
  std::error_code error;
  std::filesystem::remove_all(ship_spool(travel, run), error);
  return error ? system_failure(error.value(), "cannot remove a spool",
                                ship_spool(travel, run).string())
               : Status::OK();
}

Result<Found> look_at(const std::string& label, const OpenedEnd& target, const StepRun& run) {
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, run.stop));
  if (!config) {
    return Found::kNothing;
  }
  // Between the collection and the note that we made it the process may have died.
  const auto taken = target.backend->take_over(target.collection, run.stop);
  if (!taken.ok() && kind_of(taken.status()) == ErrorKind::kNotFound) {
    return Found::kNothing;  // what was put aside for it is gone: `make` drops the rest
  }
  ARROW_ASSIGN_OR_RAISE(const bool ours, taken);
  if (ours) {
    return run.facts.made ? Found::kOurLoad : Found::kNothing;
  }
  if (run.facts.finished) {
    return Found::kComplete;
  }
  return fail({.kind = ErrorKind::kExists,
               .what = fmt::format("'{}' exists by now, and is not this operation's", label),
               .where = label,
               .next = "move it away or choose another name"});
}

Status remove_made(const std::string& address, const StepRun& run) {
  if (!run.facts.made) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto target, run.places.open_target(address, false, run.stop));
  ARROW_ASSIGN_OR_RAISE(const auto config, find_collection(target, run.stop));
  if (!config) {
    return Status::OK();
  }
  // What was never finished and is no load of ours is somebody else's, made meanwhile.
  if (!run.facts.finished) {
    ARROW_ASSIGN_OR_RAISE(const bool ours, target.backend->take_over(target.collection, run.stop));
    if (!ours) {
      return Status::OK();
    }
  }
  return target.backend->drop(target.collection, run.stop);
}

}  // namespace vecferry
