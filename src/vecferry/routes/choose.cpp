#include "vecferry/routes/choose.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "vecferry/routes/about.h"
#include "vecferry/routes/estimate.h"
#include "vecferry/routes/pick.h"
#include "vecferry/routes/probe.h"

namespace vecferry {
namespace {

double tidy(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

}  // namespace

std::string_view to_string(Prefer prefer) {
  switch (prefer) {
    case Prefer::kFast:
      return "fast";
    case Prefer::kLight:
      return "light";
    case Prefer::kConsistent:
      return "consistent";
  }
  return "fast";
}

std::optional<Prefer> parse_prefer(std::string_view text) {
  for (const Prefer prefer : {Prefer::kFast, Prefer::kLight, Prefer::kConsistent}) {
    if (to_string(prefer) == text) {
      return prefer;
    }
  }
  return std::nullopt;
}

Result<RouteChoice> choose_route(const Journey& journey, Prefer prefer, std::optional<Route> wanted,
                                 StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto facts,
                        probe_route_facts(journey, prefer, wanted, std::move(stop)));
  return pick_route(facts, estimate_routes(facts), prefer, wanted);
}

nlohmann::ordered_json to_json(const RouteChoice& choice) {
  nlohmann::ordered_json estimates = nlohmann::ordered_json::array();
  for (const auto& estimate : choice.estimates) {
    nlohmann::ordered_json json = {{"route", to_string(estimate.route)},
                                   {"possible", estimate.impossible.empty()}};
    if (!estimate.impossible.empty()) {
      json["why_not"] = estimate.impossible;
    }
    json.update({{"seconds", tidy(estimate.seconds)},
                 {"copy_seconds", tidy(estimate.copy_seconds)},
                 {"index_seconds", tidy(estimate.index_seconds)},
                 {"prove_seconds", tidy(estimate.prove_seconds)},
                 {"wire_bytes", estimate.wire_bytes},
                 {"spool_bytes", estimate.spool_bytes},
                 {"target_bytes", estimate.target_bytes},
                 {"source_cpu_seconds", tidy(estimate.source_seconds)},
                 {"target_cpu_seconds", tidy(estimate.target_seconds)},
                 {"point_in_time", estimate.point_in_time}});
    estimates.push_back(std::move(json));
  }
  return {{"route", to_string(choice.route)},
          {"reason", choice.reason},
          {"estimates", std::move(estimates)}};
}

std::vector<std::string> to_lines(const RouteChoice& choice) {
  std::vector<std::string> lines;
  for (const auto& estimate : choice.estimates) {
    if (estimate.route == choice.route) {
      continue;
    }
    lines.push_back(
        estimate.impossible.empty()
            ? fmt::format("{}: {}, {} through this machine", to_string(estimate.route),
                          about_time(estimate.whole_seconds()),
                          about_size(static_cast<double>(estimate.wire_bytes)))
            : fmt::format("{}: not possible: {}", to_string(estimate.route), estimate.impossible));
  }
  return lines;
}

}  // namespace vecferry
