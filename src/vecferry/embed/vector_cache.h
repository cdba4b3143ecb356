#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/error.h"

namespace vecferry {

/// XXH3-128 of a text and of what makes its vector.
struct TextKey {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const TextKey&, const TextKey&) = default;
};

struct TextKeyHash {
  size_t operator()(const TextKey& key) const { return key.low; }
};

/// What is embedded already, by the hash of its text, in one file a model: so that a run that was
/// cut off goes on, and that reading again gives the same vectors. Append-only: a header of 256
/// bytes, then records of one size, each with a checksum; a record that is torn or damaged counts
/// as absent (docs/reembed.md, "The cache"). Memory: about 60 bytes a text.
/// Thread: safe for concurrent use. One process at a time writes: a lock beside the file.
class VectorCache {
 public:
  enum class Access {
    kWrite,  ///< makes folder and file
    kRead,   ///< touches nothing; a file that is not there is empty; `add` fails
  };

  /// `identity` tells this model from others. Reads the file once.
  /// Errors: kConflict when another process writes it; kCorrupt for a file that is none of ours;
  /// kIo.
  static Result<std::unique_ptr<VectorCache>> open(const std::filesystem::path& folder,
                                                   std::string_view identity, uint32_t dim,
                                                   Access access);
  /// Syncs; what fails then is lost only when the machine dies, and embedded again.
  ~VectorCache();
  VectorCache(const VectorCache&) = delete;
  VectorCache& operator=(const VectorCache&) = delete;

  TextKey key_of(std::string_view text) const;

  /// Is it there? Then `*vector` (dim numbers) gets it.
  Result<bool> find(const TextKey& key, std::span<float> vector) const;

  /// Keep vectors, one after the other in the order of `keys`. A key that is there keeps its
  /// vector. The operating system has them afterwards; they are synced every few seconds.
  Status add(std::span<const TextKey> keys, std::span<const float> vectors);

  uint64_t size() const;
  const std::filesystem::path& file() const { return file_; }

 private:
  VectorCache(std::filesystem::path file, std::string_view identity, uint32_t dim);
  Status open_to_write();
  Status write_header(std::string_view identity);
  Status read_all(std::string_view identity);
  Status index_records(int64_t file_bytes);
  size_t record_bytes() const;
  Status sync_when_due();

  std::filesystem::path file_;
  uint64_t identity_ = 0;
  uint32_t dim_ = 0;
  int descriptor_ = -1;
  std::optional<FileLock> lock_{};
  mutable std::mutex mutex_;
  std::unordered_map<TextKey, uint64_t, TextKeyHash> slots_;  // guarded by mutex_
  uint64_t next_slot_ = 0;                                    // guarded by mutex_
  bool unsynced_ = false;                                     // guarded by mutex_
  std::chrono::steady_clock::time_point synced_at_{};         // guarded by mutex_
};

}  // namespace vecferry
