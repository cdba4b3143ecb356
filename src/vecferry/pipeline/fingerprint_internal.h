#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "vecferry/base/temporary_folder.h"
#include "vecferry/digest/digest.h"
#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {

/// One point in a comparison: who it is, and its digest.
struct Fingerprint {
  PointId id{};
  uint64_t shard_key_hash = 0;  ///< 0: no shard key
  Digest128 digest{};

  bool same_point(const Fingerprint& other) const {
    return id == other.id && shard_key_hash == other.shard_key_hash;
  }
  bool before(const Fingerprint& other) const {
    return id != other.id ? id < other.id : shard_key_hash < other.shard_key_hash;
  }
};

/// Append the fingerprints of a batch, in row order.
Status append_fingerprints(const arrow::RecordBatch& batch, std::vector<Fingerprint>* out);

/// The fingerprints of a reader that comes in id order, a group of equal ids at a time (more than
/// one only where points have shard keys), sorted within the group.
/// Errors: kCorrupt when ids go back.
class FingerprintStream {
 public:
  explicit FingerprintStream(std::unique_ptr<SourceReader> reader) : reader_(std::move(reader)) {}
  /// False at the end.
  Result<bool> next_group(std::vector<Fingerprint>* group);

 private:
  Status fill();

  std::unique_ptr<SourceReader> reader_;
  std::vector<Fingerprint> buffer_;
  size_t position_ = 0;
  bool ended_ = false;
};

/// Fingerprints in any order, split by id into buckets that fit in memory; more than one bucket
/// lies in files of a folder that goes with them.
/// Thread: one caller at a time.
class FingerprintBuckets {
 public:
  /// Room for about `expected` fingerprints with at most `memory_bytes` in memory.
  static Result<std::unique_ptr<FingerprintBuckets>> make(uint64_t expected, int64_t memory_bytes);

  size_t size() const { return buckets_.size(); }
  Status add(const std::vector<Fingerprint>& fingerprints);
  /// All of one bucket, sorted.
  Result<std::vector<Fingerprint>> take(size_t bucket);

 private:
  FingerprintBuckets() = default;
  Status spill(size_t bucket);
  std::filesystem::path file_of(size_t bucket) const;

  std::vector<std::vector<Fingerprint>> buckets_;
  std::optional<TemporaryFolder> folder_;  // none: everything stays in memory
};

}  // namespace vecferry
