#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/local/local_backend.h"
#include "vecferry/backends/local/place_layout.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/engine/shard.h"

namespace vecferry::local {

using SharedShard = std::shared_ptr<engine::Shard>;

/// One place in this process: its lock, its open shards, its unfinished loads. All backends on one
/// folder share it.
/// Thread: safe for concurrent use.
class LocalPlace {
 public:
  /// The one for this folder, made when there is none yet.
  static Result<std::shared_ptr<LocalPlace>> get(const fs::path& dir);
  /// A place that this object made and that holds nothing is gone again.
  ~LocalPlace();
  LocalPlace(const LocalPlace&) = delete;
  LocalPlace& operator=(const LocalPlace&) = delete;

  const PlaceLayout& layout() const { return layout_; }
  /// "collection 'x' in local:DIR", for `where`.
  std::string where(std::string_view collection) const;
  /// The engine's error with the collection in `where` and advice; OK stays OK.
  Status at(std::string_view collection, const Status& status) const;

  /// Follow an alias. Errors: kNotFound for what is neither collection nor alias.
  Result<std::string> resolve(std::string_view name) const;
  /// Finished, or loading in this process; with aliases.
  Result<CollectionConfig> config(std::string_view collection) const;
  std::optional<uint64_t> points_count(std::string_view collection) const;

  /// The open shard of a collection, opened when need be.
  Result<SharedShard> shard(std::string_view collection);
  /// The same for writing: from now on the stored number of points does not count.
  Result<SharedShard> shard_to_write(std::string_view collection);

  Status create(std::string_view collection, const CollectionConfig& config);
  /// As `create`, holding all that `from` holds: its files are copied as they are.
  Status duplicate(std::string_view from, std::string_view collection, const StopToken& stop);
  /// Is it being loaded by this process?
  bool is_loading(std::string_view collection) const;
  Status finish(std::string_view collection, const CollectionConfig& config,
                const LocalOptions& options, const StopToken& stop);
  /// Payload indexes are built and dropped; other parameters hold from the next opening, and shape
  /// the vector index when it is built next.
  Status change_settings(std::string_view collection, const CollectionConfig& config,
                         const StopToken& stop);
  Status drop(std::string_view collection);
  /// A finished collection's folder, closed, leaves by `move`, its aliases with it.
  Status give_away(std::string_view collection,
                   const std::function<Status(const fs::path& folder)>& move);
  /// One that `move` brings in. Errors: kExists.
  Status take_in(std::string_view collection,
                 const std::function<Status(const fs::path& folder)>& move);
  Status change_aliases(std::span<const AliasChange> changes);

  /// Take the lock now and keep it; for a server, which answers for all collections. A missing
  /// folder is made unless `read_only`.
  Status hold(bool read_only);
  /// Replace the stored configuration of a finished collection; an open shard keeps the old one
  /// until it is opened again.
  Status set_config(std::string_view collection, const CollectionConfig& config);
  /// Close a collection's shard. Errors: kConflict while somebody else has it.
  Status close_shard(std::string_view collection);
  /// Put a finished collection in place, instead of one that is there or as a new one, in one step.
  /// `made` comes from `layout().scratch_folder()` and holds nothing but `shard/`, closed.
  Status adopt(std::string_view collection, const CollectionConfig& config, const fs::path& made);

  /// Refuse a write that the file system has no room for.
  Status check_space(int64_t bytes) const;

 private:
  struct Open {
    SharedShard shard{};
    std::optional<CollectionRecord> load{};  ///< set while the collection is being loaded
    bool bulk = false;                       ///< without the engine's log
  };

  explicit LocalPlace(PlaceLayout layout) : layout_(std::move(layout)) {}

  bool loading(std::string_view collection) const;
  Status lock();
  Status lock_to_write();
  Result<Open*> open(std::string_view collection);
  Status close(std::string_view collection);
  Status check_new_name(std::string_view collection) const;
  Status publish(const CollectionRecord& record);
  Status write_aliases_without(std::string_view collection, Aliases aliases);

  const PlaceLayout layout_;
  mutable std::mutex mutex_;
  std::optional<FileLock> lock_;  // dropped after the shards, which are below
  bool swept_ = false;
  MadePlace made_{};
  std::map<std::string, Open, std::less<>> open_;
};

}  // namespace vecferry::local
