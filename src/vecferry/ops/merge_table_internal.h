#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "vecferry/base/error.h"
#include "vecferry/digest/digest.h"
#include "vecferry/model/point_id.h"

namespace vecferry {

/// How a point stands while a merge is decided.
enum class Standing : uint8_t {
  kOpen,     ///< goes over as it is, so far
  kSharing,  ///< others have its id; to be settled
  kChosen,   ///< of those that share its id
  kLeftOut,
  kRemapped,
};

/// What a merge remembers of a point: 40 bytes, and nothing else grows with the points. The key is
/// filled anew for each question that is asked: a text's hash, a moment, the point's digest.
struct MergeEntry {
  uint64_t id_high = 0;  ///< of a UUID; 0 for a number
  uint64_t id_low = 0;
  uint64_t key_high = 0;
  uint64_t key_low = 0;
  uint16_t source = 0;
  bool is_uuid = false;
  bool has_key = false;
  bool asked = false;  ///< the next scan fills its key
  Standing standing = Standing::kOpen;

  bool left_out() const { return standing == Standing::kLeftOut; }
  bool remapped() const { return standing == Standing::kRemapped; }

  PointId id() const;
  bool same_id(const MergeEntry& other) const;
  bool same_key(const MergeEntry& other) const;
  void set_key(const Digest128& key);
};
static_assert(sizeof(MergeEntry) == 40);

MergeEntry merge_entry(uint16_t source, const PointId& id);

/// All points of all sources. Grows by remapping pages, so that no second copy is ever made.
/// Thread: one caller at a time, but entries may be changed side by side.
class MergeTable {
 public:
  MergeTable() = default;
  ~MergeTable();
  MergeTable(const MergeTable&) = delete;
  MergeTable& operator=(const MergeTable&) = delete;

  /// Errors: kIo when there is no memory.
  Status append(std::span<const MergeEntry> entries);
  std::span<MergeEntry> entries() { return {data_, size_}; }

  void sort_by_id();   ///< then by source
  void sort_by_key();  ///< those that have one first; then by source, then by id

  /// The entry of a point, or null. Only while sorted by id.
  MergeEntry* find(uint16_t source, const PointId& id);
  /// All entries of an id, whatever their source. Only while sorted by id.
  std::span<MergeEntry> find_all(const PointId& id);

 private:
  MergeEntry* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

using MergeGroup = std::span<MergeEntry>;

/// Call `visit` for each run of neighbours that are `same`, which has more than one entry.
template <typename Same>
Status for_each_group(std::span<MergeEntry> entries, const Same& same,
                      const std::function<Status(MergeGroup)>& visit) {
  size_t begin = 0;
  for (size_t i = 1; i <= entries.size(); ++i) {
    if (i < entries.size() && same(entries[begin], entries[i])) {
      continue;
    }
    if (i - begin > 1) {
      ARROW_RETURN_NOT_OK(visit(entries.subspan(begin, i - begin)));
    }
    begin = i;
  }
  return Status::OK();
}

}  // namespace vecferry
