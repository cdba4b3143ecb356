#include "vecferry/routes/probe.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "vecferry/base/temporary_folder.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/routes/engine_read.h"
#include "vecferry/routes/native.h"
#include "vecferry/routes/ship.h"

namespace vecferry {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

// A server that is asked for it only says that it has none.
constexpr std::string_view kNobody = "vecferry.no-such-collection";
// Where nothing is indexed and streaming takes no longer than this, looking does not pay: a
// snapshot of nothing takes a server as long.
constexpr double kNotWorthLooking = 0.3;
// Of a page, so that a slow link is not held up long: this part of all, within these bounds.
constexpr double kShareOfAll = 0.01;
constexpr int64_t kLeastPage = int64_t{64} << 10;
constexpr int64_t kLargestPage = int64_t{1} << 20;
// What was not seen.
constexpr double kSparseBytes = 400;
constexpr double kVectorsOfMulti = 16;
constexpr double kPayloadBytes = 300;
// Where the settings do not say: a server's own.
constexpr double kIndexingThreshold = 10'000;  // KB of a segment
constexpr double kSegments = 2;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

EndKind kind_of_end(Backend* backend) {
  if (backend == nullptr) {
    return EndKind::kNone;
  }
  return backend->snapshots() == nullptr ? EndKind::kHere : EndKind::kServer;
}

double bytes_of(const VectorSpec& spec) {
  const double elements =
      static_cast<double>(spec.dim) * static_cast<double>(size_of(spec.element));
  switch (spec.kind) {
    case VectorKind::kDense:
      return elements;
    case VectorKind::kMulti:
      return elements * kVectorsOfMulti;
    case VectorKind::kSparse:
      return kSparseBytes;
  }
  return elements;
}

// A member of nested objects, or `otherwise` where there is no such number.
double number_at(const Json& json, std::initializer_list<std::string_view> path, double otherwise) {
  const Json* at = &json;
  for (const auto name : path) {
    const auto found = at->is_object() ? at->find(std::string(name)) : at->end();
    if (!at->is_object() || found == at->end()) {
      return otherwise;
    }
    at = &*found;
  }
  return at->is_number() ? at->get<double>() : otherwise;
}

size_t count_at(const Json& json, std::initializer_list<std::string_view> path) {
  return static_cast<size_t>(std::clamp(number_at(json, path, 1), 1.0, 10'000.0));
}

// Own settings of a vector, before those of the collection.
double links_of(const Json& settings, const VectorSpec& spec) {
  const double of_all = number_at(settings, {"hnsw_config", "m"}, 16);
  return spec.name.empty()
             ? number_at(settings, {"params", "vectors", "hnsw_config", "m"}, of_all)
             : number_at(settings, {"params", "vectors", spec.name, "hnsw_config", "m"}, of_all);
}

class Probe {
 public:
  Probe(const Journey& journey, Prefer prefer, std::optional<Route> wanted, StopToken stop)
      : journey_(journey), prefer_(prefer), wanted_(wanted), stop_(std::move(stop)) {}

  Result<RouteFacts> run() {
    note_plain_facts();
    const bool from_server = facts_.source == EndKind::kServer;
    const bool to_server = facts_.target == EndKind::kServer;
    // Without a server there is one way only; and what is always possible needs no look.
    if (wanted_ ? *wanted_ == Route::kStream : !from_server && !to_server) {
      return only({Route::kStream});
    }
    ARROW_RETURN_NOT_OK(count_points());
    if (wanted_) {
      ask_for(*wanted_);
      return only({*wanted_, Route::kStream});
    }
    if (!worth_looking()) {
      facts_.small = facts_.points > 0;
      return only({Route::kStream});
    }
    facts_.looked_at = {Route::kStream};
    for (const auto& [route, means_something] :
         {std::pair(Route::kNative, from_server && to_server),
          std::pair(Route::kEngineRead, from_server), std::pair(Route::kShip, to_server)}) {
      ARROW_RETURN_NOT_OK(poll(stop_));
      if (means_something) {
        facts_.looked_at.push_back(route);
        ask_for(route);
      }
    }
    ARROW_RETURN_NOT_OK(time_ends());
    note_room();
    return std::move(facts_);
  }

 private:
  Result<RouteFacts> only(std::vector<Route> routes) {
    facts_.looked_at = std::move(routes);
    return std::move(facts_);
  }

  void note_plain_facts() {
    facts_.source = kind_of_end(journey_.source);
    facts_.target = kind_of_end(journey_.target);
    facts_.live = journey_.source->capabilities().live;
    facts_.prove = journey_.prove;
    facts_.waits = journey_.waits;
    facts_.index_here = journey_.index;
    facts_.cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (const auto& spec : journey_.config.vectors) {
      facts_.vector_bytes += bytes_of(spec);
    }
    facts_.payload_bytes = kPayloadBytes;
    facts_.payload_indexes = journey_.config.payload_indexes.size();
    const Json settings = Json::parse(journey_.config.settings_json, nullptr, false);
    facts_.shards = count_at(settings, {"params", "shard_number"});
    facts_.holders = count_at(settings, {"params", "replication_factor"});
    note_machines();
  }

  // A name such as localhost leads a server on another machine to itself.
  void note_machines() {
    const auto here = [](Backend* end, EndKind kind) {
      return kind != EndKind::kServer || is_on_this_machine(*end->snapshots());
    };
    const bool source_here = here(journey_.source, facts_.source);
    const bool target_here = here(journey_.target, facts_.target);
    facts_.one_machine = source_here && target_here;
    facts_.target_fetches = facts_.source != EndKind::kServer || !source_here || target_here;
  }

  Status count_points() {
    if (journey_.points) {
      facts_.points = *journey_.points;
    } else if (facts_.source == EndKind::kServer) {
      ARROW_ASSIGN_OR_RAISE(facts_.points, journey_.source->count(journey_.from, nullptr, stop_));
    }
    note_index(journey_.config, &facts_);
    return Status::OK();
  }

  bool worth_looking() const {
    if (facts_.points == 0) {  // also: nobody knows how many
      return false;
    }
    if (journey_.every || (prefer_ == Prefer::kConsistent && facts_.live)) {
      return true;
    }
    RouteFacts guess = facts_;
    guess.looked_at = {Route::kStream};
    return estimate_routes(guess).front().whole_seconds() > kNotWorthLooking;
  }

  void ask_for(Route route) {
    Status& why_not = facts_.why_not(route);
    const auto incompatible = [](const char* what) {
      return fail({.kind = ErrorKind::kIncompatible, .what = what});
    };
    switch (route) {
      case Route::kStream:
        return;
      case Route::kNative:
        if (journey_.target == nullptr) {
          why_not = incompatible("points are only read, not written to a server");
        } else if (!journey_.creates) {
          why_not = incompatible("a server's own files make a new collection, and this one exists");
        } else if (!journey_.whole) {
          why_not = incompatible(
              "a server's own files are the whole collection as it is, and part of it is left out "
              "or changed");
        } else {
          why_not = can_go_natively(*journey_.source, journey_.from, *journey_.target, stop_);
        }
        return;
      case Route::kEngineRead:
        why_not = can_engine_read(*journey_.source, journey_.from, stop_);
        return;
      case Route::kShip:
        if (journey_.target == nullptr) {
          why_not = incompatible("points are only read, not written to a server");
        } else if (!journey_.creates) {
          why_not = incompatible("a shipped shard replaces all that is there, and this one exists");
        } else {
          why_not = can_ship(*journey_.target, stop_);
        }
        return;
    }
  }

  // One small request to each, on connections that are open; then what a page takes.
  Status time_ends() {
    if (facts_.target == EndKind::kServer) {
      const auto start = Clock::now();
      discard(journey_.target->unready(kNobody, stop_).status(), "only its time is of interest");
      facts_.target_round_trip = seconds_since(start);
      ARROW_RETURN_NOT_OK(poll(stop_));
    }
    if (facts_.source != EndKind::kServer) {
      return Status::OK();
    }
    const auto start = Clock::now();
    ARROW_RETURN_NOT_OK(journey_.source->unready(journey_.from, stop_).status());
    facts_.source_round_trip = seconds_since(start);
    return time_page();
  }

  Status time_page() {
    const auto bytes = static_cast<int64_t>(facts_.bytes() * kShareOfAll);
    ARROW_ASSIGN_OR_RAISE(
        const auto reader,
        journey_.source->open_reader(
            journey_.from, {.batch_bytes = std::clamp(bytes, kLeastPage, kLargestPage)}, stop_));
    std::shared_ptr<arrow::RecordBatch> warm;
    double seconds = 0;
    for (int page = 0; page < 2; ++page) {  // the first opens the connection
      std::shared_ptr<arrow::RecordBatch> batch;
      const auto start = Clock::now();
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr || batch->num_rows() == 0) {
        break;
      }
      seconds = seconds_since(start);
      warm = std::move(batch);
    }
    if (warm == nullptr) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(*warm));
    double payload = 0;
    for (int64_t row = 0; row < view.rows(); ++row) {
      payload += static_cast<double>(view.payload(row).size());
    }
    const auto all = static_cast<double>(batch_bytes(*warm));
    const auto rows = static_cast<double>(view.rows());
    facts_.payload_bytes = payload / rows;
    facts_.vector_bytes = std::max(0.0, all - payload) / rows;
    facts_.page_seconds_per_byte =
        std::max(0.0, seconds - facts_.source_round_trip) / std::max(1.0, all);
    return Status::OK();
  }

  void note_room() {
    std::error_code error;
    std::filesystem::path folder = journey_.spool;
    if (folder.empty()) {
      const auto parent = temporary_parent();
      if (!parent.ok()) {
        return;
      }
      folder = *parent;
    }
    while (!std::filesystem::exists(folder, error) && folder.has_relative_path()) {
      folder = folder.parent_path();  // it is made when it is needed
    }
    const auto space = std::filesystem::space(folder, error);
    if (!error) {
      facts_.spool_free = space.available;
    }
  }

  const Journey& journey_;
  const Prefer prefer_;
  const std::optional<Route> wanted_;
  const StopToken stop_;
  RouteFacts facts_{};
};

}  // namespace

Result<RouteFacts> probe_route_facts(const Journey& journey, Prefer prefer,
                                     std::optional<Route> wanted, StopToken stop) {
  return Probe(journey, prefer, wanted, std::move(stop)).run();
}

void note_index(const CollectionConfig& config, RouteFacts* facts) {
  const Json settings = Json::parse(config.settings_json, nullptr, false);
  const double threshold =
      number_at(settings, {"optimizer_config", "indexing_threshold"}, kIndexingThreshold);
  const double segments = number_at(settings, {"optimizer_config", "default_segment_number"}, 0);
  const double parts = static_cast<double>(facts->shards) * (segments > 0 ? segments : kSegments);
  facts->builds_index = false;
  facts->indexed_vectors = 0;
  facts->indexed_bytes = 0;
  for (const auto& spec : config.vectors) {
    const double bytes = bytes_of(spec);
    const double kilobytes = static_cast<double>(facts->points) * bytes / 1024 / parts;
    if (spec.kind == VectorKind::kSparse || threshold <= 0 || kilobytes < threshold ||
        links_of(settings, spec) <= 0) {
      continue;
    }
    facts->builds_index = facts->target == EndKind::kServer;
    facts->indexed_vectors +=
        spec.kind == VectorKind::kMulti ? static_cast<size_t>(kVectorsOfMulti) : 1;
    facts->indexed_bytes += bytes;
  }
}

}  // namespace vecferry
