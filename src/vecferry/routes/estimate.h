#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/routes/choose.h"

/// What each route would cost: plain facts in, estimates out.
namespace vecferry {

/// How points are read, or where they go.
enum class EndKind {
  kNone,   ///< points are only read
  kHere,   ///< files, a local place, an archive: this machine does the work
  kServer  ///< another process does it, with an index of its own
};

/// What the estimates are made from; `routes/probe.h` collects it. Speeds are as seen from here.
struct RouteFacts {
  uint64_t points = 0;
  double vector_bytes = 0;   ///< a point
  double payload_bytes = 0;  ///< a point, as canonical JSON
  size_t payload_indexes = 0;
  bool builds_index = false;   ///< a server that gets these points builds a vector index of them
  size_t indexed_vectors = 0;  ///< with a graph, a point
  double indexed_bytes = 0;    ///< of these, a point
  EndKind source = EndKind::kServer;
  EndKind target = EndKind::kServer;
  size_t shards = 1;
  size_t holders = 1;  ///< of each shard at the target
  double source_round_trip = 0;
  double target_round_trip = 0;
  /// A warm page of one reader, its round trip taken off, by its bytes; none: no page was read.
  std::optional<double> page_seconds_per_byte{};
  bool one_machine = false;    ///< servers and this program share their cores
  bool target_fetches = true;  ///< the target can perhaps reach the source under the name we use
  bool live = false;           ///< others may write to the source meanwhile
  bool prove = true;           ///< what arrived is read back and compared
  bool waits = true;           ///< until a server has built its index
  bool index_here = true;      ///< a shipped collection is indexed on this machine
  int cores = 2;               ///< of this machine; those of servers are not known
  std::optional<uint64_t> spool_free{};
  bool small = false;  ///< too small for a look at other ways to pay
  std::vector<Route> looked_at = {Route::kStream, Route::kNative, Route::kEngineRead, Route::kShip};
  /// Why a route cannot be taken, by its number; OK: it can.
  std::array<Status, 4> impossible{};

  double bytes() const { return static_cast<double>(points) * (vector_bytes + payload_bytes); }
  Status& why_not(Route route) { return impossible[static_cast<size_t>(route)]; }
  const Status& why_not(Route route) const { return impossible[static_cast<size_t>(route)]; }
};

/// One for each route that was looked at. A route that lacks room here is impossible.
std::vector<RouteEstimate> estimate_routes(const RouteFacts& facts);

}  // namespace vecferry
