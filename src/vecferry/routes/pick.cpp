#include "vecferry/routes/pick.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/routes/about.h"

namespace vecferry {
namespace {

bool possible(const RouteEstimate& estimate) {
  return estimate.impossible.empty();
}

Status refuse(const RouteFacts& facts, const RouteEstimate& wanted) {
  if (possible(wanted)) {
    return Status::OK();
  }
  const Status& why_not = facts.why_not(wanted.route);
  Failure failure = why_not.ok() ? Failure{.kind = ErrorKind::kIo, .what = wanted.impossible}
                                 : failure_of(why_not);
  failure.what =
      fmt::format("route {} is not possible here: {}", to_string(wanted.route), failure.what);
  if (failure.next.empty()) {
    failure.next = fmt::format("leave out --route {} for the best one that is possible",
                               to_string(wanted.route));
  }
  return fail(std::move(failure));
}

double server_work(const RouteEstimate& estimate) {
  return estimate.source_seconds + estimate.target_seconds;
}

// Smaller is better; what ties is decided by the order of `Route`, the plainest first.
bool better(const RouteEstimate& a, const RouteEstimate& b, Prefer prefer) {
  if (possible(a) != possible(b)) {
    return possible(a);
  }
  if (prefer == Prefer::kConsistent && a.point_in_time != b.point_in_time) {
    return a.point_in_time;
  }
  return prefer == Prefer::kLight ? server_work(a) < server_work(b)
                                  : a.whole_seconds() < b.whole_seconds();
}

std::string_view how(Route route) {
  switch (route) {
    case Route::kStream:
      return "point by point";
    case Route::kNative:
      return "the servers' own files";
    case Route::kEngineRead:
      return "the source's own files, read here";
    case Route::kShip:
      return "built here and put in place whole";
  }
  return "";
}

std::string index_words(const RouteFacts& facts, const RouteEstimate& estimate) {
  if (!facts.builds_index || facts.target != EndKind::kServer) {
    return "";
  }
  switch (estimate.route) {
    case Route::kNative:
      return " with the index";
    case Route::kShip:
      return facts.index_here ? ", its index too" : ", without its index";
    default:
      return "";
  }
}

bool leaves_indexing(const RouteEstimate& estimate) {
  return estimate.index_seconds >= 1 &&
         (estimate.route == Route::kStream || estimate.route == Route::kEngineRead);
}

// "would take about 7 s and leave about 120 s of indexing"
std::string would_take(const RouteEstimate& estimate) {
  if (!leaves_indexing(estimate)) {
    return fmt::format("would take {}", about_time(estimate.whole_seconds()));
  }
  return fmt::format("would take {} and leave {} of indexing",
                     about_time(estimate.copy_seconds + estimate.prove_seconds),
                     about_time(estimate.index_seconds));
}

std::string_view doing(Route route) {
  switch (route) {
    case Route::kStream:
      return "streaming";
    case Route::kNative:
      return "going natively";
    case Route::kEngineRead:
      return "reading through the engine";
    case Route::kShip:
      return "shipping";
  }
  return "";
}

std::string_view wish(const RouteEstimate& picked, Prefer prefer) {
  switch (prefer) {
    case Prefer::kFast:
      return "";
    case Prefer::kLight:
      return ", the lightest for the servers";
    case Prefer::kConsistent:
      return picked.point_in_time ? ", a point in time" : ", though no way here is a point in time";
  }
  return "";
}

const RouteEstimate* find(const std::vector<RouteEstimate>& estimates, Route route) {
  const auto found = std::find_if(estimates.begin(), estimates.end(),
                                  [&](const auto& each) { return each.route == route; });
  return found == estimates.end() ? nullptr : &*found;
}

// What the picked one is compared with: streaming, which everybody knows, or the next best.
std::string beside(const RouteFacts& facts, const std::vector<RouteEstimate>& estimates) {
  const Route picked = estimates.front().route;
  const RouteEstimate* other = find(estimates, Route::kStream);
  if (picked == Route::kStream) {
    const auto next = std::find_if(estimates.begin() + 1, estimates.end(), possible);
    other = next == estimates.end() ? nullptr : &*next;
  }
  std::string text;
  if (other != nullptr && other->route != picked) {
    text = fmt::format("; {} {}", doing(other->route), would_take(*other));
  }
  const RouteEstimate* native = find(estimates, Route::kNative);
  if (native != nullptr && !possible(*native) && facts.source == EndKind::kServer &&
      facts.target == EndKind::kServer) {
    text += fmt::format("; native is not possible: {}", native->impossible);
  }
  return text;
}

std::string explain(const RouteFacts& facts, const std::vector<RouteEstimate>& estimates,
                    Prefer prefer, bool wanted) {
  const RouteEstimate& picked = estimates.front();
  if (facts.small) {
    return fmt::format("{}: {} points are there sooner than a look at other ways would take",
                       to_string(picked.route), facts.points);
  }
  std::string text =
      fmt::format("{}: {}{}{}", to_string(picked.route), how(picked.route),
                  index_words(facts, picked), wanted ? ", as asked for" : wish(picked, prefer));
  if (wanted || facts.points == 0) {  // or nobody knows how many
    return text;
  }
  text += fmt::format(", {}", about_time(picked.whole_seconds()));
  if (picked.index_seconds >= 1 && picked.route != Route::kNative) {
    text += fmt::format(", {} of it for the index{}", about_time(picked.index_seconds),
                        leaves_indexing(picked) || !facts.index_here ? " at the target" : "");
  }
  return text + beside(facts, estimates);
}

}  // namespace

Result<RouteChoice> pick_route(const RouteFacts& facts, std::vector<RouteEstimate> estimates,
                               Prefer prefer, std::optional<Route> wanted) {
  std::stable_sort(estimates.begin(), estimates.end(),
                   [&](const auto& a, const auto& b) { return better(a, b, prefer); });
  if (wanted) {
    const auto found = std::find_if(estimates.begin(), estimates.end(),
                                    [&](const auto& each) { return each.route == *wanted; });
    ARROW_RETURN_NOT_OK(refuse(facts, *found));
    std::rotate(estimates.begin(), found, found + 1);
  }
  RouteChoice choice{.route = estimates.front().route};
  const bool servers = facts.source == EndKind::kServer || facts.target == EndKind::kServer;
  if (!servers && !wanted) {
    return choice;  // there is one way only
  }
  choice.reason = explain(facts, estimates, prefer, wanted.has_value());
  choice.estimates = std::move(estimates);
  return choice;
}

}  // namespace vecferry
