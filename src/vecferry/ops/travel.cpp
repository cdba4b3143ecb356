#include "vecferry/ops/travel.h"

#include <fmt/format.h>

namespace vecferry {

TravelWish reading_part(TravelWish wish) {
  if (wish.route && *wish.route != Route::kEngineRead) {
    wish.route = Route::kStream;
  }
  return wish;
}

TravelWish making_part(TravelWish wish) {
  if (wish.route == Route::kEngineRead) {
    wish.route = Route::kStream;
  }
  return wish;
}

// What a person wanted to stop, and what any route would run into, is no reason to try another.
bool worth_another_route(const Status& status, FailedAt at) {
  switch (kind_of(status)) {
    case ErrorKind::kCancelled:
    case ErrorKind::kExists:
    case ErrorKind::kNotFound:
    case ErrorKind::kConflict:
      return false;
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      return at == FailedAt::kItsOwn;  // else the place is away
    default:
      return !status.ok();
  }
}

std::string given_up(Route route, const Status& why, Route instead) {
  const Failure failure = failure_of(why);
  return fmt::format("{} was given up ({}{}): {} instead", to_string(route), failure.what,
                     failure.where.empty() ? "" : ", " + failure.where, to_string(instead));
}

}  // namespace vecferry
