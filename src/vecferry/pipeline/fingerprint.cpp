#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

#include "vecferry/base/durable_file.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/pipeline/fingerprint_internal.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

static_assert(std::is_trivially_copyable_v<Fingerprint>);

constexpr size_t kSpillRows = 4096;

uint64_t bucket_hash(const PointId& id) {
  uint64_t low = id.number;
  uint64_t high = id.is_uuid ? 1 : 0;
  if (id.is_uuid) {
    std::memcpy(&low, id.uuid.data(), sizeof low);
    std::memcpy(&high, id.uuid.data() + sizeof low, sizeof high);
  }
  uint64_t hash = low ^ (high * 0x9E3779B97F4A7C15ULL);
  hash ^= hash >> 32U;
  hash *= 0xD6E8FEB86659FD93ULL;
  return hash ^ (hash >> 32U);
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

}  // namespace

Status append_fingerprints(const arrow::RecordBatch& batch, std::vector<Fingerprint>* out) {
  RangeDigest ignored;
  std::vector<Digest128> digests;
  ARROW_RETURN_NOT_OK(digest_batch(batch, &ignored, &digests));
  ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(batch));
  out->reserve(out->size() + digests.size());
  for (int64_t row = 0; row < view.rows(); ++row) {
    const auto key = view.shard_key(row);
    out->push_back({.id = view.id(row),
                    .shard_key_hash = key ? std::hash<std::string_view>{}(*key) | 1U : 0,
                    .digest = digests[static_cast<size_t>(row)]});
  }
  return Status::OK();
}

Status FingerprintStream::fill() {
  std::shared_ptr<arrow::RecordBatch> batch;
  ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
  if (batch == nullptr) {
    ended_ = true;
    return Status::OK();
  }
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
  position_ = 0;
  const size_t known = buffer_.size();
  ARROW_RETURN_NOT_OK(append_fingerprints(*batch, &buffer_));
  for (size_t i = std::max<size_t>(known, 1); i < buffer_.size(); ++i) {
    if (buffer_[i].id < buffer_[i - 1].id) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = "points do not come in id order: " + to_string(buffer_[i].id) +
                           " after " + to_string(buffer_[i - 1].id)});
    }
  }
  return Status::OK();
}

Result<bool> FingerprintStream::next_group(std::vector<Fingerprint>* group) {
  group->clear();
  while (!ended_ && buffer_.size() - position_ < 2) {
    ARROW_RETURN_NOT_OK(fill());
  }
  if (position_ == buffer_.size()) {
    return false;
  }
  const PointId id = buffer_[position_].id;
  while (position_ < buffer_.size() && buffer_[position_].id == id) {
    group->push_back(buffer_[position_++]);
    if (position_ == buffer_.size() && !ended_) {
      ARROW_RETURN_NOT_OK(fill());
    }
  }
  std::sort(group->begin(), group->end(),
            [](const Fingerprint& a, const Fingerprint& b) { return a.before(b); });
  return true;
}

Result<std::unique_ptr<FingerprintBuckets>> FingerprintBuckets::make(uint64_t expected,
                                                                     int64_t memory_bytes) {
  std::unique_ptr<FingerprintBuckets> buckets(new FingerprintBuckets());
  const uint64_t bytes = expected * sizeof(Fingerprint);
  const auto room = static_cast<uint64_t>(std::max<int64_t>(memory_bytes / 4, 1 << 20));
  const auto count = static_cast<size_t>(std::min<uint64_t>(bytes / room + 1, 1024));
  buckets->buckets_.resize(count);
  if (count > 1) {
    ARROW_ASSIGN_OR_RAISE(buckets->folder_, TemporaryFolder::make("compare"));
  }
  return buckets;
}

fs::path FingerprintBuckets::file_of(size_t bucket) const {
  return folder_->path() / std::to_string(bucket);
}

Status FingerprintBuckets::add(const std::vector<Fingerprint>& fingerprints) {
  for (const auto& fingerprint : fingerprints) {
    const size_t bucket = bucket_hash(fingerprint.id) % buckets_.size();
    buckets_[bucket].push_back(fingerprint);
    if (folder_ && buckets_[bucket].size() >= kSpillRows) {
      ARROW_RETURN_NOT_OK(spill(bucket));
    }
  }
  return Status::OK();
}

Status FingerprintBuckets::spill(size_t bucket) {
  const fs::path path = file_of(bucket);
  const File file(std::fopen(path.c_str(), "ab"));
  auto& rows = buckets_[bucket];
  if (file == nullptr ||
      std::fwrite(rows.data(), sizeof(Fingerprint), rows.size(), file.get()) != rows.size() ||
      std::fflush(file.get()) != 0) {
    return system_failure(errno, "cannot write the spool", path.string());
  }
  rows.clear();
  return Status::OK();
}

Result<std::vector<Fingerprint>> FingerprintBuckets::take(size_t bucket) {
  std::vector<Fingerprint> rows = std::move(buckets_[bucket]);
  std::error_code missing;
  const auto size = folder_ ? fs::file_size(file_of(bucket), missing) : 0;
  if (folder_ && !missing && size > 0) {
    const File file(std::fopen(file_of(bucket).c_str(), "rb"));
    const size_t kept = rows.size();
    const size_t spilled = size / sizeof(Fingerprint);
    rows.resize(kept + spilled);
    if (file == nullptr ||
        std::fread(rows.data() + kept, sizeof(Fingerprint), spilled, file.get()) != spilled) {
      return system_failure(errno, "cannot read the spool", file_of(bucket).string());
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const Fingerprint& a, const Fingerprint& b) { return a.before(b); });
  return rows;
}

}  // namespace vecferry
