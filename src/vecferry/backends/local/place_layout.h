#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

/// The files of a local place, as docs/local-place.md has them. Nothing here locks or opens a
/// shard.
namespace vecferry::local {

namespace fs = std::filesystem;

/// What collection.json holds beside the configuration.
struct CollectionRecord {
  std::string name{};
  CollectionConfig config{};  ///< without aliases
  std::string created_at{};
  std::string engine_version{};
  std::optional<uint64_t> points_count{};
};

using Aliases = std::map<std::string, std::string, std::less<>>;  ///< alias -> collection

/// What `PlaceLayout::make` made, for `unmake`.
struct MadePlace {
  bool place = false;               ///< the folder was no place before
  std::vector<fs::path> folders{};  ///< the place's and its parents, innermost first
};

class PlaceLayout {
 public:
  /// Errors: kIncompatible for a folder with other things in it or from a newer version, kIo for
  /// one that cannot be read, kUsage for a new one inside another place. A folder that is missing
  /// or empty is fine.
  static Result<PlaceLayout> open(const fs::path& dir);

  const fs::path& dir() const { return dir_; }
  fs::path lock_file() const { return dir_ / ".lock"; }
  fs::path folder(std::string_view collection) const;
  fs::path shard(std::string_view collection) const { return folder(collection) / "shard"; }

  /// Is there a place now (made by us or by another process)?
  bool exists() const;
  /// kNotFound when there is no folder, with the nearest one in the advice.
  Status check_exists() const;
  /// Make the folder and its first file, unless they are there.
  Status make(MadePlace* made) const;
  /// Take away what `make` made, if nothing was put there. Only for who holds the lock.
  void unmake(const MadePlace& made) const;

  /// Names of finished collections, sorted.
  Result<std::vector<std::string>> collections() const;
  bool finished(std::string_view collection) const;
  Result<CollectionRecord> read_record(std::string_view collection) const;
  Status write_record(const CollectionRecord& record) const;
  Status write_record(const CollectionRecord& record, const fs::path& folder) const;

  /// Aliases whose collection is there.
  Result<Aliases> read_aliases() const;
  Status write_aliases(const Aliases& aliases) const;

  /// Make a collection's empty folder. Errors: kExists.
  Status make_folder(std::string_view collection) const;
  /// Take a collection's folder out of sight, durably; the result is where it is now.
  Result<fs::path> hide_folder(std::string_view collection) const;
  /// Make a folder out of sight, which a sweep removes unless it is moved into place before.
  Result<fs::path> scratch_folder() const;
  /// Move such a folder into a collection's place, durably. What was there is where the folder was.
  Status move_in(const fs::path& made, std::string_view collection) const;
  /// Remove what unfinished loads and drops have left. Only for who holds the lock and loads
  /// nothing.
  Status sweep() const;

 private:
  explicit PlaceLayout(fs::path dir) : dir_(std::move(dir)) {}
  fs::path dir_;
};

/// A collection's name as one path part of at most 200 bytes.
std::string folder_name(std::string_view collection);

/// kNotFound for a collection, with the nearest of `names` in the advice.
Status no_collection(std::string_view name, const fs::path& dir,
                     const std::vector<std::string>& names);

}  // namespace vecferry::local
