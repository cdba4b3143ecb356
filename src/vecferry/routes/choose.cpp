#include "vecferry/routes/choose.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vecferry/routes/engine_read.h"
#include "vecferry/routes/native.h"
#include "vecferry/routes/ship.h"

namespace vecferry {

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
  RouteChoice choice;
  if (!wanted || *wanted == Route::kStream) {
    return choice;
  }
  choice.route = *wanted;
  if (*wanted == Route::kEngineRead) {
    ARROW_RETURN_NOT_OK(can_engine_read(*journey.source, journey.from, stop));
  }
  if (*wanted == Route::kShip) {
    ARROW_RETURN_NOT_OK(can_ship(*journey.target, stop));
  }
  if (*wanted == Route::kNative) {
    if (!journey.whole || !journey.creates) {
      return fail(
          {.kind = ErrorKind::kIncompatible, .what = "native takes whole collections to new ones"});
    }
    ARROW_RETURN_NOT_OK(can_go_natively(*journey.source, journey.from, *journey.target, stop));
  }
  static_cast<void>(prefer);
  return choice;
}

nlohmann::ordered_json to_json(const RouteChoice& choice) {
  return {{"route", to_string(choice.route)}, {"reason", choice.reason}};
}

std::vector<std::string> to_lines(const RouteChoice& /*choice*/) {
  return {};
}

}  // namespace vecferry
