#pragma once

#include <optional>
#include <string_view>

/// The ways in which a whole collection travels.
namespace vecferry {

enum class Route {
  kStream,      ///< points are scrolled and upserted: always possible
  kNative,      ///< the servers' own shard snapshots, index included, from one to the other
  kEngineRead,  ///< shard snapshots of the source, opened by the embedded engine and scanned
  kShip         ///< shards and their index are built here, and put in place at the target
};

/// "stream", "native", "engine-read", "ship".
std::string_view to_string(Route route);
std::optional<Route> parse_route(std::string_view text);

}  // namespace vecferry
