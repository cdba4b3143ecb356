#pragma once

#include <optional>
#include <vector>

#include "vecferry/routes/estimate.h"

/// Which of the estimated routes is taken, and why, in words.
namespace vecferry {

/// The best of these, or the wanted one. There is no reason where there was no choice.
/// Errors: when the wanted one is not possible: the kind of the reason, which it tells.
Result<RouteChoice> pick_route(const RouteFacts& facts, std::vector<RouteEstimate> estimates,
                               Prefer prefer, std::optional<Route> wanted);

}  // namespace vecferry
