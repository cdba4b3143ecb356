#include "vecferry/backends/archive/archive_backend.h"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/archive/native_file.h"
#include "vecferry/backend/filtered_reader.h"
#include "vecferry/backend/read_only_snapshots.h"

namespace vecferry {
namespace {

using ManifestPtr = std::shared_ptr<const Manifest>;
using FindManifest = std::function<Result<ManifestPtr>(std::string_view name, StopToken stop)>;

// The servers' own files beside backups.
class ArchiveShards : public ReadOnlySnapshots {
 public:
  ArchiveShards(const Repository& repository, FindManifest find, std::string version)
      : repository_(repository), find_(std::move(find)), version_(std::move(version)) {}

  SnapshotKind kind() const override {
    return {.place = repository_.label(), .generation = version_};
  }

  Result<std::vector<ShardInfo>> shards(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find_(name, stop));
    std::vector<ShardInfo> shards;
    for (const auto& shard : manifest->native.value_or(NativeRef()).shards) {
      shards.push_back({.id = shard.id, .key = shard.key});
    }
    return shards;
  }

  Status read_shard(std::string_view name, uint32_t shard, const PieceSink& sink,
                    StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find_(name, stop));
    return read_native_shard(repository_, *manifest, shard, sink, std::move(stop));
  }

 private:
  const Repository& repository_;
  FindManifest find_;
  std::string version_;
};

class ArchiveBackend : public Backend {
 public:
  ArchiveBackend(std::shared_ptr<Repository> repository, OnDamage on_damage)
      : repository_(std::move(repository)), on_damage_(std::move(on_damage)) {}

  Capabilities capabilities() const override {
    return {.writable = false,
            .aliases = false,
            .shard_keys = true,
            .remove = false,
            .upsert_existing = false,
            .normalises_cosine = unit_vectors_,
            .rounds_payload_floats = settled_};
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto names, repository_->collections(stop));
    std::vector<CollectionSummary> summaries;
    for (const auto& name : names) {
      ARROW_ASSIGN_OR_RAISE(const auto manifest, repository_->find(name, "", stop));
      summaries.push_back({.name = name, .points_count = manifest.points.count});
    }
    return summaries;
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find(name, stop));
    return manifest->config;
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find(name, stop));
    if (filter == nullptr) {
      return manifest->points.count;
    }
    ScanOptions options;
    options.filter = std::shared_ptr<const Filter>(filter, [](const Filter*) {});
    ARROW_ASSIGN_OR_RAISE(const auto reader, open_reader(name, options, stop));
    uint64_t found = 0;
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) {
        return found;
      }
      found += static_cast<uint64_t>(batch->num_rows());
    }
  }

  Status create(std::string_view name, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only(name);
  }
  Status drop(std::string_view name, StopToken /*stop*/) override { return read_only(name); }
  Status finish(std::string_view name, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only(name);
  }
  Status change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) override {
    return read_only("aliases");
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name,
                                                   StopToken /*stop*/) override {
    return read_only(name);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* /*filter*/, int parts,
                                         StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find(name, stop));
    return plan_backup_ranges(*manifest, parts);
  }

  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const auto manifest, find(name, stop));
    BackupReadOptions reading{.range = options.range,
                              .vectors = vectors_to_read(options),
                              .payload = payload_to_read(options),
                              .on_damage = on_damage_};
    if (options.batch_bytes > 0) {
      reading.batch_bytes = options.batch_bytes;
    }
    ARROW_ASSIGN_OR_RAISE(auto batches, read_backup(*repository_, *manifest, reading, stop));
    return filtered_reader(std::move(batches), {.config = manifest->config, .ordered = true},
                           options);
  }

  // Of what was asked for: a backup that has none, or servers of several versions, and there are
  // none.
  SnapshotStore* snapshots() override {
    const std::lock_guard lock(mutex_);
    std::optional<std::string> version;
    for (const auto& [name, manifest] : manifests_) {
      if (manifest == nullptr) {
        continue;  // there is no such backup
      }
      if (!manifest->native || manifest->native->shards.empty() ||
          version.value_or(manifest->native->version) != manifest->native->version) {
        return nullptr;
      }
      version = manifest->native->version;
    }
    if (version && shards_ == nullptr) {
      shards_ = std::make_unique<ArchiveShards>(
          *repository_,
          [this](std::string_view name, const StopToken& stop) { return find(name, stop); },
          *version);
    }
    return version ? shards_.get() : nullptr;
  }

 private:
  Status read_only(std::string_view name) const {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "an archive is written by `vecferry backup` alone",
                 .where = repository_->label() + "/" + std::string(name),
                 .next = "vecferry backup LOC --to " + repository_->label()});
  }

  // What a name means does not change while it is being read.
  Result<ManifestPtr> find(std::string_view name, const StopToken& stop) {
    const std::lock_guard lock(mutex_);
    auto& known = manifests_[std::string(name)];
    if (known == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto manifest, find_backup(*repository_, name, stop));
      settled_ = settled_ && manifest.settled;
      // Files of a server: it had made unit vectors.
      unit_vectors_ = unit_vectors_ && (manifest.settled || manifest.native);
      known = std::make_shared<const Manifest>(std::move(manifest));
    }
    return known;
  }

  std::shared_ptr<Repository> repository_;
  OnDamage on_damage_;
  std::mutex mutex_;
  std::map<std::string, ManifestPtr> manifests_;
  std::unique_ptr<ArchiveShards> shards_;  // null: not asked for yet
  std::atomic<bool> settled_ = true;       // every backup that was asked for
  std::atomic<bool> unit_vectors_ = true;
};

}  // namespace

std::shared_ptr<Backend> archive_backend(std::shared_ptr<Repository> repository,
                                         OnDamage on_damage) {
  return std::make_shared<ArchiveBackend>(std::move(repository), std::move(on_damage));
}

Result<Manifest> find_backup(const Repository& repository, std::string_view name, StopToken stop) {
  const std::string whole(name);
  ARROW_ASSIGN_OR_RAISE(const auto ids, repository.backups(whole, stop));
  const size_t at = name.rfind('@');
  if (!ids.empty() || at == std::string_view::npos || at == 0) {
    return repository.find(whole, "", stop);
  }
  return repository.find(whole.substr(0, at), name.substr(at + 1), stop);
}

}  // namespace vecferry
