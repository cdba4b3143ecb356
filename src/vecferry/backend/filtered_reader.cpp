#include "vecferry/backend/filtered_reader.h"

#include <utility>

#include "arrow/array.h"
#include "arrow/array/util.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "vecferry/model/points_schema.h"

namespace vecferry {
namespace {

class ScanReader : public PointReader {
 public:
  ScanReader(std::unique_ptr<arrow::RecordBatchReader> batches, ScanOptions options,
             std::shared_ptr<arrow::Schema> schema, bool ordered)
      : batches_(std::move(batches)),
        options_(std::move(options)),
        schema_(std::move(schema)),
        ordered_(ordered),
        cursor_(options_.range) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  IdRange cursor() const override { return cursor_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    for (;;) {
      out->reset();
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(batches_->ReadNext(&batch));
      if (batch == nullptr) {
        cursor_ = {.from = PointId::of(uint64_t{0}), .to = PointId::of(uint64_t{0})};
        return Status::OK();
      }
      ARROW_RETURN_NOT_OK(move_cursor(*batch));
      if (options_.filter != nullptr) {
        ARROW_ASSIGN_OR_RAISE(batch, keep_matching(batch, *options_.filter));
      }
      if (batch->num_rows() > 0) {
        ARROW_ASSIGN_OR_RAISE(*out, selected(*batch));
        return Status::OK();
      }
    }
  }

 private:
  Status move_cursor(const arrow::RecordBatch& batch) {
    if (!ordered_ || batch.num_rows() == 0) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
    const int64_t last = points.rows() - 1;
    // The same id under another shard key may still come.
    const auto next =
        points.shard_key(last) ? std::optional(points.id(last)) : successor(points.id(last));
    if (next) {
      cursor_.from = next;
    } else {
      cursor_ = {.from = points.id(last), .to = points.id(last)};
    }
    return Status::OK();
  }

  Result<std::shared_ptr<arrow::RecordBatch>> selected(const arrow::RecordBatch& batch) const {
    arrow::ArrayVector columns;
    for (const auto& field : schema_->fields()) {
      auto column = batch.GetColumnByName(field->name());
      if (column == nullptr || (field->name() == "payload" && !options_.payload)) {
        ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), batch.num_rows()));
      }
      columns.push_back(std::move(column));
    }
    return arrow::RecordBatch::Make(schema_, batch.num_rows(), std::move(columns));
  }

  std::unique_ptr<arrow::RecordBatchReader> batches_;
  ScanOptions options_;
  std::shared_ptr<arrow::Schema> schema_;
  bool ordered_;
  IdRange cursor_;
};

}  // namespace

std::optional<std::vector<std::string>> vectors_to_read(const ScanOptions& options) {
  return options.filter == nullptr ? options.vectors : std::nullopt;
}

bool payload_to_read(const ScanOptions& options) {
  return options.payload || options.filter != nullptr;
}

Result<std::unique_ptr<PointReader>> filtered_reader(
    std::unique_ptr<arrow::RecordBatchReader> batches, const ReaderPlan& plan,
    const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(plan.config, options.vectors));
  return std::make_unique<ScanReader>(std::move(batches), options, std::move(schema), plan.ordered);
}

}  // namespace vecferry
