#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/backends/local/local_place.h"
#include "vecferry/server/collection.h"

namespace vecferry::server {

class Optimiser;

struct CollectionsOptions {
  bool read_only = false;
  bool optimise = true;  ///< build indexes in the background
  /// More places, whose collections can be read and no more.
  std::vector<std::filesystem::path> read_only_places{};
};

/// What one server serves: the collections of one or several local places. New ones go to the
/// first place that can be written. Holds the places' locks as long as it lives.
/// Thread: safe for concurrent use. Errors as in server/collection.h.
class Collections {
 public:
  /// Errors: kConflict for a place that another process has open, and for a name that two places
  /// have; kUsage without a place.
  static Result<std::unique_ptr<Collections>> open(const std::vector<std::filesystem::path>& places,
                                                   const CollectionsOptions& options = {});
  ~Collections();
  Collections(const Collections&) = delete;
  Collections& operator=(const Collections&) = delete;

  /// Nothing at all can be changed.
  bool read_only() const { return options_.read_only; }

  /// Names, sorted.
  std::vector<std::string> names() const;
  /// By name or alias. Errors: kNotFound.
  Result<std::shared_ptr<Collection>> find(std::string_view name) const;
  /// A collection or an alias.
  bool exists(std::string_view name) const;

  /// Body of PUT /collections/{c}.
  Status create(std::string_view name, std::string_view body);
  Status create(std::string_view name, const CollectionConfig& config);
  /// False when there was none; an alias is none.
  Result<bool> drop(std::string_view name);

  /// Pairs of alias and collection, by alias; of one collection when `of` says so.
  std::vector<std::pair<std::string, std::string>> aliases(
      std::optional<std::string_view> of = std::nullopt) const;
  /// Body of POST /collections/aliases. Actions before the one that fails stay done.
  Status change_aliases(std::string_view body);

  /// Put a shard in the place of a collection's, or make the collection with it. `made` comes from
  /// `scratch_folder` and holds nothing but `shard/`, closed.
  Status adopt(std::string_view name, const CollectionConfig& config,
               const std::filesystem::path& made);
  /// A folder for unpacking on the file system of a collection (that there is, or will be); what is
  /// left in it goes at the next start. Errors: kRefused for a read-only server, kIo.
  Result<std::filesystem::path> scratch_folder(std::string_view name) const;
  /// Where a collection's snapshots lie, whether there are any or not.
  std::filesystem::path snapshots_folder(std::string_view name) const;

 private:
  using Place = std::shared_ptr<local::LocalPlace>;
  using ByName = std::map<std::string, std::shared_ptr<Collection>, std::less<>>;

  Collections(std::vector<Place> places, CollectionsOptions options);
  Status load();
  Status check_writable() const;
  Status change_alias(const std::string& alias, const std::optional<std::string>& collection);
  Place place_of(std::string_view name) const;
  bool writable(const Place& place) const;

  const CollectionsOptions options_;
  const std::vector<Place> places_;  // the read-only ones behind the others
  mutable std::shared_mutex mutex_;  // guards what follows
  ByName collections_;
  local::Aliases aliases_;
  std::mutex changes_;  // held by what makes, drops, renames
  std::unique_ptr<Optimiser> optimiser_;
};

}  // namespace vecferry::server
