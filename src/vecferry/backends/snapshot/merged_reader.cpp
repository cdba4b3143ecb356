#include "vecferry/backends/snapshot/merged_reader.h"

#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::snapshot {
namespace {

constexpr uint64_t kSampleIds = 20'000;
constexpr int64_t kBatchBytes = int64_t{4} << 20;

IdRange nothing() {
  return {.from = PointId::of(uint64_t{0}), .to = PointId::of(uint64_t{0})};
}

// Pages of one shard, and the row that comes next.
class ShardCursor {
 public:
  ShardCursor(OpenShard shard, std::shared_ptr<arrow::Schema> schema, engine::ScanRequest request)
      : shard_(std::move(shard)),
        schema_(std::move(schema)),
        request_(std::move(request)),
        ended_(request_.range.empty()) {}

  // False when the shard has no more rows.
  Result<bool> ready() {
    while (batch_ == nullptr || row_ == batch_->num_rows()) {
      if (ended_) {
        return false;
      }
      ARROW_RETURN_NOT_OK(next_page());
    }
    return true;
  }

  PointId id() const { return view_.id(row_); }
  const PointsView& view() const { return view_; }
  int64_t row() const { return row_; }
  const std::optional<std::string>& key() const { return shard_.key; }
  void advance() { ++row_; }

  // The whole page, for a snapshot of one shard.
  std::shared_ptr<arrow::RecordBatch> take_page() {
    row_ = batch_->num_rows();
    return batch_;
  }

 private:
  Status next_page() {
    ARROW_ASSIGN_OR_RAISE(const auto page, shard_.shard->scan(request_));
    ended_ = !page.next;
    request_.range.from = page.next;
    if (page.points->num_columns() != schema_->num_fields()) {
      return fail({.what = "the engine gave other columns than were asked for"});
    }
    batch_ = arrow::RecordBatch::Make(schema_, page.points->num_rows(), page.points->columns());
    ARROW_RETURN_NOT_OK(validate_points(*batch_));
    ARROW_ASSIGN_OR_RAISE(view_, PointsView::make(*batch_));
    row_ = 0;
    return Status::OK();
  }

  OpenShard shard_;
  std::shared_ptr<arrow::Schema> schema_;
  engine::ScanRequest request_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  PointsView view_;
  int64_t row_ = 0;
  bool ended_ = false;
};

class MergedReader : public PointReader {
 public:
  MergedReader(std::vector<ShardCursor> shards, std::shared_ptr<arrow::Schema> schema,
               std::unique_ptr<PointsBuilder> builder, IdRange range,
               std::shared_ptr<const Filter> filter, int64_t batch_bytes, StopToken stop)
      : shards_(std::move(shards)),
        schema_(std::move(schema)),
        builder_(std::move(builder)),
        left_(range),
        filter_(std::move(filter)),
        batch_bytes_(batch_bytes),
        stop_(std::move(stop)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  IdRange cursor() const override { return left_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    ARROW_RETURN_NOT_OK(poll(stop_));
    if (shards_.size() == 1 && !shards_.front().key()) {
      ARROW_ASSIGN_OR_RAISE(const bool more, shards_.front().ready());
      if (more) {
        *out = shards_.front().take_page();
        ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(**out));
        go_on_after(view.id(view.rows() - 1));
      } else {
        left_ = nothing();
      }
      return Status::OK();
    }
    return merge(out);
  }

 private:
  void go_on_after(const PointId& id) {
    const auto next = successor(id);
    left_ = next ? IdRange{.from = next, .to = left_.to} : nothing();
  }

  Status merge(std::shared_ptr<arrow::RecordBatch>* out) {
    std::optional<PointId> last;
    for (;;) {
      ShardCursor* first = nullptr;
      for (auto& shard : shards_) {
        ARROW_ASSIGN_OR_RAISE(const bool more, shard.ready());
        if (more && (first == nullptr || shard.id() < first->id())) {
          first = &shard;
        }
      }
      // A batch never ends between two points of one id, for its end is a place to go on from.
      const bool full =
          builder_->bytes() >= batch_bytes_ && first != nullptr && (!last || first->id() != *last);
      if (first == nullptr || full) {
        break;
      }
      last = first->id();
      ARROW_RETURN_NOT_OK(append(*first));
      first->advance();
    }
    if (!last) {
      left_ = nothing();
      return Status::OK();
    }
    go_on_after(*last);
    return builder_->finish().Value(out);
  }

  Status append(const ShardCursor& from) {
    const auto& view = from.view();
    const int64_t row = from.row();
    ARROW_RETURN_NOT_OK(builder_->start_point(
        view.id(row), from.key() ? std::optional<std::string_view>(*from.key()) : std::nullopt));
    for (size_t i = 0; i < view.vectors().size(); ++i) {
      const auto& column = view.vectors()[i];
      if (!column.present(row)) {
        continue;
      }
      ARROW_RETURN_NOT_OK(column.spec().kind == VectorKind::kSparse
                              ? builder_->append_sparse(i, column.indices(row), column.values(row))
                              : builder_->append_elements(i, column.elements(row)));
    }
    return builder_->append_payload(view.payload(row));
  }

  std::vector<ShardCursor> shards_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<PointsBuilder> builder_;
  IdRange left_;
  std::shared_ptr<const Filter> filter_;
  int64_t batch_bytes_;
  StopToken stop_;
};

}  // namespace

Result<uint64_t> count_shards(const std::vector<OpenShard>& shards, const Filter* filter,
                              const StopToken& stop) {
  uint64_t total = 0;
  for (const auto& shard : shards) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const uint64_t points, shard.shard->count(filter));
    total += points;
  }
  return total;
}

Result<std::vector<IdRange>> plan_shards(const std::vector<OpenShard>& shards, const Filter* filter,
                                         int parts, const StopToken& stop) {
  std::vector<PointId> sample;
  for (const auto& shard : shards) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const auto ids,
                          shard.shard->sample_ids(filter, kSampleIds / shards.size()));
    sample.insert(sample.end(), ids.begin(), ids.end());
  }
  return split_by_quantiles(std::move(sample), parts);
}

Result<std::unique_ptr<PointReader>> merge_shards(std::vector<OpenShard> shards,
                                                  const CollectionConfig& config,
                                                  const ScanOptions& options, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(config, options.vectors));
  const int64_t bytes = options.batch_bytes > 0 ? options.batch_bytes : kBatchBytes;
  std::vector<ShardCursor> cursors;
  for (auto& shard : shards) {
    engine::ScanRequest request;
    request.range = options.range;
    // Together the shards hold about one batch.
    request.byte_limit = std::max<int64_t>(bytes / static_cast<int64_t>(shards.size()), 1);
    request.filter = options.filter.get();
    request.vectors = options.vectors;
    request.payload = options.payload;
    cursors.emplace_back(std::move(shard), schema, std::move(request));
  }
  ARROW_ASSIGN_OR_RAISE(auto builder, PointsBuilder::make(schema));
  return std::make_unique<MergedReader>(std::move(cursors), std::move(schema), std::move(builder),
                                        options.range, options.filter, bytes, std::move(stop));
}

}  // namespace vecferry::snapshot
