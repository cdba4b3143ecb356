#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/digest/digest.h"
#include "vecferry/model/config.h"
#include "vecferry/model/id_range.h"

/// What a backup is: a configuration and a list of segments in layers.
/// Source: docs/archive-format.md.
namespace vecferry {

/// One immutable Parquet file of points, named by its hash.
struct SegmentRef {
  std::string sha256{};  ///< 64 hex digits
  uint64_t bytes = 0;    ///< of the file
  int layer = 0;         ///< higher layers win
  uint64_t points = 0;   ///< rows that are points
  uint64_t deleted = 0;  ///< rows that say a point is gone
  Digest128 digest{};    ///< sum of the digests of its points
  PointId first{};
  PointId last{};  ///< inclusive

  /// "segments/ab/abcdef….parquet"
  std::string path() const;
  bool overlaps(const IdRange& range) const;
};

/// How much a backup is of one moment.
enum class Consistency {
  kPointInTime,  ///< nobody else could write, or a snapshot was read
  kQuiet,        ///< a live source in which nothing changed any more in a second reading
  kMoving,       ///< a live source that went on changing
};

std::string_view to_string(Consistency consistency);  ///< "point_in_time"

/// A shard in the file of a NativeRef.
struct NativeShard {
  uint32_t id = 0;
  std::optional<std::string> key{};  ///< as the column shard_key has it
  uint64_t bytes = 0;
  std::string sha256{};
};

/// The server's own files, kept beside a backup (archive/native_file.h).
struct NativeRef {
  std::string sha256{};  ///< of the file as it lies in the archive, as `bytes` are
  uint64_t bytes = 0;
  std::string version{};              ///< of the server: "1.18"
  std::vector<NativeShard> shards{};  ///< as they lie in it; by id
};

struct Manifest {
  std::string collection{};
  std::string id{};
  std::string time{};    ///< UTC, ISO 8601
  std::string source{};  ///< an address, without secrets
  std::string program{};
  std::string route = "stream";
  Consistency consistency = Consistency::kMoving;
  bool settled = false;  ///< its place had made unit vectors and rounded payload floats by itself
  RangeDigest points{};  ///< of the collection as it is in this backup
  CollectionConfig config{};
  std::optional<std::string> parent{};
  uint64_t added = 0;
  uint64_t changed = 0;
  uint64_t removed = 0;
  std::vector<SegmentRef> segments{};
  std::optional<NativeRef> native{};

  int layers() const;      ///< 0 for an empty collection
  uint64_t bytes() const;  ///< of its segments
};

std::string to_json(const Manifest& manifest);

/// Errors: kCorrupt, with `where`; kIncompatible for a version that is not known.
Result<Manifest> parse_manifest(std::string_view json, const std::string& where);

/// The mark of a collection that lives in the archive alone.
struct ArchivedMark {
  std::string collection{};
  std::string time{};
  std::string source{};  ///< where the live collection was
  std::string backup{};  ///< id of the backup that holds it
  std::string operation{};
};

std::string to_json(const ArchivedMark& mark);
Result<ArchivedMark> parse_archived_mark(std::string_view json, const std::string& where);

}  // namespace vecferry
