#include <xxhash.h>

#include <utility>

#include "vecferry/formats/seen_ids_internal.h"

namespace vecferry::formats {
namespace {

uint64_t fingerprint_of(const PointId& id, std::string_view shard_key) {
  const uint64_t seed =
      shard_key.empty() ? 0 : XXH3_64bits(shard_key.data(), shard_key.size()) | 1U;
  const uint64_t hash = id.is_uuid ? XXH3_64bits_withSeed(id.uuid.data(), id.uuid.size(), seed)
                                   : XXH3_64bits_withSeed(&id.number, sizeof id.number, seed);
  return hash == 0 ? 1 : hash;
}

}  // namespace

SeenIds::Verdict SeenIds::add(const PointId& id, std::string_view shard_key) {
  if (ascending_) {
    if (!any_ || last_ < id || (last_ == id && last_key_ < shard_key)) {
      any_ = true;
      last_ = id;
      last_key_ = shard_key;
      return Verdict::kNew;
    }
    ascending_ = false;
    return Verdict::kForgotten;
  }
  return insert(fingerprint_of(id, shard_key)) ? Verdict::kNew : Verdict::kSuspect;
}

void SeenIds::remember(const PointId& id, std::string_view shard_key) {
  insert(fingerprint_of(id, shard_key));
}

bool SeenIds::insert(uint64_t fingerprint) {
  if (used_ * 4 >= table_.size() * 3) {
    grow();
  }
  const size_t mask = table_.size() - 1;
  size_t slot = fingerprint & mask;
  while (table_[slot] != 0) {
    if (table_[slot] == fingerprint) {
      return false;
    }
    slot = (slot + 1) & mask;
  }
  table_[slot] = fingerprint;
  ++used_;
  return true;
}

void SeenIds::grow() {
  constexpr size_t kFirstSize = 1024;
  const auto old =
      std::exchange(table_, std::vector<uint64_t>(table_.empty() ? kFirstSize : table_.size() * 2));
  const size_t mask = table_.size() - 1;
  for (const uint64_t fingerprint : old) {
    if (fingerprint != 0) {
      size_t slot = fingerprint & mask;
      while (table_[slot] != 0) {
        slot = (slot + 1) & mask;
      }
      table_[slot] = fingerprint;
    }
  }
}

}  // namespace vecferry::formats
