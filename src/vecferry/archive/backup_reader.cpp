#include "vecferry/archive/backup_reader.h"

#include <algorithm>
#include <utility>

#include "arrow/io/memory.h"
#include "vecferry/archive/segment_rows_internal.h"
#include "vecferry/formats/parquet_file.h"

namespace vecferry {
namespace {

using archived::LayerMerge;
using archived::OpenSegment;
using archived::SegmentRows;

// Of whole points: a Parquet reader counts by them, also where it reads a few columns.
constexpr int64_t kReadAtOnceBytes = int64_t{64} << 20;
constexpr int64_t kDigestRowsBytes = int64_t{1} << 20;

// The reader of one segment, however its bytes come.
Result<std::shared_ptr<arrow::RecordBatchReader>> read_segment(const ParquetInput& input,
                                                               const ParquetReadOptions& options,
                                                               const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto file, ParquetFile::open(input, {}, stop));
  ARROW_ASSIGN_OR_RAISE(auto reader, file->read(options, stop));
  return std::shared_ptr<arrow::RecordBatchReader>(std::move(reader));
}

// The error of reading a segment by its columns; when its bytes have changed, that is the error.
Status explained(const Repository& repository, const SegmentRef& segment, const Status& error) {
  if (error.ok() || kind_of(error) == ErrorKind::kCancelled) {
    return error;
  }
  const auto whole = repository.get_segment(segment);
  return whole.ok() ? error : whole.status();
}

// Rows of a segment whose hash was not checked.
class UnhashedRows : public arrow::RecordBatchReader {
 public:
  UnhashedRows(const Repository& repository, SegmentRef segment,
               std::shared_ptr<arrow::RecordBatchReader> rows)
      : repository_(repository), segment_(std::move(segment)), rows_(std::move(rows)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    return explained(repository_, segment_, rows_->ReadNext(out));
  }

 private:
  const Repository& repository_;
  SegmentRef segment_;
  std::shared_ptr<arrow::RecordBatchReader> rows_;
};

class BackupReader : public arrow::RecordBatchReader {
 public:
  BackupReader(std::shared_ptr<arrow::Schema> schema, std::unique_ptr<LayerMerge> merge,
               StopToken stop)
      : schema_(std::move(schema)), merge_(std::move(merge)), stop_(std::move(stop)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto rows, merge_->next(stop_));
    *out = rows ? rows->points : nullptr;
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<LayerMerge> merge_;
  StopToken stop_;
};

class MergedKnownPoints : public KnownPointReader {
 public:
  MergedKnownPoints(std::unique_ptr<LayerMerge> merge, StopToken stop)
      : merge_(std::move(merge)), stop_(std::move(stop)) {}

  Result<bool> next(KnownPoints* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto rows, merge_->next(stop_));
    if (!rows) {
      return false;
    }
    out->points = rows->points;
    out->digests.clear();
    for (int64_t row = 0; row < rows->size(); ++row) {
      out->digests.push_back(archived::digest_at(*rows->digests, row));
    }
    return true;
  }

 private:
  std::unique_ptr<LayerMerge> merge_;
  StopToken stop_;
};

}  // namespace

Result<std::unique_ptr<arrow::RecordBatchReader>> read_backup(const Repository& repository,
                                                              const Manifest& manifest,
                                                              const BackupReadOptions& options,
                                                              StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(manifest.config, options.vectors));
  const OpenSegment open =
      [&repository, options, stop](
          const SegmentRef& segment,
          const IdRange& range) -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
    const auto bytes = repository.get_segment(segment);
    if (!bytes.ok()) {
      ARROW_RETURN_NOT_OK(options.on_damage ? options.on_damage(segment, bytes.status())
                                            : bytes.status());
      return std::shared_ptr<arrow::RecordBatchReader>();
    }
    const ParquetInput input{
        .name = segment.path(),
        .open = [bytes = *bytes]() -> Result<std::shared_ptr<arrow::io::RandomAccessFile>> {
          return std::make_shared<arrow::io::BufferReader>(bytes);
        },
        .key = repository.segment_key()};
    return read_segment(input,
                        {.vectors = options.vectors,
                         .payload = options.payload,
                         .range = range,
                         .batch_bytes = options.batch_bytes,
                         .extra = {archived::kDigestColumn, archived::kDeletedColumn}},
                        stop);
  };
  auto merge = std::make_unique<LayerMerge>(manifest.segments, options.range, open, schema,
                                            options.batch_bytes);
  return std::make_unique<BackupReader>(std::move(schema), std::move(merge), std::move(stop));
}

Result<std::unique_ptr<KnownPointReader>> read_known_points(const Repository& repository,
                                                            const Manifest& manifest,
                                                            const IdRange& range, StopToken stop) {
  const std::vector<std::string> no_vectors;
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(manifest.config, no_vectors));
  const OpenSegment open =
      [&repository, no_vectors, stop](
          const SegmentRef& segment,
          const IdRange& ids) -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
    const ParquetInput input{
        .name = segment.path(),
        .open = [&repository, path = segment.path()] { return repository.store().open_file(path); },
        .key = repository.segment_key()};
    auto rows = read_segment(input,
                             {.vectors = no_vectors,
                              .payload = false,
                              .range = ids,
                              .batch_bytes = kReadAtOnceBytes,
                              .extra = {archived::kDigestColumn, archived::kDeletedColumn}},
                             stop);
    ARROW_RETURN_NOT_OK(explained(repository, segment, rows.status()));
    return std::make_shared<UnhashedRows>(repository, segment, *std::move(rows));
  };
  auto merge = std::make_unique<LayerMerge>(manifest.segments, range, open, std::move(schema),
                                            kDigestRowsBytes);
  return std::make_unique<MergedKnownPoints>(std::move(merge), std::move(stop));
}

std::vector<IdRange> plan_backup_ranges(const Manifest& manifest, int parts) {
  std::vector<SegmentRef> base;
  uint64_t rows = 0;
  for (const auto& segment : manifest.segments) {
    if (segment.layer == 0) {
      base.push_back(segment);
      rows += segment.points;
    }
  }
  std::stable_sort(base.begin(), base.end(),
                   [](const SegmentRef& a, const SegmentRef& b) { return a.first < b.first; });
  std::vector<IdRange> ranges;
  IdRange range;
  uint64_t before = 0;
  for (size_t i = 0; i < base.size(); ++i) {
    const auto wanted = rows * (ranges.size() + 1) / static_cast<uint64_t>(std::max(parts, 1));
    // The same id under several shard keys may lie on both sides of a border between segments.
    if (i > 0 && before >= wanted && base[i - 1].last < base[i].first) {
      range.to = base[i].first;
      ranges.push_back(range);
      range = {.from = base[i].first};
    }
    before += base[i].points;
  }
  ranges.push_back(range);
  return ranges;
}

}  // namespace vecferry
