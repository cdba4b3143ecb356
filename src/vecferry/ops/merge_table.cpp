#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "vecferry/ops/merge_table_internal.h"

namespace vecferry {
namespace {

static_assert(std::is_trivially_copyable_v<MergeEntry>);

constexpr size_t kFirstCapacity = 4096;

// In the order in which Qdrant scrolls.
auto id_order(const MergeEntry& entry) {
  return std::make_tuple(entry.is_uuid, entry.id_high, entry.id_low);
}

auto by_id(const MergeEntry& entry) {
  return std::tuple_cat(id_order(entry), std::tuple(entry.source));
}

auto by_key(const MergeEntry& entry) {
  return std::tuple_cat(
      std::make_tuple(!entry.has_key, entry.key_high, entry.key_low, entry.source),
      id_order(entry));
}

uint64_t big_endian(const uint8_t* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) {
    value = value << 8U | bytes[i];
  }
  return value;
}

void put_big_endian(uint64_t value, uint8_t* bytes) {
  for (int i = 7; i >= 0; --i) {
    bytes[i] = static_cast<uint8_t>(value);
    value >>= 8U;
  }
}

}  // namespace

PointId MergeEntry::id() const {
  if (!is_uuid) {
    return PointId::of(id_low);
  }
  Uuid uuid{};
  put_big_endian(id_high, uuid.data());
  put_big_endian(id_low, uuid.data() + 8);
  return PointId::of(uuid);
}

bool MergeEntry::same_id(const MergeEntry& other) const {
  return id_low == other.id_low && id_high == other.id_high && is_uuid == other.is_uuid;
}

bool MergeEntry::same_key(const MergeEntry& other) const {
  return has_key && other.has_key && key_low == other.key_low && key_high == other.key_high;
}

void MergeEntry::set_key(const Digest128& key) {
  key_high = key.high;
  key_low = key.low;
  has_key = true;
}

MergeEntry merge_entry(uint16_t source, const PointId& id) {
  MergeEntry entry{.source = source, .is_uuid = id.is_uuid};
  if (id.is_uuid) {
    entry.id_high = big_endian(id.uuid.data());
    entry.id_low = big_endian(id.uuid.data() + 8);
  } else {
    entry.id_low = id.number;
  }
  return entry;
}

MergeTable::~MergeTable() {
  std::free(data_);
}

Status MergeTable::append(std::span<const MergeEntry> entries) {
  if (size_ + entries.size() > capacity_) {
    const size_t wanted =
        std::max({kFirstCapacity, size_ + entries.size(), capacity_ + capacity_ / 2});
    // realloc moves pages of a large block instead of copying them.
    void* grown = std::realloc(data_, wanted * sizeof(MergeEntry));
    if (grown == nullptr) {
      return fail({.kind = ErrorKind::kIo,
                   .what = "no memory to compare " + std::to_string(wanted) + " points",
                   .next = "merge fewer collections at a time, or on a larger machine"});
    }
    data_ = static_cast<MergeEntry*>(grown);
    capacity_ = wanted;
  }
  if (!entries.empty()) {
    std::memcpy(data_ + size_, entries.data(), entries.size_bytes());
    size_ += entries.size();
  }
  return Status::OK();
}

void MergeTable::sort_by_id() {
  std::sort(data_, data_ + size_,
            [](const MergeEntry& a, const MergeEntry& b) { return by_id(a) < by_id(b); });
}

void MergeTable::sort_by_key() {
  std::sort(data_, data_ + size_,
            [](const MergeEntry& a, const MergeEntry& b) { return by_key(a) < by_key(b); });
}

MergeEntry* MergeTable::find(uint16_t source, const PointId& id) {
  const MergeEntry wanted = merge_entry(source, id);
  MergeEntry* found = std::lower_bound(
      data_, data_ + size_, wanted,
      [](const MergeEntry& a, const MergeEntry& b) { return by_id(a) < by_id(b); });
  const bool there = found != data_ + size_ && found->same_id(wanted) && found->source == source;
  return there ? found : nullptr;
}

std::span<MergeEntry> MergeTable::find_all(const PointId& id) {
  const auto [first, last] = std::equal_range(
      data_, data_ + size_, merge_entry(0, id),
      [](const MergeEntry& a, const MergeEntry& b) { return id_order(a) < id_order(b); });
  return {first, last};
}

}  // namespace vecferry
