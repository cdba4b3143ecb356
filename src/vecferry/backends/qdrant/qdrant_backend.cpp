#include "vecferry/backends/qdrant/qdrant_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "vecferry/backends/qdrant/aliases_internal.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/known_collections_internal.h"
#include "vecferry/backends/qdrant/plan_scan_internal.h"
#include "vecferry/backends/qdrant/qdrant_reader_internal.h"
#include "vecferry/backends/qdrant/qdrant_writer_internal.h"
#include "vecferry/backends/qdrant/settings_internal.h"
#include "vecferry/backends/qdrant/snapshots_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/wire/requests.h"
#include "vecferry/wire/rest_replies.h"
#include "vecferry/wire/server_errors.h"

namespace vecferry::remote {
namespace {

constexpr int kLanes = 4;
constexpr int64_t kBatchBytes = int64_t{2}
                                << 20;  // larger ones are no faster, and take memory in each lane
constexpr Milliseconds kDropTimeout{120000};
constexpr Milliseconds kHelloTimeout{5000};

class QdrantBackend : public Backend {
 public:
  QdrantBackend(std::shared_ptr<Connection> connection, bool shard_keys)
      : connection_(std::move(connection)),
        can_have_shard_keys_(shard_keys),
        pace_(std::make_shared<Pace>(
            PaceLimits{.points_per_second = connection_->options().max_points_per_second},
            wall_timer())),
        shard_keys_(std::make_shared<ShardKeys>()),
        known_(std::make_shared<KnownCollections>()),
        snapshots_(connection_) {}

  Capabilities capabilities() const override {
    const int lanes = connection_->options().lanes;
    return {.changes_settings = true,
            .shard_keys = can_have_shard_keys_,
            .live = true,
            .non_finite = connection_->uses_grpc(),
            .normalises_cosine = true,
            .rounds_payload_floats = connection_->features().rounds_payload_floats,
            .max_payload_depth = kMaxPayloadDepth,
            .write_lanes = lanes > 0 ? lanes : kLanes,
            .read_lanes = lanes > 0 ? lanes : kLanes,
            .batch_bytes = kBatchBytes};
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto result, connection_->rest({.path = "/collections"}, stop));
    ARROW_ASSIGN_OR_RAISE(auto names, wire::collection_names(result));
    std::sort(names.begin(), names.end());
    std::vector<CollectionSummary> summaries;
    for (auto& name : names) {
      const auto facts = facts_of(*connection_, name, stop);
      if (facts.ok() && facts->unfinished) {
        continue;
      }
      if (!facts.ok()) {
        ARROW_RETURN_NOT_OK(poll(stop));
        if (kind_of(facts.status()) == ErrorKind::kNotFound) {  // dropped meanwhile
          continue;
        }
      }
      summaries.push_back({.name = std::move(name)});  // each count takes a server a while
    }
    return summaries;
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto facts, facts_of(*connection_, name, stop));
    ARROW_ASSIGN_OR_RAISE(facts.config.aliases, aliases_of(*connection_, name, stop));
    if (facts.config.custom_sharding()) {
      ARROW_ASSIGN_OR_RAISE(const auto keys, shard_keys_of(*connection_, name, stop));
      ARROW_RETURN_NOT_OK(note_shard_keys(keys, &facts.config));
    }
    return std::move(facts.config);
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    const auto body =
        wire::count_body({.filter_json = filter == nullptr ? std::string() : filter->json()});
    auto result = connection_->rest({.method = "POST",
                                     .path = collection_path(name) + "/points/count",
                                     .body = body,
                                     .timeout = connection_->options().read_timeout},
                                    stop);
    ARROW_RETURN_NOT_OK(result.status());
    return wire::count_of(*result);
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    if (config.custom_sharding() && !can_have_shard_keys_) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "shard keys need a server in cluster mode",
                   .where = connection_->place_of(name),
                   .next = "start the server with cluster.enabled (one node will do)"});
    }
    const ForgetAfter forget(*known_);
    ARROW_RETURN_NOT_OK(create_collection(*connection_, name, config, stop));
    {
      const std::lock_guard lock(mutex_);
      made_here_.emplace(name);
    }
    Status keys = make_shard_keys(name, config, stop);
    if (!keys.ok()) {
      discard(drop(name, StopToken::Unstoppable()), "the load's mark tells of what is left");
    }
    return keys;
  }

  Result<bool> abandoned(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(*connection_, name, stop));
    return facts.unfinished && has_died(facts.unfinished->owner);
  }

  Result<bool> take_over(std::string_view name, StopToken stop) override {
    const ForgetAfter forget(*known_);
    const auto taken = take_over_load(*connection_, name, stop);
    return !taken.ok() && kind_of(taken.status()) == ErrorKind::kNotFound ? Result<bool>(false)
                                                                          : taken;
  }

  Result<std::vector<std::string>> losses(const CollectionConfig& config,
                                          StopToken /*stop*/) override {
    ARROW_ASSIGN_OR_RAISE(auto plan, wire::plan_create(config, connection_->features(), {}));
    return std::move(plan.lost);
  }

  Status drop(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    const ForgetAfter forget(*known_);
    if (connection_->seems_dead()) {  // tried for long already, just now: only if it is back
      ARROW_RETURN_NOT_OK(
          connection_->rest_once({.path = "/", .timeout = kHelloTimeout}, stop).attempt.status);
    }
    Backoff backoff(connection_->options().retry, wall_timer());
    for (bool again = false;; again = true) {
      const auto answer = connection_->rest_once({.method = "DELETE",
                                                  .path = collection_path(name) + "?timeout=60",
                                                  .timeout = kDropTimeout},
                                                 stop);
      if (!answer.attempt.status.ok()) {
        ARROW_RETURN_NOT_OK(backoff.again(answer.attempt, stop));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto result, wire::result_of(answer.reply.body));
      ARROW_ASSIGN_OR_RAISE(const bool was_there, wire::flag_of(result));
      shard_keys_->forget(name);
      {
        const std::lock_guard lock(mutex_);
        made_here_.erase(std::string(name));
      }
      if (!was_there && !again) {
        return fail({.kind = ErrorKind::kNotFound,
                     .what = fmt::format("no collection '{}'", name),
                     .where = connection_->endpoint().place,
                     .next = "an alias is not dropped with what it leads to"});
      }
      return Status::OK();
    }
  }

  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    const ForgetAfter forget(*known_);
    ARROW_RETURN_NOT_OK(make_shard_keys(name, config, stop));
    ARROW_RETURN_NOT_OK(finish_collection(*connection_, name, config, stop));
    const std::lock_guard lock(mutex_);
    made_here_.erase(std::string(name));
    return Status::OK();
  }

  Status change_settings(std::string_view name, const CollectionConfig& config,
                         StopToken stop) override {
    const ForgetAfter forget(*known_);
    return change_collection(*connection_, name, config, stop);
  }

  Result<std::string> unready(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto facts, facts_of(*connection_, name, stop));
    if (facts.unfinished) {
      return std::string("it is still being loaded");
    }
    const auto& state = facts.state;
    if (!state.optimizer_error.empty()) {
      return "the server could not build its indexes: " + state.optimizer_error;
    }
    return state.status == "green" ? std::string()
                                   : fmt::format("{}: its indexes are being built", state.status);
  }

  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    const ForgetAfter forget(*known_);
    return set_aliases(*connection_, changes, stop);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto facts, known_->ask(*connection_, name, stop));
    if (facts.config.custom_sharding()) {
      ARROW_ASSIGN_OR_RAISE(const auto keys, shard_keys_of(*connection_, name, stop));
      if (keys.empty()) {  // 1.18.3 hangs up when it is asked for a sample of no shards
        return std::vector<IdRange>(1);
      }
    }
    return plan_ranges(*connection_, name, filter, parts, stop);
  }

  // Asks for the settings, which say what the columns are.
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto facts, known_->ask(*connection_, name, stop));
    return open_scroll({.connection = connection_, .known = known_}, name, facts.config, options,
                       std::move(stop));
  }

  SnapshotStore* snapshots() override { return &snapshots_; }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto facts, known_->ask(*connection_, name, stop));
    bool fresh = facts.unfinished.has_value();
    {
      const std::lock_guard lock(mutex_);
      fresh = fresh || made_here_.count(std::string(name)) > 0;
    }
    return make_writer(
        {.connection = connection_, .pace = pace_, .shard_keys = shard_keys_, .known = known_},
        {.collection = std::string(name), .config = std::move(facts.config), .fresh = fresh},
        std::move(stop));
  }

 private:
  // All at once, in the order of the source's shards; those without points are among them.
  Status make_shard_keys(std::string_view name, const CollectionConfig& config,
                         const StopToken& stop) {
    for (const auto& key : noted_shard_keys(config)) {
      ARROW_RETURN_NOT_OK(shard_keys_->ensure(*connection_, name, key, stop));
    }
    return Status::OK();
  }

  std::shared_ptr<Connection> connection_;
  bool can_have_shard_keys_;
  std::shared_ptr<Pace> pace_;
  std::shared_ptr<ShardKeys> shard_keys_;
  std::shared_ptr<KnownCollections> known_;
  QdrantSnapshots snapshots_;
  std::mutex mutex_;
  std::set<std::string> made_here_;  // not finished; guarded by mutex_
};

// Custom sharding needs cluster mode. A key that may not ask is taken for one that may have it.
Result<bool> in_cluster_mode(const Connection& connection, const StopToken& stop) {
  const auto result = connection.rest({.path = "/cluster", .repeat = Repeat::kNever}, stop);
  if (!result.ok()) {
    ARROW_RETURN_NOT_OK(poll(stop));
    return kind_of(result.status()) == ErrorKind::kRefused;
  }
  const auto json = nlohmann::json::parse(*result, nullptr, false);
  return json.is_object() && json.value("status", "") == "enabled";
}

}  // namespace
}  // namespace vecferry::remote

namespace vecferry {

Result<std::unique_ptr<Backend>> open_qdrant(QdrantOptions options, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto connection, remote::Connection::open(std::move(options), stop));
  ARROW_ASSIGN_OR_RAISE(const bool cluster, remote::in_cluster_mode(*connection, stop));
  return std::make_unique<remote::QdrantBackend>(std::move(connection), cluster);
}

}  // namespace vecferry
