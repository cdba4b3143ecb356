#include "vecferry/embed/vector_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "vecferry/base/kill_point.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

// The header: magic, dim (uint32), bytes of the identity shown (uint32), hash of the identity
// (uint64), then as much of the identity as fits, for people who look.
constexpr std::string_view kMagic = "VFEMBED1";
constexpr size_t kHeaderBytes = 256;
constexpr size_t kShownAt = 24;
// A record: key, vector, and the XXH3-64 of both.
constexpr size_t kKeyBytes = 16;
constexpr size_t kCheckBytes = 8;
constexpr size_t kReadBytes = size_t{4} << 20;
constexpr auto kSyncEvery = std::chrono::seconds(2);

const char* const kNext = "name another folder with --embed-cache";

Status read_exactly(int descriptor, void* into, size_t size, int64_t at, const fs::path& file) {
  auto* bytes = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t count = ::pread(descriptor, bytes, size, at);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return system_failure(count == 0 ? EIO : errno, "cannot read the cache of embeddings",
                            file.string());
    }
    bytes += count;
    size -= static_cast<size_t>(count);
    at += count;
  }
  return Status::OK();
}

Status write_exactly(int descriptor, std::string_view bytes, int64_t at, const fs::path& file) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor, bytes.data(), bytes.size(), at);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_failure(errno, "cannot write the cache of embeddings", file.string());
    }
    bytes.remove_prefix(static_cast<size_t>(count));
    at += count;
  }
  return Status::OK();
}

std::string header_of(std::string_view identity, uint64_t hash, uint32_t dim) {
  const auto shown = static_cast<uint32_t>(std::min(identity.size(), kHeaderBytes - kShownAt));
  std::string header(kHeaderBytes, '\0');
  kMagic.copy(header.data(), kMagic.size());
  std::memcpy(header.data() + 8, &dim, sizeof dim);
  std::memcpy(header.data() + 12, &shown, sizeof shown);
  std::memcpy(header.data() + 16, &hash, sizeof hash);
  identity.copy(header.data() + kShownAt, shown);
  return header;
}

}  // namespace

VectorCache::VectorCache(fs::path file, std::string_view identity, uint32_t dim)
    : file_(std::move(file)), identity_(XXH3_64bits(identity.data(), identity.size())), dim_(dim) {}

VectorCache::~VectorCache() {
  if (descriptor_ >= 0) {
    if (unsynced_) {
      ::fdatasync(descriptor_);
    }
    ::close(descriptor_);
  }
}

Result<std::unique_ptr<VectorCache>> VectorCache::open(const fs::path& folder,
                                                       std::string_view identity, uint32_t dim,
                                                       Access access) {
  const uint64_t hash = XXH3_64bits(identity.data(), identity.size());
  std::unique_ptr<VectorCache> cache(
      new VectorCache(folder / fmt::format("{:016x}.vectors", hash), identity, dim));
  if (access == Access::kWrite) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
      return system_failure(error.value(), "cannot make the folder of the cache of embeddings",
                            folder.string());
    }
    ARROW_RETURN_NOT_OK(cache->open_to_write());
  } else {
    cache->descriptor_ = ::open(cache->file_.c_str(), O_RDONLY | O_CLOEXEC);
    if (cache->descriptor_ < 0 && errno == ENOENT) {
      return cache;
    }
  }
  if (cache->descriptor_ < 0) {
    return system_failure(errno, "cannot open the cache of embeddings", cache->file_.string());
  }
  ARROW_RETURN_NOT_OK(cache->read_all(identity));
  return cache;
}

Status VectorCache::open_to_write() {
  auto lock = FileLock::acquire(fs::path(file_).replace_extension(".lock"),
                                "the cache of embeddings of this model");
  if (!lock.ok()) {
    Failure failure = failure_of(lock.status());
    failure.next = "wait until the other run has ended, or name another folder with --embed-cache";
    return fail(std::move(failure));
  }
  lock_ = *std::move(lock);
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  return Status::OK();
}

Status VectorCache::write_header(std::string_view identity) {
  if (!lock_) {
    return Status::OK();  // to a reader a file without a header is empty
  }
  if (::ftruncate(descriptor_, 0) != 0) {
    return system_failure(errno, "cannot write the cache of embeddings", file_.string());
  }
  ARROW_RETURN_NOT_OK(write_exactly(descriptor_, header_of(identity, identity_, dim_), 0, file_));
  if (::fdatasync(descriptor_) != 0) {
    return system_failure(errno, "cannot sync the cache of embeddings", file_.string());
  }
  return sync_folder(file_.parent_path());
}

Status VectorCache::read_all(std::string_view identity) {
  struct stat about {};
  if (::fstat(descriptor_, &about) != 0) {
    return system_failure(errno, "cannot read the cache of embeddings", file_.string());
  }
  if (about.st_size < static_cast<int64_t>(kHeaderBytes)) {
    return write_header(identity);  // new, or its first run was cut off
  }
  std::string header(kHeaderBytes, '\0');
  ARROW_RETURN_NOT_OK(read_exactly(descriptor_, header.data(), header.size(), 0, file_));
  if (header != header_of(identity, identity_, dim_)) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = "this is no cache of these embeddings",
                 .where = file_.string(),
                 .next = fmt::format("remove the file, or {}", kNext)});
  }
  return index_records(about.st_size);
}

Status VectorCache::index_records(int64_t file_bytes) {
  const size_t size = record_bytes();
  const uint64_t records = (static_cast<uint64_t>(file_bytes) - kHeaderBytes) / size;
  const uint64_t at_once = std::max<uint64_t>(1, kReadBytes / size);
  std::vector<char> buffer;
  for (uint64_t slot = 0; slot < records; slot += at_once) {
    const uint64_t count = std::min(at_once, records - slot);
    buffer.resize(count * size);
    ARROW_RETURN_NOT_OK(read_exactly(descriptor_, buffer.data(), buffer.size(),
                                     static_cast<int64_t>(kHeaderBytes + slot * size), file_));
    for (uint64_t i = 0; i < count; ++i) {
      const char* record = buffer.data() + i * size;
      TextKey key;
      uint64_t check = 0;
      std::memcpy(&key, record, kKeyBytes);
      std::memcpy(&check, record + size - kCheckBytes, kCheckBytes);
      if (check == XXH3_64bits(record, size - kCheckBytes)) {
        slots_.emplace(key, slot + i);
      }
    }
  }
  next_slot_ = records;
  // A last record that is torn is written over.
  const auto whole = static_cast<int64_t>(kHeaderBytes + records * size);
  if (lock_ && whole != file_bytes && ::ftruncate(descriptor_, whole) != 0) {
    return system_failure(errno, "cannot write the cache of embeddings", file_.string());
  }
  return Status::OK();
}

size_t VectorCache::record_bytes() const {
  return kKeyBytes + dim_ * sizeof(float) + kCheckBytes;
}

TextKey VectorCache::key_of(std::string_view text) const {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), identity_);
  return {.low = hash.low64, .high = hash.high64};
}

Result<bool> VectorCache::find(const TextKey& key, std::span<float> vector) const {
  uint64_t slot = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = slots_.find(key);
    if (found == slots_.end()) {
      return false;
    }
    slot = found->second;
  }
  const auto at = static_cast<int64_t>(kHeaderBytes + slot * record_bytes() + kKeyBytes);
  ARROW_RETURN_NOT_OK(read_exactly(descriptor_, vector.data(), dim_ * sizeof(float), at, file_));
  return true;
}

Status VectorCache::add(std::span<const TextKey> keys, std::span<const float> vectors) {
  if (!lock_) {
    return fail({.kind = ErrorKind::kInternal, .what = "a cache that is only read was written"});
  }
  const size_t size = record_bytes();
  const std::lock_guard lock(mutex_);
  std::string records;
  std::vector<TextKey> written;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (slots_.contains(keys[i])) {
      continue;
    }
    const size_t at = records.size();
    records.resize(at + size);
    char* record = records.data() + at;
    std::memcpy(record, &keys[i], kKeyBytes);
    std::memcpy(record + kKeyBytes, vectors.data() + i * dim_, dim_ * sizeof(float));
    const uint64_t check = XXH3_64bits(record, size - kCheckBytes);
    std::memcpy(record + size - kCheckBytes, &check, kCheckBytes);
    written.push_back(keys[i]);
  }
  const Status status = write_exactly(
      descriptor_, records, static_cast<int64_t>(kHeaderBytes + next_slot_ * size), file_);
  if (!status.ok()) {
    Failure failure = failure_of(status);
    failure.next = failure.next.empty() ? kNext : failure.next + "; or " + kNext;
    return fail(std::move(failure));
  }
  VECFERRY_KILL_POINT("embed.after_append");
  for (const auto& key : written) {
    slots_.emplace(key, next_slot_++);
  }
  unsynced_ = unsynced_ || !written.empty();
  return sync_when_due();
}

// With the mutex held. Until then a power cut costs vectors, and never a wrong one.
Status VectorCache::sync_when_due() {
  const auto now = std::chrono::steady_clock::now();
  if (!unsynced_ || now - synced_at_ < kSyncEvery) {
    return Status::OK();
  }
  if (::fdatasync(descriptor_) != 0) {
    return system_failure(errno, "cannot sync the cache of embeddings", file_.string());
  }
  unsynced_ = false;
  synced_at_ = now;
  return Status::OK();
}

uint64_t VectorCache::size() const {
  const std::lock_guard lock(mutex_);
  return slots_.size();
}

}  // namespace vecferry
