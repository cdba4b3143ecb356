#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/record_batch.h"
#include "vecferry/backend/shelf.h"
#include "vecferry/backend/snapshot_store.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/id_range.h"

/// The interface to any place that holds collections.
namespace vecferry {

/// What a place can do; operations ask this, never what kind of place it is. What is not claimed is
/// refused as kIncompatible.
struct Capabilities {
  bool writable = true;                ///< create, write, drop
  bool readable = true;                ///< what was written can be read back; false: a pipe
  bool many_collections = true;        ///< false: a file, which is one collection
  bool aliases = true;                 ///< change_aliases works
  bool settings = true;                ///< keeps the whole configuration
  bool changes_settings = false;       ///< change_settings works
  bool shard_keys = false;             ///< keeps the shard_key column
  bool remove = true;                  ///< PointWriter::remove works
  bool upsert_existing = true;         ///< a written id that exists is replaced; false: append only
  bool ordered = true;                 ///< readers give rows in id order
  bool duplicates = false;             ///< duplicate works
  bool live = false;                   ///< others may write to it while it is read
  bool splittable = true;              ///< plan_scan can give more than one range
  bool non_finite = true;              ///< vectors may hold NaN and infinities
  bool normalises_cosine = false;      ///< stores Cosine float vectors as unit vectors
  bool rounds_payload_floats = false;  ///< payload floats pass the engine's JSON parser
  int max_payload_depth = 1000;        ///< deeper payloads are refused on write
  int write_lanes = 1;                 ///< writers that help each other; 1: one writer at a time
  int read_lanes = 2;                  ///< readers side by side that pay
  int64_t batch_bytes = int64_t{4} << 20;  ///< size of batches that suits the place
};

struct CollectionSummary {
  std::string name{};
  std::optional<uint64_t> points_count{};  ///< when the place knows it without counting
};

struct AliasChange {
  std::string alias{};
  std::optional<std::string> collection{};  ///< none: remove the alias
};

struct ScanOptions {
  IdRange range{};
  std::shared_ptr<const Filter> filter{};             ///< null: all points
  std::optional<std::vector<std::string>> vectors{};  ///< by name; none: all
  bool payload = true;
  int64_t batch_bytes = 0;  ///< 0: the place's own
};

/// Batches of points in the points schema, in id order where the place says `ordered`.
/// Thread: one caller at a time. A stop request shows as kCancelled from ReadNext.
class PointReader : public arrow::RecordBatchReader {
 public:
  /// What is left after the last batch handed out: where a new reader would go on.
  virtual IdRange cursor() const = 0;
};

/// Thread: one caller at a time.
class PointWriter {
 public:
  virtual ~PointWriter() = default;
  /// Insert or wholly replace points. May be repeated. Batches need no order among them, but each
  /// place takes id order fastest.
  /// Errors: kIncompatible for points that the collection cannot hold; nothing of this batch that
  /// the place refused is kept.
  virtual Status upsert(const arrow::RecordBatch& batch) = 0;
  /// Remove points; an id that is not there is no error.
  virtual Status remove(std::span<const PointId> ids) = 0;
  /// Returns once all that was accepted is durable.
  virtual Status checkpoint() = 0;
};

/// A place that holds collections. Safe for concurrent use; its readers and writers are not, and
/// must not outlive it.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Capabilities capabilities() const = 0;
  /// Collections by name.
  virtual Result<std::vector<CollectionSummary>> list(StopToken stop) = 0;
  /// Errors: kNotFound.
  virtual Result<CollectionConfig> describe(std::string_view name, StopToken stop) = 0;
  /// Exact number of points (that match).
  virtual Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) = 0;
  /// Make a collection. Errors: kExists; never overwrites. Until `finish` it may be invisible to
  /// others, and is cleaned away when the process dies.
  virtual Status create(std::string_view name, const CollectionConfig& config, StopToken stop) = 0;
  /// A load of ours that nobody carries on: begun by a process of this machine that has died.
  /// `create` takes its place. Places where such a load is invisible have none to tell of.
  virtual Result<bool> abandoned(std::string_view /*name*/, StopToken /*stop*/) { return false; }
  /// Such a load becomes this process's: what it wrote stays, and `open_writer` goes on with it.
  /// True also for an unfinished load that is this process's already; false when there is none.
  /// Errors: kNotFound for a load of ours of which the points are lost: it has to begin again.
  virtual Result<bool> take_over(std::string_view /*name*/, StopToken /*stop*/) { return false; }
  /// Make `to` as `create` does, holding all that `from` of this place holds bit by bit, its vector
  /// index included; `finish` ends it. Errors: those of `create`; kIncompatible unless the place
  /// `duplicates`.
  virtual Status duplicate(std::string_view /*from*/, std::string_view /*to*/, StopToken /*stop*/) {
    return fail(
        {.kind = ErrorKind::kIncompatible, .what = "this place does not duplicate collections"});
  }
  /// What of this configuration the place cannot keep: sentences for the plan, before anything is
  /// written.
  virtual Result<std::vector<std::string>> losses(const CollectionConfig& /*config*/,
                                                  StopToken /*stop*/) {
    return std::vector<std::string>();
  }
  /// Remove a collection, finished or not; one that is not there is kNotFound.
  virtual Status drop(std::string_view name, StopToken stop) = 0;
  /// Payload indexes, thresholds, durability, visibility; wait until ready.
  virtual Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) = 0;
  /// Make the settings of a finished collection those of `config` as far as they can still change
  /// (`with_settings_of`): payload indexes are built and dropped, parameters set. Waits until
  /// ready, as `finish` does. May be repeated. Errors: kNotFound; kIncompatible unless the place
  /// `changes_settings`.
  virtual Status change_settings(std::string_view /*name*/, const CollectionConfig& /*config*/,
                                 StopToken /*stop*/) {
    return fail({.kind = ErrorKind::kIncompatible, .what = "this place does not change settings"});
  }
  /// Why a finished collection is not as it will be, in words ("yellow: it is being optimised");
  /// empty when it is ready. Errors: kNotFound.
  virtual Result<std::string> unready(std::string_view /*name*/, StopToken /*stop*/) {
    return std::string();
  }
  /// All or none where the place can.
  virtual Status change_aliases(std::span<const AliasChange> changes, StopToken stop) = 0;
  /// At most `parts` ranges that cover every id once.
  virtual Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter,
                                                 int parts, StopToken stop) = 0;
  /// Does not block; errors of opening come from the first ReadNext at the latest.
  virtual Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                           const ScanOptions& options,
                                                           StopToken stop) = 0;
  virtual Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name,
                                                           StopToken stop) = 0;
  /// Collections as files, shard by shard; null where there is no such thing. The backend's own.
  virtual SnapshotStore* snapshots() { return nullptr; }
  /// Moves whole collections out and back; null where there is no such thing. The backend's own.
  virtual Shelf* shelf() { return nullptr; }
};

}  // namespace vecferry
