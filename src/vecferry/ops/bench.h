#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/digest/digest.h"
#include "vecferry/ops/endpoint.h"
#include "vecferry/ops/travel.h"
#include "vecferry/pipeline/copy.h"
#include "vecferry/routes/choose.h"

/// The routes between two places side by side, on a person's own machines: what `bench` does.
namespace vecferry {

/// Points that are made for the bench, and removed afterwards.
struct MadePoints {
  uint64_t points = 0;
  uint32_t dim = 384;
};

struct BenchRequest {
  Endpoint source{};                 ///< a collection; of made points its name is given by us
  std::optional<MadePoints> made{};  ///< make them at the source first
  Endpoint target{};                 ///< a place with many collections; its label is the place's
  int rounds = 3;
  TravelWish travel{};               ///< a route that is asked for is the only one that is run
  std::vector<std::string> peers{};  ///< commands of other programs
  std::string source_url{};          ///< for peers: the places, as they would write them
  std::string target_url{};
  CopyLimits limits{};
};

/// One way in one round. Seconds count from the start.
struct BenchRun {
  std::string way{};  ///< a route's name, or "peer 1"
  int round = 0;
  double seconds = 0;         ///< until all points were there
  double green_seconds = 0;   ///< until the target was ready, its index built
  double proved_seconds = 0;  ///< until what arrived was read back and compared; 0: a peer
  uint64_t points = 0;
  uint64_t wire_bytes = 0;  ///< through this program until green; 0: a peer
  bool verified = false;    ///< all points of the source, and no others, by digest
  std::string error{};      ///< why it failed; empty: it did not
};

/// A way, over all rounds.
struct BenchRow {
  std::string way{};
  std::string command{};  ///< of a peer
  int runs = 0;           ///< that came to an end; the medians are of these
  BenchRun median{};
  std::string error{};                      ///< of the last run that failed
  std::optional<RouteEstimate> estimate{};  ///< of a route
  bool chosen = false;                      ///< that the choice would take
};

struct BenchReport {
  uint64_t points = 0;
  RangeDigest digest{};
  RouteChoice choice{};
  std::vector<BenchRow> rows{};
  double chosen_by_fastest = 0;  ///< of proved_seconds, over those that were verified; 0: unknown
};

/// Run each possible route, and each peer, into collections of its own at the target, in turns,
/// `rounds` times. They are named so that nothing is overwritten, and dropped after each run,
/// whatever happened; so is a source that was made. `on_run` hears of each.
/// Errors: those of reaching the places; kCancelled; kUsage for a peer's words; kIncompatible for a
/// target that is one file. A way that fails is no error: its row says so.
Result<BenchReport> run_bench(const BenchRequest& request,
                              const std::function<void(const BenchRun&)>& on_run,
                              Progress& progress, StopToken stop);

nlohmann::ordered_json to_json(const BenchRun& run);
nlohmann::ordered_json to_json(const BenchReport& report);

}  // namespace vecferry
