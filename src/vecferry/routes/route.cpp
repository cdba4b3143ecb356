#include "vecferry/routes/route.h"

#include <array>

namespace vecferry {
namespace {

constexpr std::array kRoutes = {Route::kStream, Route::kNative, Route::kEngineRead, Route::kShip};

}  // namespace

std::string_view to_string(Route route) {
  switch (route) {
    case Route::kStream:
      return "stream";
    case Route::kNative:
      return "native";
    case Route::kEngineRead:
      return "engine-read";
    case Route::kShip:
      return "ship";
  }
  return "stream";
}

std::optional<Route> parse_route(std::string_view text) {
  for (const Route route : kRoutes) {
    if (to_string(route) == text) {
      return route;
    }
  }
  return std::nullopt;
}

}  // namespace vecferry
