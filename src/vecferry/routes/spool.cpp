#include "vecferry/routes/spool.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/sha256.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

constexpr int kTries = 3;
constexpr std::string_view kPurpose = "spool";

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Status no_space(int error, const fs::path& path) {
  const Status status = system_failure(error, "cannot keep the snapshot", path.string());
  Failure failure = failure_of(status);
  failure.next = "name a folder on a larger disk with --spool, or take --route stream";
  return fail(std::move(failure));
}

Result<ShardFile> try_once(SnapshotStore& from, std::string_view collection, uint32_t shard,
                           const fs::path& path, const SpoolOptions& options,
                           const StopToken& stop) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "wb"));
  if (file == nullptr) {
    return no_space(errno, path);
  }
  Sha256 hash;
  const auto sink = [&](std::string_view piece) -> Status {
    if (std::fwrite(piece.data(), 1, piece.size(), file.get()) != piece.size()) {
      return no_space(errno, path);
    }
    hash.add(piece);
    if (options.bytes != nullptr) {
      *options.bytes += piece.size();
    }
    return Status::OK();
  };
  ARROW_RETURN_NOT_OK(from.read_shard(collection, shard, sink, stop));
  if (std::fflush(file.get()) != 0) {
    return no_space(errno, path);
  }
  return ShardFile{.path = path, .sha256 = hash.hex()};
}

}  // namespace

Result<TemporaryFolder> make_spool(const SpoolOptions& options, uint64_t expected_bytes) {
  fs::path parent = options.parent;
  if (parent.empty()) {
    ARROW_ASSIGN_OR_RAISE(parent, temporary_parent());
  }
  ARROW_ASSIGN_OR_RAISE(auto folder, TemporaryFolder::make(kPurpose, parent));
  std::error_code error;
  const auto space = fs::space(parent, error);
  if (!error && space.available < expected_bytes) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("no room for the snapshots: {} MB are free, {} MB wanted",
                                     space.available >> 20U, expected_bytes >> 20U),
                 .where = parent.string(),
                 .next = "name a folder on a larger disk with --spool, or take --route stream"});
  }
  return folder;
}

void sweep_spools(const fs::path& parent) {
  const auto folder = parent.empty() ? temporary_parent() : Result<fs::path>(parent);
  if (folder.ok()) {
    TemporaryFolder::sweep(kPurpose, *folder);
  }
}

fs::path spooled_file(const fs::path& folder, uint32_t shard) {
  return folder / fmt::format("{}.snapshot", shard);
}

uint64_t least_bytes(const CollectionConfig& config, uint64_t points) {
  uint64_t each = 0;
  for (const auto& vector : config.vectors) {
    each += vector.kind == VectorKind::kDense ? vector.dim * size_of(vector.element) : 0;
  }
  return each * points;
}

Result<ShardFile> spool_shard(SnapshotStore& from, std::string_view collection, uint32_t shard,
                              const fs::path& folder, const SpoolOptions& options, StopToken stop) {
  const fs::path path = spooled_file(folder, shard);
  for (int tries = 1;; ++tries) {
    auto file = try_once(from, collection, shard, path, options, stop);
    if (file.ok() || tries == kTries || !failure_of(file.status()).retryable) {
      return file;
    }
    ARROW_RETURN_NOT_OK(poll(stop));
  }
}

}  // namespace vecferry
