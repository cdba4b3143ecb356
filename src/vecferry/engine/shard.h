#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/type_fwd.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/id_range.h"

/// The embedded engine: Qdrant's own storage, index and search, in one folder. The C++ face of the
/// Rust crate in engine/; what a call does in detail is in its C header.
namespace vecferry::engine {

/// Name and version of the engine, as written into what it makes.
std::string engine_version();

struct ShardOptions {
  /// Every write is in a log before the call returns, and survives the process. Without (bulk load,
  /// about twice as fast) writes are durable when `flush` returns; what came after is lost with
  /// the process. May change from one open to the next.
  bool wal = true;
  /// Threads that `optimise` takes, at most; 0: as many as the engine likes.
  int index_threads = 0;
};

struct ScanRequest {
  IdRange range{};
  int64_t byte_limit = 0;                             ///< about so many bytes a page; 0: 4 MiB
  int64_t row_limit = 0;                              ///< 0: bytes alone decide
  const Filter* filter = nullptr;                     ///< null: all points
  std::optional<std::vector<std::string>> vectors{};  ///< by name; none: all
  bool payload = true;
};

struct ScanPage {
  std::shared_ptr<arrow::RecordBatch> points{};  ///< points schema, without the configuration
  std::optional<PointId> next{};                 ///< where the next page starts; none: the end
};

/// Hears of work done and in all, about ten times a second.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

/// One open shard. Its folder is open once in a process; other processes are the caller's to keep
/// out.
/// Thread: safe for concurrent use; writes are put in a row, reads run beside them.
class Shard {
 public:
  /// Make an empty shard in a folder, which is made when missing; payload indexes of the
  /// configuration are made too.
  /// Errors: kExists, kIncompatible for a setting that the engine does not take, kIo.
  static Result<std::unique_ptr<Shard>> create(const std::filesystem::path& folder,
                                               const CollectionConfig& config,
                                               const ShardOptions& options);

  /// Settings of `config` that differ from the stored ones are taken over by the next optimise.
  /// Errors: kNotFound, kConflict (open in this process, or still at work after a cancelled
  /// optimise), kIncompatible (other vectors than stored), kCorrupt, kIo.
  static Result<std::unique_ptr<Shard>> open(const std::filesystem::path& folder,
                                             const CollectionConfig& config,
                                             const ShardOptions& options);

  /// With what the folder itself says of its vectors and settings, as for a shard snapshot.
  static Result<std::unique_ptr<Shard>> open(const std::filesystem::path& folder,
                                             const ShardOptions& options);

  /// Closes; an error of that is lost, so call `close` after writes.
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// Flush and give the folder back. Any later call is kUsage.
  Status close();

  /// What the shard knows of its collection: vectors, settings, payload indexes; no aliases.
  Result<CollectionConfig> config() const;

  /// Write whole points: an existing one is replaced, with what is not given here dropped. All rows
  /// are checked before the first is written.
  /// Shape:  points schema; missing columns are null; shard keys must be null.
  /// Errors: kIncompatible for vectors that do not fit, kUsage for a row that is no point.
  Status upsert(const arrow::RecordBatch& points);
  /// An id that is not there is no error.
  Status remove(std::span<const PointId> ids);
  /// One element of `operations` of Qdrant's `points/batch`, such as {"set_payload":{…}}.
  Status apply(std::string_view operation_json);
  Status flush();

  Result<ScanPage> scan(const ScanRequest& request) const;
  /// Known points of these ids, in id order, each once.
  Result<std::shared_ptr<arrow::RecordBatch>> retrieve(
      std::span<const PointId> ids,
      const std::optional<std::vector<std::string>>& vectors = std::nullopt,
      bool payload = true) const;
  /// Exact.
  Result<uint64_t> count(const Filter* filter) const;
  /// At most `limit` ids of points (that match), drawn at random.
  Result<std::vector<PointId>> sample_ids(const Filter* filter, uint64_t limit) const;

  /// Bodies and results as of Qdrant's REST interface: `points/query`, `facet`.
  Result<std::string> query(std::string_view request_json) const;
  Result<std::string> facet(std::string_view request_json) const;
  /// {"points_count", "indexed_vectors_count", "segments_count", "payload_schema",
  /// "last_operation", …}.
  Result<std::string> info() const;

  /// Making an index that exists again is fine.
  Status create_index(const PayloadIndex& index);
  Status delete_index(std::string_view path);

  /// Merge and index until nothing is left to do. On a stop this returns kCancelled within a
  /// tenth of a second, and the engine finishes what it has begun in the background; the shard
  /// stays usable, and after `close` its folder stays reserved until then.
  Status optimise(const Progress& progress, const StopToken& stop);

  /// Write a shard snapshot that a server takes as an upload. `next_operation` is the number of the
  /// first operation after it, above all that the points carry; 0: a safe one is chosen.
  /// Returns it. Writes wait meanwhile.
  /// Errors: kExists for a file that is there, kConflict while an optimise is at work.
  Result<uint64_t> pack_snapshot(const std::filesystem::path& file, uint64_t next_operation,
                                 const Progress& progress, const StopToken& stop);

 private:
  class Handle;
  explicit Shard(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

}  // namespace vecferry::engine
