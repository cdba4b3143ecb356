#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/ops/copy.h"
#include "vecferry/ops/repair.h"
#include "vecferry/pipeline/compare.h"
#include "vecferry/routes/engine_read.h"
#include "vecferry/routes/native.h"
#include "vecferry/routes/ship.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string some_ids(const std::vector<PointId>& ids, uint64_t count) {
  std::string text;
  constexpr size_t kShown = 5;
  for (size_t i = 0; i < std::min(ids.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + to_string(ids[i]);
  }
  return count > kShown ? text + ", …" : text;
}

Status differs(const CopyPlan& plan, const Comparison& found) {
  std::vector<std::string> parts;
  const auto note = [&](const char* word, uint64_t count, const std::vector<PointId>& ids) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {} ({})", count, word, some_ids(ids, count)));
    }
  };
  note("missing", found.missing, found.missing_ids);
  note("different", found.different, found.different_ids);
  note("too many", found.extra, found.extra_ids);
  std::string what = "what was read back is not what was written: ";
  for (size_t i = 0; i < parts.size(); ++i) {
    what += (i == 0 ? "" : ", ") + parts[i];
  }
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = plan.request.target.label,
               .next = "if the source did not change meanwhile this is a bug: please report it"});
}

// The plan's sentences of those transforms that changed a point, or do not count.
std::vector<std::string> effective(const CopyPlan& plan,
                                   const std::map<std::string, uint64_t>& counts) {
  std::vector<std::string> sentences;
  for (const auto& transform : plan.points.transforms) {
    const auto counted = transform->counts();
    const bool changed =
        counted.empty() || std::any_of(counted.begin(), counted.end(), [&](const auto& entry) {
          const auto found = counts.find(entry.first);
          return found != counts.end() && found->second > 0;
        });
    if (changed) {
      sentences.push_back(transform->describe());
    }
  }
  return sentences;
}

// A backend that somebody else owns and keeps.
std::shared_ptr<Backend> borrowed(Backend* backend) {
  return {std::shared_ptr<void>(), backend};
}

// One try on one route.
class CopyRun {
 public:
  CopyRun(const CopyPlan& plan, Route route, Progress& progress, StopToken stop)
      : plan_(plan),
        request_(plan.request),
        route_(route),
        progress_(progress),
        stop_(std::move(stop)),
        points_(copy_of(plan.points)),
        target_(borrowed(plan.request.target.backend)) {}

  Result<Receipt> carry_out() {
    receipt_ = {.verb = request_.verb,
                .source = request_.source.label,
                .target = request_.target.label,
                .route = std::string(to_string(route_)),
                .losses = plan_.losses,
                .notes = plan_.notes,
                .started_at = now()};
    failed_at_ = FailedAt::kItsOwn;
    ARROW_RETURN_NOT_OK(open_ends());
    failed_at_ = FailedAt::kCommon;
    if (plan_.create) {
      ARROW_RETURN_NOT_OK(target_->create(request_.target.collection, plan_.target_config, stop_));
    }
    Status status = fill_target();
    if (!status.ok() && plan_.create && target_->capabilities().readable) {
      status = cleaned_up(status);
    }
    ARROW_RETURN_NOT_OK(status);
    receipt_.finished_at = now();
    return std::move(receipt_);
  }

  FailedAt failed_at() const { return failed_at_; }

 private:
  static std::chrono::system_clock::time_point now() { return std::chrono::system_clock::now(); }

  SpoolOptions spool() { return {.parent = request_.travel.spool}; }

  // What stands between this program and the two places on this route.
  Status open_ends() {
    if (route_ == Route::kEngineRead) {
      progress_.begin(Phase::kFetching, 0);
      SpoolOptions options = spool();
      options.bytes = &progress_.bytes;
      ARROW_ASSIGN_OR_RAISE(source_, engine_read(borrowed(request_.source.backend),
                                                 request_.source.collection, options, stop_));
      points_.backend = source_.get();
    }
    if (route_ == Route::kShip) {
      ARROW_ASSIGN_OR_RAISE(
          target_, ship_to(target_, {.spool = request_.travel.spool,
                                     .index_threads = request_.travel.index_threads,
                                     .build_index = request_.travel.index,
                                     .expected_bytes = least_bytes(
                                         plan_.target_config, plan_.expected_points.value_or(0)),
                                     .index_progress = [this](uint64_t done, uint64_t total) {
                                       progress_.points = done;
                                       progress_.expected = total;
                                     }}));
    }
    return Status::OK();
  }

  Status cleaned_up(const Status& status) {
    // The stop that brought us here must not stop the cleaning up.
    const Status dropped = target_->drop(request_.target.collection, StopToken::Unstoppable());
    if (dropped.ok()) {
      return status;
    }
    Failure failure = failure_of(status);
    failure.next = fmt::format(
        "when the target works again, run the same command; if it then says that '{}' exists, "
        "remove what is left there first (it could not be removed now: {})",
        request_.target.label, failure_of(dropped).what);
    return fail(std::move(failure));
  }

  // Everything between "the target is there" and "the copy is proved".
  Status fill_target() {
    const auto start = Clock::now();
    CopyOutcome outcome;
    if (route_ == Route::kNative) {
      failed_at_ = FailedAt::kItsOwn;
      ARROW_RETURN_NOT_OK(fill_natively());
      failed_at_ = FailedAt::kCommon;
    } else {
      ARROW_ASSIGN_OR_RAISE(outcome, fill_with_points());
    }
    receipt_.copy_seconds = seconds_since(start);
    // Where others see a collection before it is finished, it is proved first: one whose copy was
    // killed is then never taken for whole, and the next copy takes its place.
    const bool proved_first =
        plan_.create && route_ != Route::kShip && target_->capabilities().live;
    if (proved_first) {
      ARROW_RETURN_NOT_OK(prove(outcome));
    }
    if (plan_.create) {
      ARROW_RETURN_NOT_OK(finish());
    }
    if (!proved_first) {
      ARROW_RETURN_NOT_OK(prove(outcome));
    }
    return plan_.aliases.empty() ? Status::OK() : target_->change_aliases(plan_.aliases, stop_);
  }

  Status finish() {
    const auto start = Clock::now();
    progress_.begin(Phase::kFinishing, 0);
    failed_at_ = route_ == Route::kShip ? FailedAt::kItsOwn : FailedAt::kCommon;
    ARROW_RETURN_NOT_OK(target_->finish(request_.target.collection, plan_.target_config, stop_));
    failed_at_ = FailedAt::kCommon;
    receipt_.copy_seconds += seconds_since(start);
    return Status::OK();
  }

  Status prove(const CopyOutcome& outcome) {
    const auto start = Clock::now();
    if (request_.follow_up > 0) {
      ARROW_RETURN_NOT_OK(follow(request_.follow_up));
    } else if (request_.verify) {
      ARROW_RETURN_NOT_OK(route_ == Route::kNative ? verify_native() : verify(outcome));
    } else {
      if (route_ == Route::kNative) {
        ARROW_ASSIGN_OR_RAISE(receipt_.digest.count,
                              target_->count(request_.target.collection, nullptr, stop_));
        receipt_.notes.emplace_back("no point was read on the way: there is no digest");
      }
      return Status::OK();
    }
    receipt_.verify_seconds = seconds_since(start);
    return Status::OK();
  }

  Result<CopyOutcome> fill_with_points() {
    CopyLimits limits = request_.limits;
    limits.lanes = std::max(1, target_->capabilities().write_lanes);
    ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(points_, limits.lanes, stop_));
    SilentObserver observer;
    progress_.begin(Phase::kCopying, plan_.expected_points.value_or(0));
    ARROW_ASSIGN_OR_RAISE(auto outcome,
                          copy_points(points_, ranges, *target_, request_.target.collection, limits,
                                      observer, progress_, stop_));
    ARROW_RETURN_NOT_OK(refuse_rounding(outcome));
    receipt_.digest = outcome.digest;
    receipt_.bytes = outcome.bytes;
    receipt_.counts = outcome.counts;
    receipt_.transforms = effective(plan_, outcome.counts);
    return outcome;
  }

  Status fill_natively() {
    progress_.begin(Phase::kFetching, 0);
    SpoolOptions options = spool();
    options.bytes = &progress_.bytes;
    ARROW_ASSIGN_OR_RAISE(const auto outcome,
                          carry_natively(*request_.source.backend, request_.source.collection,
                                         *target_, request_.target.collection, options, stop_));
    receipt_.notes.push_back(to_string(outcome));
    return Status::OK();
  }

  Status refuse_rounding(const CopyOutcome& outcome) const {
    const auto rounded = outcome.counts.find("floats_rounded");
    if (request_.strict_floats && rounded != outcome.counts.end() && rounded->second > 0) {
      return fail({.kind = ErrorKind::kRefused,
                   .what = fmt::format("payload floats of {} points would be rounded by a last bit",
                                       rounded->second),
                   .where = request_.target.label,
                   .next = "leave out --strict-floats to accept and count them"});
    }
    return Status::OK();
  }

  Source target_source() const {
    return {.backend = target_.get(), .collection = request_.target.collection};
  }

  CompareOptions compare_options() const {
    return {.ignore_extra = !plan_.create,
            .lanes = target_->capabilities().read_lanes,
            .memory_bytes = request_.limits.memory_bytes};
  }

  Status verify(const CopyOutcome& outcome) {
    const CompareOptions options = compare_options();
    const Source target = target_source();
    receipt_.verified = true;
    if (plan_.create) {
      progress_.begin(Phase::kVerifying, outcome.digest.count);
      ARROW_ASSIGN_OR_RAISE(const auto digest,
                            digest_source(target, options.lanes, progress_, stop_));
      if (digest == outcome.digest) {
        return Status::OK();
      }
    }
    progress_.begin(Phase::kComparing, 2 * outcome.digest.count);
    ARROW_ASSIGN_OR_RAISE(const auto found,
                          compare_points(points_, target, options, progress_, stop_));
    if (!found.equal) {
      return differs(plan_, found);
    }
    // Points that are the same one by one, but not in sum: an id came twice from the source.
    if (plan_.create && found.a != found.b) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("{} points were written, {} read back: an id came twice",
                                       found.a.count, found.b.count),
                   .where = request_.source.label});
    }
    return Status::OK();
  }

  // Nothing was read on the way, so both sides are; what a live source changed meanwhile follows.
  Status verify_native() {
    const Source target = target_source();
    const Source source{.backend = request_.source.backend,
                        .collection = request_.source.collection};
    progress_.begin(Phase::kComparing, 2 * plan_.expected_points.value_or(0));
    ARROW_ASSIGN_OR_RAISE(const auto found,
                          compare_points(source, target, compare_options(), progress_, stop_));
    receipt_.digest = found.b;
    receipt_.bytes = progress_.bytes / 2;
    receipt_.verified = found.equal;
    if (found.equal) {
      return Status::OK();
    }
    if (!request_.source.backend->capabilities().live) {
      return differs(plan_, found);
    }
    return follow(kCatchUpPasses);
  }

  // Also proves the copy: a pass that finds nothing has compared every point. Reads the source as
  // it is now, whatever the target was filled from.
  Status follow(int passes) {
    Backend& target = *request_.target.backend;
    const std::string& collection = request_.target.collection;
    ARROW_ASSIGN_OR_RAISE(const auto done, follow_up(plan_.points, target, collection, passes,
                                                     request_.limits, progress_, stop_));
    for (auto& sentence : to_sentences(done)) {
      receipt_.notes.push_back(std::move(sentence));
    }
    receipt_.verified = done.moving == 0;
    return digest_source({.backend = &target, .collection = collection}, progress_, stop_)
        .Value(&receipt_.digest);
  }

  const CopyPlan& plan_;
  const CopyRequest& request_;
  const Route route_;
  Progress& progress_;
  const StopToken stop_;
  Source points_;
  std::shared_ptr<Backend> source_{};  // only where one stands before the place itself
  std::shared_ptr<Backend> target_;
  Receipt receipt_{};
  FailedAt failed_at_ = FailedAt::kCommon;
};

std::vector<Route> routes_to_try(const CopyPlan& plan) {
  std::vector<Route> routes = {plan.route.route};
  if (plan.request.travel.route) {
    return routes;
  }
  for (const auto& estimate : plan.route.estimates) {
    if (estimate.impossible.empty() && estimate.route != routes.front()) {
      routes.push_back(estimate.route);
    }
  }
  if (std::find(routes.begin(), routes.end(), Route::kStream) == routes.end()) {
    routes.push_back(Route::kStream);
  }
  return routes;
}

}  // namespace

Result<Receipt> run_copy(const CopyPlan& plan, Progress& progress, StopToken stop) {
  const auto routes = routes_to_try(plan);
  std::vector<std::string> notes;
  for (size_t i = 0;; ++i) {
    CopyRun run(plan, routes[i], progress, stop);
    auto receipt = run.carry_out();
    if (receipt.ok()) {
      receipt->notes.insert(receipt->notes.end(), notes.begin(), notes.end());
      receipt->routes = plan.route.estimates.empty() ? std::string() : to_json(plan.route).dump();
      return receipt;
    }
    if (i + 1 == routes.size() || !worth_another_route(receipt.status(), run.failed_at())) {
      return receipt;
    }
    notes.push_back(given_up(routes[i], receipt.status(), routes[i + 1]));
  }
}

}  // namespace vecferry
