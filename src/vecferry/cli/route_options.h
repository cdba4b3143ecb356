#pragma once

#include <string>

#include "vecferry/base/error.h"
#include "vecferry/cli/places.h"
#include "vecferry/ops/travel.h"

namespace CLI {
class App;
}

namespace vecferry {

/// `--route --prefer --spool`, and for verbs that make a collection `--index-threads --no-index`,
/// as typed.
struct RouteWords {
  std::string route{};
  std::string prefer = "fast";
  std::string spool{};
  int index_threads = 0;
  bool no_index = false;

  /// Errors: kUsage with the words there are.
  Result<TravelWish> parse(const PlaceNames& names) const;
};

/// Verbs that only read a collection take `stream` and `engine-read`; those that make one all.
enum class RouteScope { kReads, kMakes };
void add_route_options(CLI::App& verb, RouteWords& words, RouteScope scope);

}  // namespace vecferry
