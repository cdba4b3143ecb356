#include "vecferry/routes/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "vecferry/routes/about.h"

namespace vecferry {
namespace {

// What a point and a byte cost, in seconds of one core. The sums of docs/performance.md and of the
// design's table, 200,000 x 384 and 40,000 x 1,536 on two cores with Qdrant 1.18.3 at both ends,
// taken apart by size; checked by bench/route_choice.py, whose table is in docs/routes.md.
struct Work {
  double point = 0;
  double vector_byte = 0;
  double payload_byte = 0;
};
constexpr Work kScrollServer{1.5e-6, 1.5e-9, 8e-9};  // a page of a server, asked for over gRPC
constexpr Work kDecode{0.5e-6, 0.5e-9, 4e-9};        // and made a batch, with its digests
constexpr Work kUpsertServer{6e-6, 4.5e-9, 20e-9};   // a server stores a batch, with `wait`
constexpr Work kScanEngine{1.2e-6, 0.6e-9, 2e-9};    // a page of the embedded engine
constexpr Work kUpsertEngine{2e-6, 1e-9, 6e-9};      // it stores a batch, without a log
constexpr Work kWriteFile{0.5e-6, 2.3e-9, 2.3e-9};   // Parquet or a local collection

// A shard snapshot by its bytes: packed and sent, taken and put in place, unpacked here.
constexpr double kPackByte = 1e-9;
constexpr double kRecoverByte = 2.4e-9;
constexpr double kUnpackByte = 2e-9;
// What a shard costs whatever is in it: settings, locks, a log, files.
constexpr double kPackShard = 0.02;
constexpr double kRecoverShard = 0.06;
constexpr double kOpenShard = 0.03;
constexpr double kBuildShard = 0.1;
// A collection is made and finished, whatever the way.
constexpr double kMakeCollection = 0.08;
// A streamed page that asks for nothing but settings: create, finish, plan the ranges.
constexpr double kRequestsOfCopy = 14;

// A graph with Qdrant's defaults: links of 32 neighbours, compressed, and some ids.
constexpr double kGraphBytes = 120;
constexpr double kTrackerBytes = 21;     // ids and versions of a point
constexpr double kPackedPayload = 0.6;   // of its bytes: LZ4
constexpr double kIndexedField = 24;     // bytes of a point
constexpr double kIndexField = 10e-6;    // seconds of a point
constexpr double kIndexVector = 0.5e-3;  // a vector joins a graph of kIndexScale of them
constexpr double kIndexByte = 0.47e-6;
constexpr double kIndexScale = 200'000;

// Several readers of one server help each other so much, where the link is not the bound.
constexpr double kLanesHelp = 1.8;
// Seconds of a round trip to another place than this one.
constexpr double kFarAway = 2e-3;
// A page that takes so many times the server's own work is held up by the link.
constexpr double kLinkShows = 4;
// Both a shard's file and what is in it are here for a moment.
constexpr double kSpoolTimes = 2;

class Estimator {
 public:
  explicit Estimator(const RouteFacts& facts)
      : facts_(facts),
        points_(static_cast<double>(facts.points)),
        cores_(std::max(1, facts.cores)),
        shards_(static_cast<double>(std::max<size_t>(1, facts.shards))),
        source_link_(link_byte()),
        target_link_(seems_as_far() ? source_link_ : 0) {}

  RouteEstimate of(Route route) const {
    switch (route) {
      case Route::kStream:
        break;
      case Route::kNative:
        return native();
      case Route::kEngineRead:
        return engine_read();
      case Route::kShip:
        return ship();
    }
    return stream();
  }

 private:
  RouteEstimate stream() const {
    RouteEstimate route = blank(Route::kStream);
    route.copy_seconds = requests() + together(read_streaming(), write_points());
    route.index_seconds = index_at_target();
    route.wire_bytes = round(scroll_bytes() + points_sent());
    route.target_bytes = round(target_bytes());
    route.source_seconds = scroll_work();
    route.target_seconds = write_work_at_server() + index_work();
    route.prove_seconds = prove(false);
    route.point_in_time = !facts_.live;
    return route;
  }

  RouteEstimate native() const {
    RouteEstimate route = blank(Route::kNative);
    const double bytes = snapshot_bytes(true);
    // One shard after the other.
    const double holders = static_cast<double>(facts_.holders);
    const double on_the_way = facts_.target_fetches
                                  ? bytes * direct_link()
                                  : bytes * (source_link_ + holders * target_link_);
    route.copy_seconds = requests() + shards_ * (kPackShard + kRecoverShard) +
                         bytes * (kPackByte + kRecoverByte) + on_the_way;
    route.wire_bytes = round(facts_.target_fetches ? 0 : bytes * (1 + holders));
    route.spool_bytes = facts_.target_fetches ? 0 : round(bytes / shards_);
    route.target_bytes = round(target_bytes());
    route.source_seconds =
        shards_ * kPackShard + bytes * kPackByte + (facts_.prove ? scroll_work() : 0);
    route.target_seconds = shards_ * kRecoverShard + bytes * kRecoverByte;
    route.prove_seconds = prove(true);
    route.point_in_time = true;
    return route;
  }

  RouteEstimate engine_read() const {
    RouteEstimate route = blank(Route::kEngineRead);
    const double bytes = snapshot_bytes(true);
    const double fetched = shards_ * kOpenShard + kPackShard +
                           bytes * (std::max(source_link_, kPackByte) + kUnpackByte);
    const double scanned = (work(kScanEngine) + work(kDecode)) / std::min(2, cores_);
    route.copy_seconds = requests() + fetched + together(scanned, write_points());
    route.index_seconds = index_at_target();
    route.wire_bytes = round(bytes + points_sent());
    route.spool_bytes = round(bytes * kSpoolTimes);
    route.target_bytes = round(target_bytes());
    route.source_seconds = shards_ * kPackShard + bytes * kPackByte;
    route.target_seconds = write_work_at_server() + index_work();
    route.prove_seconds = prove(false);
    route.point_in_time = true;
    return route;
  }

  RouteEstimate ship() const {
    RouteEstimate route = blank(Route::kShip);
    const bool indexed = facts_.builds_index && facts_.index_here;
    const double bytes = snapshot_bytes(indexed);
    const double built = work(kUpsertEngine) / std::min<double>(cores_, shards_) +
                         fields_work() / cores_ + shards_ * kBuildShard;
    const double holders = static_cast<double>(facts_.holders);
    const double shipped =
        shards_ * kRecoverShard + bytes * (kPackByte + holders * (target_link_ + kRecoverByte));
    route.copy_seconds = requests() + together(read_streaming(), built) + shipped;
    route.index_seconds = indexed || facts_.waits ? index_work() / cores_ : 0;
    route.wire_bytes = round(scroll_bytes() + bytes * holders);
    route.spool_bytes = round(bytes * kSpoolTimes);
    route.target_bytes = round(target_bytes());
    route.source_seconds = scroll_work();
    route.target_seconds =
        shards_ * kRecoverShard + bytes * kRecoverByte * holders + (indexed ? 0 : index_work());
    route.prove_seconds = prove(false);
    route.point_in_time = !facts_.live;
    return route;
  }

  static uint64_t round(double bytes) { return static_cast<uint64_t>(std::max(0.0, bytes)); }

  RouteEstimate blank(Route route) const {
    const Status& why_not = facts_.why_not(route);
    return {.route = route, .impossible = why_not.ok() ? std::string() : failure_of(why_not).what};
  }

  double work(const Work& of) const {
    return points_ * (of.point + of.vector_byte * facts_.vector_bytes +
                      of.payload_byte * facts_.payload_bytes);
  }

  // Two halves of the work at the same time: on one machine they share its cores.
  double together(double a, double b) const { return facts_.one_machine ? a + b : std::max(a, b); }

  double requests() const {
    return (facts_.target == EndKind::kServer ? kMakeCollection : 0) +
           kRequestsOfCopy * (facts_.source_round_trip + facts_.target_round_trip) / 2;
  }

  double link_byte() const {
    if (!facts_.page_seconds_per_byte || facts_.bytes() <= 0) {
      return 0;
    }
    const double own = (work(kScrollServer) + work(kDecode)) / facts_.bytes();
    const double seen = *facts_.page_seconds_per_byte;
    return seen > kLinkShows * own ? seen - own : 0;
  }

  // Nothing may be written for a try, so what is as far away is taken to be on such a link.
  bool seems_as_far() const {
    return facts_.target == EndKind::kServer && facts_.target_round_trip > kFarAway &&
           facts_.target_round_trip > facts_.source_round_trip / 2;
  }
  // From server to server: where we are beside one of them, it is our link to the other one; where
  // both are far away, nobody knows, and they may be beside each other.
  double direct_link() const {
    return source_link_ > 0 && target_link_ > 0 ? 0 : std::max(source_link_, target_link_);
  }

  double scroll_work() const { return facts_.source == EndKind::kServer ? work(kScrollServer) : 0; }

  double read_streaming() const {
    if (facts_.source != EndKind::kServer) {
      return (work(kScanEngine) + work(kDecode)) / std::min(2, cores_);
    }
    const double reading = (work(kScrollServer) + work(kDecode)) / kLanesHelp;
    return std::max(reading, facts_.bytes() * source_link_);
  }

  double write_points() const {
    switch (facts_.target) {
      case EndKind::kNone:
        return 0;
      case EndKind::kHere:
        return work(kWriteFile);
      case EndKind::kServer:
        break;
    }
    return std::max(write_work_at_server() / kLanesHelp, facts_.bytes() * target_link_);
  }
  double write_work_at_server() const {
    return facts_.target != EndKind::kServer
               ? 0
               : work(kUpsertServer) * static_cast<double>(facts_.holders) + fields_work();
  }
  double fields_work() const {
    return points_ * static_cast<double>(facts_.payload_indexes) * kIndexField;
  }

  // A graph's price grows with the logarithm of its size.
  double index_work() const {
    if (!facts_.builds_index) {
      return 0;
    }
    const double each = static_cast<double>(facts_.indexed_vectors) * kIndexVector +
                        facts_.indexed_bytes * kIndexByte;
    const double in_shard = std::max(2.0, points_ / shards_);
    return points_ * each * std::log(in_shard) / std::log(kIndexScale);
  }
  double index_at_target() const {
    return facts_.target == EndKind::kServer && facts_.waits ? index_work() / cores_ : 0;
  }

  // The target is read back; where no point was read on the way, the source at the same time.
  double prove(bool source_too) const {
    if (!facts_.prove || facts_.target == EndKind::kNone) {
      return 0;
    }
    if (facts_.target != EndKind::kServer) {
      return (work(kScanEngine) + work(kDecode)) / std::min(2, cores_);
    }
    const double sides = source_too ? 2 : 1;
    const double link = source_too ? std::max(source_link_, target_link_) : target_link_;
    return std::max(sides * (work(kScrollServer) + work(kDecode)) / kLanesHelp,
                    facts_.bytes() * link);
  }

  double scroll_bytes() const { return facts_.source == EndKind::kServer ? facts_.bytes() : 0; }
  double points_sent() const { return facts_.target == EndKind::kServer ? facts_.bytes() : 0; }

  double snapshot_bytes(bool indexed) const {
    const double graph = indexed && facts_.builds_index
                             ? static_cast<double>(facts_.indexed_vectors) * kGraphBytes
                             : 0;
    return points_ * (facts_.vector_bytes + facts_.payload_bytes * kPackedPayload + kTrackerBytes +
                      static_cast<double>(facts_.payload_indexes) * kIndexedField + graph);
  }
  double target_bytes() const {
    return facts_.target == EndKind::kNone
               ? 0
               : snapshot_bytes(true) * static_cast<double>(facts_.holders);
  }

  const RouteFacts& facts_;
  const double points_;
  const int cores_;
  const double shards_;
  // Seconds of a byte; nothing where the servers themselves are the bound.
  const double source_link_;
  const double target_link_;
};

// A route whose files do not fit here cannot be taken.
void check_room(const RouteFacts& facts, RouteEstimate* estimate) {
  if (estimate->impossible.empty() && facts.spool_free &&
      estimate->spool_bytes > *facts.spool_free) {
    estimate->impossible =
        fmt::format("it needs about {} of disk here, and {} are free; --spool names another folder",
                    about_size(static_cast<double>(estimate->spool_bytes)),
                    about_size(static_cast<double>(*facts.spool_free)));
  }
}

}  // namespace

std::vector<RouteEstimate> estimate_routes(const RouteFacts& facts) {
  const Estimator estimator(facts);
  std::vector<RouteEstimate> estimates;
  for (const Route route : facts.looked_at) {
    estimates.push_back(estimator.of(route));
    check_room(facts, &estimates.back());
    estimates.back().seconds = estimates.back().copy_seconds + estimates.back().index_seconds;
  }
  return estimates;
}

}  // namespace vecferry
