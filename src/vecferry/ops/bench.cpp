#include "vecferry/ops/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "vecferry/ops/copy.h"
#include "vecferry/ops/metered_backend.h"
#include "vecferry/ops/peer_program.h"
#include "vecferry/ops/seeded_points.h"
#include "vecferry/pipeline/compare.h"

namespace vecferry {
namespace {

using Clock = Meter::Clock;

constexpr std::chrono::milliseconds kAskAgain{20};
// A server may look ready before it notices that it has something to index.
constexpr std::chrono::seconds kStaysReady{1};
constexpr std::chrono::minutes kPatience{30};

double between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

// "vecferry-bench-1f0c77a2-native"; the number is drawn anew for each collection.
std::string throw_away_name(std::string_view purpose) {
  std::random_device source;
  return fmt::format("vecferry-bench-{:08x}-{}", source(), purpose);
}

// A collection that goes with this object: after an error and an interrupt, too.
class ThrowAway {
 public:
  ThrowAway(Backend& place, std::string name) : place_(place), name_(std::move(name)) {}
  ~ThrowAway() { discard(drop(), "an error on the way out; what it left shows in `ls`"); }
  ThrowAway(const ThrowAway&) = delete;
  ThrowAway& operator=(const ThrowAway&) = delete;

  const std::string& name() const { return name_; }

  /// Nothing there is no error.
  Status drop() {
    if (name_.empty()) {
      return Status::OK();
    }
    const std::string name = std::exchange(name_, "");
    const Status status = place_.drop(name, StopToken::Unstoppable());
    return !status.ok() && kind_of(status) == ErrorKind::kNotFound ? Status::OK() : status;
  }

 private:
  Backend& place_;
  std::string name_;
};

// When it became ready. `settle`: whoever wrote it has not waited, so it has to stay so.
Result<Clock::time_point> wait_until_ready(Backend& place, const std::string& name, bool settle,
                                           const StopToken& stop) {
  const auto give_up = Clock::now() + kPatience;
  std::optional<Clock::time_point> ready;
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const std::string why_not, place.unready(name, stop));
    const auto now = Clock::now();
    ready = why_not.empty() ? std::optional(ready.value_or(now)) : std::nullopt;
    if (ready && (!settle || now - *ready >= kStaysReady)) {
      return *ready;
    }
    if (now > give_up) {
      return fail({.kind = ErrorKind::kTimeout,
                   .what = fmt::format("'{}' did not become ready: {}", name, why_not)});
    }
    std::this_thread::sleep_for(kAskAgain);
  }
}

std::string one_line(const Status& status) {
  const Failure failure = failure_of(status);
  return failure.where.empty() ? failure.what : fmt::format("{} ({})", failure.what, failure.where);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

class Bench {
 public:
  Bench(const BenchRequest& request, const std::function<void(const BenchRun&)>& on_run,
        Progress& progress, StopToken stop)
      : request_(request), on_run_(on_run), progress_(progress), stop_(std::move(stop)) {}

  Result<BenchReport> run() {
    ARROW_RETURN_NOT_OK(check_request());
    std::optional<ThrowAway> made;
    if (request_.made) {
      made.emplace(*request_.source.backend, throw_away_name("source"));
      source_ = {.backend = request_.source.backend,
                 .collection = made->name(),
                 .label = fmt::format("{}/{}", request_.source.label, made->name())};
      progress_.begin(Phase::kCopying, 0);
      ARROW_RETURN_NOT_OK(seed_collection(*source_.backend, made->name(), request_.made->dim,
                                          request_.made->points, stop_));
    } else {
      source_ = request_.source;
    }
    ARROW_RETURN_NOT_OK(look());
    for (int round = 1; round <= request_.rounds; ++round) {
      ARROW_RETURN_NOT_OK(run_round(round));
    }
    sum_up();
    if (made) {
      ARROW_RETURN_NOT_OK(made->drop());
    }
    return std::move(report_);
  }

 private:
  struct Way {
    BenchRow row{};
    std::optional<Route> route{};
    std::vector<BenchRun> runs{};
  };

  // What is wrong with the words shows before anything is made.
  Status check_request() const {
    const auto capabilities = request_.target.backend->capabilities();
    if (!capabilities.many_collections || !capabilities.writable) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "a bench needs a target that holds collections and can be written",
                   .where = request_.target.label,
                   .next = "name a server or local:DIR"});
    }
    for (const auto& command : request_.peers) {
      ARROW_RETURN_NOT_OK(peer_words(command, values_for("collection")).status());
    }
    return Status::OK();
  }

  std::map<std::string, std::string> values_for(const std::string& collection) const {
    return {{"source_url", request_.source_url},
            {"source_collection", source_.collection},
            {"source", fmt::format("{}/{}", request_.source_url, source_.collection)},
            {"target_url", request_.target_url},
            {"target_collection", collection},
            {"target", fmt::format("{}/{}", request_.target_url, collection)}};
  }

  CopyRequest copy_request(Backend& source, Backend& target, const std::string& name,
                           Route route) const {
    CopyRequest request{.verb = "bench",
                        .source = source_,
                        .target = {.backend = &target,
                                   .collection = name,
                                   .label = fmt::format("{}/{}", request_.target.label, name)},
                        .travel = request_.travel,
                        .limits = request_.limits};
    request.source.backend = &source;
    request.travel.route = route;
    return request;
  }

  // The points, and what the choice says of each route.
  Status look() {
    ARROW_ASSIGN_OR_RAISE(const auto plan,
                          plan_copy(copy_request(*source_.backend, *request_.target.backend,
                                                 throw_away_name("plan"), Route::kStream),
                                    stop_));
    progress_.begin(Phase::kComparing, plan.expected_points.value_or(0));
    ARROW_ASSIGN_OR_RAISE(report_.digest, digest_source(plan.points, progress_, stop_));
    report_.points = report_.digest.count;
    const Journey journey{.source = source_.backend,
                          .from = source_.collection,
                          .target = request_.target.backend,
                          .config = plan.target_config,
                          .whole = plan.losses.empty(),
                          .index = request_.travel.index,
                          .points = report_.points,
                          .spool = request_.travel.spool,
                          .every = true};
    ARROW_ASSIGN_OR_RAISE(report_.choice,
                          choose_route(journey, request_.travel.prefer, std::nullopt, stop_));
    if (report_.choice.estimates.empty()) {  // no server: there is one way only
      report_.choice.estimates.push_back({.route = Route::kStream});
    }
    for (const auto& estimate : report_.choice.estimates) {
      if (request_.travel.route && estimate.route != *request_.travel.route) {
        continue;
      }
      Way way{.row = {.way = std::string(to_string(estimate.route)),
                      .error = estimate.impossible.empty() ? std::string()
                                                           : "not possible: " + estimate.impossible,
                      .estimate = estimate,
                      .chosen = estimate.route == report_.choice.route}};
      if (estimate.impossible.empty()) {
        way.route = estimate.route;
      }
      ways_.push_back(std::move(way));
    }
    for (size_t i = 0; i < request_.peers.size(); ++i) {
      ways_.push_back(
          {.row = {.way = fmt::format("peer {}", i + 1), .command = request_.peers[i]}});
    }
    return Status::OK();
  }

  // Each way once, in turns, so that a busy neighbour disturbs all alike.
  Status run_round(int round) {
    for (auto& way : ways_) {
      if (!way.route && way.row.command.empty()) {
        continue;
      }
      BenchRun run{.way = way.row.way, .round = round};
      ThrowAway target(*request_.target.backend,
                       throw_away_name(way.route ? to_string(*way.route) : "peer"));
      const Status status = way.route ? take_route(*way.route, target.name(), &run)
                                      : take_peer(way.row.command, target.name(), &run);
      ARROW_RETURN_NOT_OK(target.drop());
      ARROW_RETURN_NOT_OK(poll(stop_));
      if (!status.ok()) {
        run.error = one_line(status);
        way.row.error = run.error;
      }
      on_run_(run);
      way.runs.push_back(std::move(run));
    }
    return Status::OK();
  }

  Status take_route(Route route, const std::string& name, BenchRun* run) {
    Meter from;
    Meter to;
    const auto source = metered(*source_.backend, from);
    const auto target = metered(*request_.target.backend, to);
    ARROW_ASSIGN_OR_RAISE(const auto plan,
                          plan_copy(copy_request(*source, *target, name, route), stop_));
    const auto start = Clock::now();
    ARROW_ASSIGN_OR_RAISE(const auto receipt, run_copy(plan, progress_, stop_));
    const auto end = Clock::now();
    run->seconds = between(start, to.finish_began.value_or(end));
    run->green_seconds = between(start, to.finish_ended.value_or(end));
    run->proved_seconds = between(start, end);
    run->points = receipt.digest.count;
    run->wire_bytes = wire_bytes(route, from, to);
    run->verified = receipt.verified;
    // Only where `finish` was told not to wait.
    ARROW_ASSIGN_OR_RAISE(const auto ready,
                          wait_until_ready(*request_.target.backend, name, false, stop_));
    if (receipt.verified && between(end, ready) > 1) {
      run->green_seconds = between(start, ready);
      run->proved_seconds = std::max(run->proved_seconds, run->green_seconds);
    }
    return Status::OK();
  }

  // What the proof read afterwards is not counted: natively that is all that was read of points.
  uint64_t wire_bytes(Route route, const Meter& from, const Meter& to) const {
    const uint64_t sent = to.bytes_at_finish;
    const uint64_t read_of_source = from.bytes;
    if (route == Route::kNative) {
      const uint64_t proof = to.bytes - to.bytes_at_finish;  // as many points, of each side
      return sent + (read_of_source > proof ? read_of_source - proof : 0);
    }
    return sent + read_of_source;
  }

  Status take_peer(const std::string& command, const std::string& name, BenchRun* run) {
    ARROW_ASSIGN_OR_RAISE(const auto words, peer_words(command, values_for(name)));
    progress_.begin(Phase::kCopying, 0);
    const auto start = Clock::now();
    ARROW_RETURN_NOT_OK(run_peer(words, stop_));
    run->seconds = between(start, Clock::now());
    ARROW_ASSIGN_OR_RAISE(const auto ready,
                          wait_until_ready(*request_.target.backend, name, true, stop_));
    run->green_seconds = std::max(run->seconds, between(start, ready));
    progress_.begin(Phase::kVerifying, report_.points);
    ARROW_ASSIGN_OR_RAISE(
        const auto digest,
        digest_source({.backend = request_.target.backend, .collection = name}, progress_, stop_));
    run->points = digest.count;
    run->verified = digest == report_.digest;
    return Status::OK();
  }

  void sum_up() {
    double fastest = 0;
    double chosen = 0;
    for (auto& way : ways_) {
      sum_up(way.runs, &way.row);
      const double seconds = way.row.median.proved_seconds;
      if (way.route && way.row.median.verified) {
        fastest = fastest > 0 ? std::min(fastest, seconds) : seconds;
        chosen = way.row.chosen ? seconds : chosen;
      }
      report_.rows.push_back(std::move(way.row));
    }
    report_.chosen_by_fastest = fastest > 0 ? chosen / fastest : 0;
  }

  static void sum_up(const std::vector<BenchRun>& runs, BenchRow* row) {
    std::vector<BenchRun> ended;
    std::copy_if(runs.begin(), runs.end(), std::back_inserter(ended),
                 [](const BenchRun& run) { return run.error.empty(); });
    row->runs = static_cast<int>(ended.size());
    row->median.way = row->way;
    if (ended.empty()) {
      return;
    }
    const auto of = [&](double BenchRun::*field) {
      std::vector<double> values;
      for (const auto& run : ended) {
        values.push_back(run.*field);
      }
      return median(std::move(values));
    };
    row->median.seconds = of(&BenchRun::seconds);
    row->median.green_seconds = of(&BenchRun::green_seconds);
    row->median.proved_seconds = of(&BenchRun::proved_seconds);
    row->median.points = ended.back().points;
    row->median.wire_bytes = ended.back().wire_bytes;
    row->median.verified =
        std::all_of(ended.begin(), ended.end(), [](const BenchRun& run) { return run.verified; });
  }

  const BenchRequest& request_;
  const std::function<void(const BenchRun&)>& on_run_;
  Progress& progress_;
  const StopToken stop_;
  Endpoint source_{};
  std::vector<Way> ways_;
  BenchReport report_{};
};

double tidy(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

void add_figures(const BenchRun& run, nlohmann::ordered_json* json) {
  json->update({{"seconds", tidy(run.seconds)},
                {"green_seconds", tidy(run.green_seconds)},
                {"proved_seconds", tidy(run.proved_seconds)},
                {"points", run.points},
                {"wire_bytes", run.wire_bytes},
                {"verified", run.verified}});
}

}  // namespace

Result<BenchReport> run_bench(const BenchRequest& request,
                              const std::function<void(const BenchRun&)>& on_run,
                              Progress& progress, StopToken stop) {
  return Bench(request, on_run, progress, std::move(stop)).run();
}

nlohmann::ordered_json to_json(const BenchRun& run) {
  nlohmann::ordered_json json = {{"way", run.way}, {"round", run.round}};
  add_figures(run, &json);
  json["error"] = run.error;
  return json;
}

nlohmann::ordered_json to_json(const BenchReport& report) {
  nlohmann::ordered_json ways = nlohmann::ordered_json::array();
  for (const auto& row : report.rows) {
    nlohmann::ordered_json json = {{"way", row.way}, {"runs", row.runs}, {"chosen", row.chosen}};
    if (!row.command.empty()) {
      json["command"] = row.command;
    }
    add_figures(row.median, &json);
    json["error"] = row.error;
    json["estimated_seconds"] = row.estimate && row.estimate->impossible.empty()
                                    ? nlohmann::ordered_json(tidy(row.estimate->whole_seconds()))
                                    : nlohmann::ordered_json();
    ways.push_back(std::move(json));
  }
  return {{"points", report.points},
          {"digest", to_hex(report.digest.sum)},
          {"choice", to_json(report.choice)},
          {"ways", std::move(ways)},
          {"chosen_by_fastest", tidy(report.chosen_by_fastest)}};
}

}  // namespace vecferry
