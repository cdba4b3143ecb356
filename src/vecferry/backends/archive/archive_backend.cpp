#include "vecferry/backends/archive/archive_backend.h"

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/backend/filtered_reader.h"

namespace vecferry {
namespace {

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
            .normalises_cosine = settled_,
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

 private:
  Status read_only(std::string_view name) const {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "an archive is written by `vecferry backup` alone",
                 .where = repository_->label() + "/" + std::string(name),
                 .next = "vecferry backup LOC --to " + repository_->label()});
  }

  // What a name means does not change while it is being read.
  Result<std::shared_ptr<const Manifest>> find(std::string_view name, const StopToken& stop) {
    const std::lock_guard lock(mutex_);
    auto& known = manifests_[std::string(name)];
    if (known == nullptr) {
      ARROW_ASSIGN_OR_RAISE(auto manifest, find_backup(*repository_, name, stop));
      settled_ = settled_ && manifest.settled;
      known = std::make_shared<const Manifest>(std::move(manifest));
    }
    return known;
  }

  std::shared_ptr<Repository> repository_;
  OnDamage on_damage_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Manifest>> manifests_;
  std::atomic<bool> settled_ = true;  // every backup that was asked for
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
