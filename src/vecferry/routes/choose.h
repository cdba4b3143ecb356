#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/routes/route.h"

/// Which way a collection takes: each possible one is estimated from a short look at both ends, and
/// the plan says why one was picked.
/// Source: docs/routes.md.
namespace vecferry {

/// What matters most to the person.
enum class Prefer {
  kFast,       ///< soonest complete, and at a server indexed
  kLight,      ///< least work for the servers
  kConsistent  ///< a point in time, then fast
};

std::string_view to_string(Prefer prefer);  ///< "fast", "light", "consistent"
std::optional<Prefer> parse_prefer(std::string_view text);

/// A collection that travels, and what is asked of it.
struct Journey {
  Backend* source = nullptr;
  std::string from{};                ///< collection at the source
  Backend* target = nullptr;         ///< null: points are only read
  CollectionConfig config{};         ///< as it arrives
  bool whole = true;                 ///< all of it, unchanged: the servers' own files will do
  bool creates = true;               ///< the target's collection is new
  bool index = true;                 ///< a shipped collection is indexed here
  std::optional<uint64_t> points{};  ///< that travel, when it is known
  std::string spool{};  ///< folder for files on their way; empty: the system's temporary one
  bool prove = true;    ///< what arrived is read back and compared
  bool waits = true;    ///< until a server has built its index
  bool every = false;   ///< look at each route, also where looking does not pay
};

/// What a route would cost. Seconds of processor are of all cores together.
struct RouteEstimate {
  Route route = Route::kStream;
  std::string impossible{};  ///< why it cannot be taken; empty: it can
  double seconds = 0;        ///< until the points are there and, at a server, indexed
  double copy_seconds = 0;   ///< of these, until the points are there
  double index_seconds = 0;  ///< of these, for a vector index, wherever it is built
  double prove_seconds = 0;  ///< beyond them, until what arrived is read back and compared
  uint64_t wire_bytes = 0;   ///< through this machine
  uint64_t spool_bytes = 0;
  uint64_t target_bytes = 0;  ///< of disk
  double source_seconds = 0;  ///< of the source server's processor
  double target_seconds = 0;  ///< of the target server's processor
  bool point_in_time = false;

  double whole_seconds() const { return seconds + prove_seconds; }
};

struct RouteChoice {
  Route route = Route::kStream;
  std::string reason{};                    ///< a sentence for the plan
  std::vector<RouteEstimate> estimates{};  ///< the picked one first, then the runners-up
};

/// Looks at both ends: at most a few small requests and two pages of points. `wanted` overrides.
/// What is so small that looking would take longer than streaming is streamed without a look.
/// Errors: kIncompatible or kRefused, with the reason, when the wanted route is not possible here;
/// those of reaching either end.
Result<RouteChoice> choose_route(const Journey& journey, Prefer prefer, std::optional<Route> wanted,
                                 StopToken stop);

/// For plans and receipts.
nlohmann::ordered_json to_json(const RouteChoice& choice);
/// A line for each that was not picked: "native: about 2 s, 310 MB", "ship: not possible: …".
std::vector<std::string> to_lines(const RouteChoice& choice);

}  // namespace vecferry
