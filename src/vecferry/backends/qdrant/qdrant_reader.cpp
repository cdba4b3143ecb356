#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/backends/qdrant/qdrant_reader_internal.h"
#include "vecferry/backends/qdrant/scroll_pages_internal.h"
#include "vecferry/backends/qdrant/shard_keys_internal.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::remote {
namespace {

constexpr int64_t kBatchBytes = int64_t{2} << 20;

IdRange nothing() {
  return {.from = PointId::of(uint64_t{0}), .to = PointId::of(uint64_t{0})};
}

IdRange after(const PointId& id, const IdRange& range) {
  const auto next = successor(id);
  return next ? IdRange{.from = next, .to = range.to} : nothing();
}

// Strict mode bounds the points of a page.
std::optional<uint32_t> most_points_of(const CollectionConfig& config) {
  const auto settings = nlohmann::json::parse(config.settings_json, nullptr, false);
  const auto strict = settings.is_object() ? settings.value("strict_mode_config", nlohmann::json())
                                           : nlohmann::json();
  if (!strict.is_object() || !strict.value("enabled", false)) {
    return std::nullopt;
  }
  const auto limit = strict.find("max_query_limit");
  if (limit == strict.end() || !limit->is_number_unsigned()) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(std::clamp<uint64_t>(limit->get<uint64_t>(), 1, 1U << 30U));
}

int64_t vector_bytes_of(const std::vector<VectorSpec>& vectors) {
  int64_t bytes = 16;
  for (const auto& spec : vectors) {
    bytes += spec.kind == VectorKind::kSparse
                 ? 400
                 : int64_t{spec.dim} * static_cast<int64_t>(size_of(spec.element)) *
                       (spec.kind == VectorKind::kMulti ? 16 : 1);
  }
  return bytes;
}

class ScrollReader : public PointReader {
 public:
  ScrollReader(std::unique_ptr<ScrollPages> pages, std::shared_ptr<arrow::Schema> schema,
               IdRange range, int64_t batch_bytes)
      : pages_(std::move(pages)),
        schema_(std::move(schema)),
        left_(range),
        batch_bytes_(batch_bytes) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  IdRange cursor() const override { return left_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (page_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(page_, pages_->next());
      row_ = 0;
      if (page_ == nullptr) {
        left_ = nothing();
        return Status::OK();
      }
      // A page is as large as its points turn out to be; what is too much waits.
      const int64_t bytes = batch_bytes(*page_);
      step_ = bytes > 2 * batch_bytes_
                  ? std::max<int64_t>(1, page_->num_rows() * batch_bytes_ / bytes)
                  : page_->num_rows();
    }
    *out = page_->Slice(row_, step_);
    row_ += (*out)->num_rows();
    ARROW_ASSIGN_OR_RAISE(const auto view, PointsView::make(**out));
    left_ = after(view.id(view.rows() - 1), left_);
    if (row_ == page_->num_rows()) {
      page_.reset();
    }
    return Status::OK();
  }

 private:
  std::unique_ptr<ScrollPages> pages_;
  std::shared_ptr<arrow::Schema> schema_;
  IdRange left_;
  int64_t batch_bytes_;
  std::shared_ptr<arrow::RecordBatch> page_;
  int64_t row_ = 0;
  int64_t step_ = 0;
};

// The scroll of one shard key, and the row that comes next.
class KeyCursor {
 public:
  explicit KeyCursor(std::unique_ptr<ScrollPages> pages) : pages_(std::move(pages)) {}

  // False when there are no more rows.
  Result<bool> ready() {
    if (ended_) {
      return false;
    }
    if (page_ == nullptr || row_ == page_->num_rows()) {
      ARROW_ASSIGN_OR_RAISE(page_, pages_->next());
      row_ = 0;
      ended_ = page_ == nullptr;
      if (!ended_) {
        ARROW_ASSIGN_OR_RAISE(view_, PointsView::make(*page_));
      }
    }
    return !ended_;
  }
  PointId id() const { return view_.id(row_); }
  std::shared_ptr<arrow::RecordBatch> take_row() { return page_->Slice(row_++, 1); }

 private:
  std::unique_ptr<ScrollPages> pages_;
  std::shared_ptr<arrow::RecordBatch> page_;
  PointsView view_;
  int64_t row_ = 0;
  bool ended_ = false;
};

class MergedReader : public PointReader {
 public:
  MergedReader(std::vector<KeyCursor> keys, std::shared_ptr<arrow::Schema> schema, IdRange range,
               int64_t batch_bytes, StopToken stop)
      : keys_(std::move(keys)),
        schema_(std::move(schema)),
        left_(range),
        batch_bytes_(batch_bytes),
        stop_(std::move(stop)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  IdRange cursor() const override { return left_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    ARROW_RETURN_NOT_OK(poll(stop_));
    std::vector<std::shared_ptr<arrow::RecordBatch>> rows;
    std::optional<PointId> last;
    int64_t bytes = 0;
    for (;;) {
      KeyCursor* first = nullptr;
      for (auto& key : keys_) {
        ARROW_ASSIGN_OR_RAISE(const bool more, key.ready());
        if (more && (first == nullptr || key.id() < first->id())) {
          first = &key;
        }
      }
      // A batch never ends between two points of one id, for its end is a place to go on from.
      if (first == nullptr || (bytes >= batch_bytes_ && first->id() != *last)) {
        break;
      }
      last = first->id();
      rows.push_back(first->take_row());
      bytes += batch_bytes(*rows.back());
    }
    if (!last) {
      left_ = nothing();
      return Status::OK();
    }
    left_ = after(*last, left_);
    return arrow::ConcatenateRecordBatches(rows).Value(out);
  }

 private:
  std::vector<KeyCursor> keys_;
  std::shared_ptr<arrow::Schema> schema_;
  IdRange left_;
  int64_t batch_bytes_;
  StopToken stop_;
};

}  // namespace

Result<std::unique_ptr<PointReader>> open_scroll(const ReaderPlace& place,
                                                 std::string_view collection,
                                                 const CollectionConfig& config,
                                                 const ScanOptions& options, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(config, options.vectors));
  ARROW_ASSIGN_OR_RAISE(const auto builder, PointsBuilder::make(schema));
  const int64_t bytes = options.batch_bytes > 0 ? options.batch_bytes : kBatchBytes;
  ScrollPlan plan{.collection = std::string(collection),
                  .schema = schema,
                  .range = options.range,
                  .filter_json = options.filter == nullptr ? std::string() : options.filter->json(),
                  .vectors = options.vectors,
                  .payload = options.payload,
                  .page_bytes = bytes,
                  .point_bytes = vector_bytes_of(builder->vectors()),
                  .most_points = most_points_of(config),
                  .on_error = [known = place.known] { known->forget(); }};
  if (!config.custom_sharding()) {
    ARROW_ASSIGN_OR_RAISE(auto pages, ScrollPages::open(place.connection, std::move(plan), stop));
    return std::make_unique<ScrollReader>(std::move(pages), std::move(schema), options.range,
                                          bytes);
  }
  ARROW_ASSIGN_OR_RAISE(const auto keys, shard_keys_of(*place.connection, collection, stop));
  plan.page_bytes = std::max<int64_t>(
      bytes / static_cast<int64_t>(std::max<size_t>(1, keys.size())), int64_t{64} << 10);
  std::vector<KeyCursor> cursors;
  for (const auto& key : keys) {
    plan.shard_key = key.text;
    ARROW_ASSIGN_OR_RAISE(auto pages, ScrollPages::open(place.connection, plan, stop));
    cursors.emplace_back(std::move(pages));
  }
  return std::make_unique<MergedReader>(std::move(cursors), std::move(schema), options.range, bytes,
                                        std::move(stop));
}

}  // namespace vecferry::remote
