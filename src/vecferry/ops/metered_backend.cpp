#include "vecferry/ops/metered_backend.h"

#include <filesystem>
#include <utility>

#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

class MeteredReader : public PointReader {
 public:
  MeteredReader(std::unique_ptr<PointReader> reader, Meter& meter)
      : reader_(std::move(reader)), meter_(meter) {}

  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  IdRange cursor() const override { return reader_->cursor(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_RETURN_NOT_OK(reader_->ReadNext(out));
    if (*out != nullptr) {
      meter_.bytes += static_cast<uint64_t>(batch_bytes(**out));
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<PointReader> reader_;
  Meter& meter_;
};

class MeteredWriter : public PointWriter {
 public:
  MeteredWriter(std::unique_ptr<PointWriter> writer, Meter& meter)
      : writer_(std::move(writer)), meter_(meter) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    meter_.bytes += static_cast<uint64_t>(batch_bytes(batch));
    return writer_->upsert(batch);
  }
  Status remove(std::span<const PointId> ids) override { return writer_->remove(ids); }
  Status checkpoint() override { return writer_->checkpoint(); }

 private:
  std::unique_ptr<PointWriter> writer_;
  Meter& meter_;
};

class MeteredStore : public SnapshotStore {
 public:
  MeteredStore(SnapshotStore& store, Meter& meter) : store_(store), meter_(meter) {}

  SnapshotKind kind() const override { return store_.kind(); }
  Status may_read(std::string_view collection, StopToken stop) override {
    return store_.may_read(collection, std::move(stop));
  }
  Status may_write(StopToken stop) override { return store_.may_write(std::move(stop)); }
  Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) override {
    return store_.shards(collection, std::move(stop));
  }
  Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                    StopToken stop) override {
    const PieceSink counting = [&](std::string_view piece) {
      meter_.bytes += piece.size();
      return sink(piece);
    };
    return store_.read_shard(collection, shard, counting, std::move(stop));
  }
  Status write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                     StopToken stop) override {
    std::error_code error;
    const auto size = std::filesystem::file_size(file.path, error);
    meter_.bytes += error ? 0 : size;
    return store_.write_shard(collection, shard, file, std::move(stop));
  }
  Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                     StopToken stop) override {
    return store_.fetch_shard(collection, shard, from, std::move(stop));
  }
  Result<ShardAddress> address_of(std::string_view collection, uint32_t shard,
                                  StopToken stop) override {
    return store_.address_of(collection, shard, std::move(stop));
  }
  Status prove_writable(std::string_view collection, uint64_t least_operation,
                        StopToken stop) override {
    return store_.prove_writable(collection, least_operation, std::move(stop));
  }

 private:
  SnapshotStore& store_;
  Meter& meter_;
};

class MeteredBackend : public Backend {
 public:
  MeteredBackend(Backend& place, Meter& meter) : place_(place), meter_(meter) {
    if (SnapshotStore* store = place.snapshots(); store != nullptr) {
      store_ = std::make_unique<MeteredStore>(*store, meter);
    }
  }

  Capabilities capabilities() const override { return place_.capabilities(); }
  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    return place_.list(std::move(stop));
  }
  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    return place_.describe(name, std::move(stop));
  }
  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    return place_.count(name, filter, std::move(stop));
  }
  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    return place_.create(name, config, std::move(stop));
  }
  Result<bool> abandoned(std::string_view name, StopToken stop) override {
    return place_.abandoned(name, std::move(stop));
  }
  Result<bool> take_over(std::string_view name, StopToken stop) override {
    return place_.take_over(name, std::move(stop));
  }
  Status duplicate(std::string_view from, std::string_view to, StopToken stop) override {
    return place_.duplicate(from, to, std::move(stop));
  }
  Result<std::vector<std::string>> losses(const CollectionConfig& config, StopToken stop) override {
    return place_.losses(config, std::move(stop));
  }
  Status drop(std::string_view name, StopToken stop) override {
    return place_.drop(name, std::move(stop));
  }
  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    meter_.finish_began = Meter::Clock::now();
    const Status status = place_.finish(name, config, std::move(stop));
    meter_.finish_ended = Meter::Clock::now();
    meter_.bytes_at_finish = meter_.bytes;
    return status;
  }
  Result<std::string> unready(std::string_view name, StopToken stop) override {
    return place_.unready(name, std::move(stop));
  }
  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    return place_.change_aliases(changes, std::move(stop));
  }
  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    return place_.plan_scan(name, filter, parts, std::move(stop));
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto reader, place_.open_reader(name, options, std::move(stop)));
    return std::make_unique<MeteredReader>(std::move(reader), meter_);
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto writer, place_.open_writer(name, std::move(stop)));
    return std::make_unique<MeteredWriter>(std::move(writer), meter_);
  }
  SnapshotStore* snapshots() override { return store_.get(); }

 private:
  Backend& place_;
  Meter& meter_;
  std::unique_ptr<MeteredStore> store_;
};

}  // namespace

std::unique_ptr<Backend> metered(Backend& place, Meter& meter) {
  return std::make_unique<MeteredBackend>(place, meter);
}

}  // namespace vecferry
