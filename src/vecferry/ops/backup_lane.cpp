#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/backup_lane_internal.h"
#include "vecferry/pipeline/prefetch_reader.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

// Id and shard key, as segments are ordered by them.
struct Key {
  PointId id{};
  std::string_view shard_key{};

  bool operator==(const Key&) const = default;
  bool before(const Key& other) const {
    return id != other.id ? id < other.id : shard_key < other.shard_key;
  }
};

Key key_at(const PointsView& points, int64_t row) {
  return {points.id(row), points.shard_key(row).value_or(std::string_view())};
}

// Rows of their own, so that a few of them do not hold on to the whole batch.
Result<std::shared_ptr<arrow::RecordBatch>> copied_rows(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::vector<int64_t>& rows) {
  if (static_cast<int64_t>(rows.size()) * 2 > batch->num_rows()) {
    return take_rows(batch, rows);
  }
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(batch->schema()));
  for (const int64_t row : rows) {
    ARROW_RETURN_NOT_OK(append_row(points, row, *builder));
  }
  return builder->finish();
}

// The points of the backup before, one after another.
class KnownCursor {
 public:
  explicit KnownCursor(std::unique_ptr<KnownPointReader> reader) : reader_(std::move(reader)) {}

  // Have a point at hand, or know that none is left.
  Status fill() {
    while (reader_ != nullptr && (!view_ || row_ == view_->rows())) {
      view_.reset();
      ARROW_ASSIGN_OR_RAISE(const bool more, reader_->next(&known_));
      if (!more) {
        reader_.reset();
        return Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(view_, PointsView::make(*known_.points));
      row_ = 0;
    }
    return Status::OK();
  }

  bool ended() const { return reader_ == nullptr; }
  Key key() const { return key_at(*view_, row_); }
  const Digest128& digest() const { return known_.digests[static_cast<size_t>(row_)]; }
  const PointsView& view() const { return *view_; }
  int64_t row() const { return row_; }
  std::shared_ptr<arrow::Schema> schema() const { return known_.points->schema(); }
  void advance() { ++row_; }

 private:
  std::unique_ptr<KnownPointReader> reader_;  // null: ended
  KnownPoints known_{};
  std::optional<PointsView> view_{};
  int64_t row_ = 0;
};

// Joins the source with the backup before, both in order, and writes what differs.
class Joiner {
 public:
  Joiner(SegmentWriter& writer, std::unique_ptr<KnownPointReader> known, BackupShare* share)
      : writer_(writer), known_(std::move(known)), share_(share) {}

  Status add(const std::shared_ptr<arrow::RecordBatch>& batch) {
    digests_.clear();
    ARROW_RETURN_NOT_OK(digest_batch(*batch, &share_->digest, &digests_));
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < points.rows(); ++row) {
      const Key key = key_at(points, row);
      ARROW_RETURN_NOT_OK(check_order(key));
      ARROW_RETURN_NOT_OK(known_.fill());
      if (!known_.ended() && known_.key().before(key)) {
        ARROW_RETURN_NOT_OK(write(batch, &rows));  // segments keep the order of ids
        ARROW_RETURN_NOT_OK(remove_until(key));
      }
      if (known_.ended() || known_.key() != key) {
        ++share_->added;
        rows.push_back(row);
        continue;
      }
      if (known_.digest() != digests_[static_cast<size_t>(row)]) {
        ++share_->changed;
        rows.push_back(row);
      }
      known_.advance();
    }
    return write(batch, &rows);
  }

  Status finish() {
    ARROW_RETURN_NOT_OK(remove_until(std::nullopt));
    return writer_.flush();
  }

 private:
  Status check_order(const Key& key) {
    if (last_ && !Key{last_->first, last_->second}.before(key)) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = "the source gives its points in no order",
                   .where = "id " + to_string(key.id),
                   .next = "if nobody writes to it this is a bug: please report it"});
    }
    last_ = std::pair(key.id, std::string(key.shard_key));
    return Status::OK();
  }

  Status write(const std::shared_ptr<arrow::RecordBatch>& batch, std::vector<int64_t>* rows) {
    if (rows->empty()) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto written, copied_rows(batch, *rows));
    std::vector<Digest128> digests;
    for (const int64_t row : *rows) {
      digests.push_back(digests_[static_cast<size_t>(row)]);
    }
    rows->clear();
    return writer_.add(*written, digests);
  }

  Status remove_until(const std::optional<Key>& bound) {
    std::unique_ptr<PointsBuilder> gone;
    for (;;) {
      ARROW_RETURN_NOT_OK(known_.fill());
      if (known_.ended() || (bound && !known_.key().before(*bound))) {
        break;
      }
      if (gone == nullptr) {
        ARROW_ASSIGN_OR_RAISE(gone, PointsBuilder::make(known_.schema()));
      }
      ARROW_RETURN_NOT_OK(append_row(known_.view(), known_.row(), *gone));
      ++share_->removed;
      known_.advance();
    }
    if (gone == nullptr) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto batch, gone->finish());
    return writer_.add_deleted(*batch);
  }

  SegmentWriter& writer_;
  KnownCursor known_;
  BackupShare* share_;
  std::vector<Digest128> digests_;
  std::optional<std::pair<PointId, std::string>> last_{};
};

// Places do not agree on the order of points that share an id under several shard keys.
class OrderedByShardKey {
 public:
  explicit OrderedByShardKey(SourceReader& reader) : reader_(reader) {}

  Result<std::shared_ptr<arrow::RecordBatch>> next() {
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader_.ReadNext(&batch));
      if (batch == nullptr) {
        auto rest = std::exchange(held_, nullptr);
        return rest == nullptr ? rest : sorted(rest, rest->num_rows());
      }
      if (held_ != nullptr) {
        ARROW_ASSIGN_OR_RAISE(batch, arrow::ConcatenateRecordBatches({held_, batch}));
      }
      ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
      int64_t last = points.rows();  // more of the last id may come
      while (last > 0 && points.id(last - 1) == points.id(points.rows() - 1)) {
        --last;
      }
      held_ = batch->Slice(last);
      if (last > 0) {
        return sorted(batch, last);
      }
    }
  }

 private:
  static Result<std::shared_ptr<arrow::RecordBatch>> sorted(
      const std::shared_ptr<arrow::RecordBatch>& batch, int64_t count) {
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    std::vector<int64_t> rows(static_cast<size_t>(count));
    std::iota(rows.begin(), rows.end(), int64_t{0});
    std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
      return key_at(points, a).before(key_at(points, b));
    });
    return take_rows(batch, rows);
  }

  SourceReader& reader_;
  std::shared_ptr<arrow::RecordBatch> held_{};
};

Status join_all(SourceReader& reader, bool shard_keys, Joiner& joiner, Progress& progress,
                const StopToken& stop, BackupShare* share) {
  OrderedByShardKey by_shard_key(reader);
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    if (shard_keys) {
      ARROW_ASSIGN_OR_RAISE(batch, by_shard_key.next());
    } else {
      ARROW_RETURN_NOT_OK(reader.ReadNext(&batch));
    }
    if (batch == nullptr) {
      return joiner.finish();
    }
    const auto bytes = static_cast<uint64_t>(batch_bytes(*batch));
    ARROW_RETURN_NOT_OK(joiner.add(batch));
    share->bytes += bytes;
    progress.points += static_cast<uint64_t>(batch->num_rows());
    progress.bytes += bytes;
  }
}

}  // namespace

void BackupShare::merge(BackupShare other) {
  digest.merge(other.digest);
  added += other.added;
  changed += other.changed;
  removed += other.removed;
  bytes += other.bytes;
  std::move(other.segments.begin(), other.segments.end(), std::back_inserter(segments));
}

Status back_up_range(Repository& repository, const Source& source, const CollectionConfig& config,
                     const std::string& collection, const Manifest* before, int layer,
                     const IdRange& range, Progress& progress, const StopToken& stop,
                     BackupShare* share) {
  // The reader below has a stop of its own, so that closing it early never waits.
  auto reader_stop = std::make_shared<arrow::StopSource>();
  ARROW_ASSIGN_OR_RAISE(auto inner, open_source(source, range, reader_stop->token()));
  PrefetchReader reader(std::move(inner), reader_stop, stop);
  ARROW_ASSIGN_OR_RAISE(const auto writer,
                        SegmentWriter::make(repository, config, collection, layer));
  std::unique_ptr<KnownPointReader> known;
  if (before != nullptr) {
    ARROW_ASSIGN_OR_RAISE(known, read_known_points(repository, *before, range, stop));
  }
  Joiner joiner(*writer, std::move(known), share);
  const Status status = join_all(reader, config.custom_sharding(), joiner, progress, stop, share);
  share->segments = writer->written();
  return status;
}

}  // namespace vecferry
