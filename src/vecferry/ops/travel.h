#pragma once

#include <optional>
#include <string>

#include "vecferry/base/error.h"
#include "vecferry/routes/choose.h"

namespace vecferry {

/// How a person wants a collection to travel.
struct TravelWish {
  std::optional<Route> route{};  ///< that one or none; not said: the best one that is possible
  Prefer prefer = Prefer::kFast;
  std::string spool{};    ///< folder for files on their way; empty: the system's temporary one
  int index_threads = 0;  ///< that build a shipped index; 0: as many as the settings say
  bool index = true;      ///< false: a shipped collection is indexed by its server
  bool waits = true;      ///< until a server has built its index
};

/// Of a wish for points that are read more than once: what it says of reading, and of what is made
/// from them.
TravelWish reading_part(TravelWish wish);
TravelWish making_part(TravelWish wish);

/// Where a route failed: at what only it does, or at what any does.
enum class FailedAt { kItsOwn, kCommon };

/// After this failure on one route: is it worth trying another one?
bool worth_another_route(const Status& status, FailedAt at);

/// "native was given up (…): stream instead".
std::string given_up(Route route, const Status& why, Route instead);

}  // namespace vecferry
