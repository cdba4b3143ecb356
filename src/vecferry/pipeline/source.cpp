#include "vecferry/pipeline/source.h"

#include <algorithm>
#include <utility>

#include "arrow/type.h"

namespace vecferry {
namespace {

class TransformedReader : public SourceReader {
 public:
  TransformedReader(std::unique_ptr<PointReader> inner,
                    std::vector<std::unique_ptr<Transform>> transforms,
                    std::shared_ptr<const RowChoice> rows, std::optional<uint64_t> limit)
      : inner_(std::move(inner)),
        transforms_(std::move(transforms)),
        rows_(std::move(rows)),
        left_(limit) {}

  std::shared_ptr<arrow::Schema> schema() const override {
    return schema_ != nullptr ? schema_ : inner_->schema();
  }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (left_ && *left_ == 0) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(auto batch, next_wanted());
    if (batch == nullptr) {
      return Status::OK();
    }
    if (left_ && static_cast<uint64_t>(batch->num_rows()) > *left_) {
      batch = batch->Slice(0, static_cast<int64_t>(*left_));
    }
    for (const auto& transform : transforms_) {
      ARROW_ASSIGN_OR_RAISE(batch, transform->apply(std::move(batch)));
    }
    if (left_) {
      *left_ -= static_cast<uint64_t>(batch->num_rows());
    }
    schema_ = batch->schema();
    *out = std::move(batch);
    return Status::OK();
  }

  IdRange cursor() const override { return inner_->cursor(); }

  std::map<std::string, uint64_t> counts() const override {
    std::map<std::string, uint64_t> total;
    for (const auto& transform : transforms_) {
      for (const auto& [name, count] : transform->counts()) {
        total[name] += count;
      }
    }
    return total;
  }

 private:
  // The next batch of which at least one row is wanted; null at the end.
  Result<std::shared_ptr<arrow::RecordBatch>> next_wanted() {
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(inner_->ReadNext(&batch));
      if (batch == nullptr || rows_ == nullptr) {
        return batch;
      }
      ARROW_ASSIGN_OR_RAISE(batch, rows_->keep(batch));
      if (batch->num_rows() > 0) {
        return batch;
      }
    }
  }

  std::unique_ptr<PointReader> inner_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::shared_ptr<const RowChoice> rows_;
  std::optional<uint64_t> left_;
  std::shared_ptr<arrow::Schema> schema_;
};

std::vector<std::unique_ptr<Transform>> clones_of(
    const std::vector<std::unique_ptr<Transform>>& transforms) {
  std::vector<std::unique_ptr<Transform>> clones;
  clones.reserve(transforms.size());
  for (const auto& transform : transforms) {
    clones.push_back(transform->clone());
  }
  return clones;
}

}  // namespace

Source copy_of(const Source& source) {
  return {.backend = source.backend,
          .collection = source.collection,
          .filter = source.filter,
          .vectors = source.vectors,
          .payload = source.payload,
          .rows = source.rows,
          .keeps_ids = source.keeps_ids,
          .transforms = clones_of(source.transforms),
          .limit = source.limit,
          .batch_bytes = source.batch_bytes};
}

bool is_ordered(const Source& source) {
  return source.keeps_ids && source.backend->capabilities().ordered;
}

Result<std::unique_ptr<SourceReader>> open_source(const Source& source, const IdRange& range,
                                                  StopToken stop) {
  const ScanOptions options{.range = range,
                            .filter = source.filter,
                            .vectors = source.vectors,
                            .payload = source.payload,
                            .batch_bytes = source.batch_bytes};
  ARROW_ASSIGN_OR_RAISE(auto reader, source.backend->open_reader(source.collection, options, stop));
  return std::make_unique<TransformedReader>(std::move(reader), clones_of(source.transforms),
                                             source.rows, source.limit);
}

Result<std::vector<IdRange>> plan_ranges(const Source& source, int parts, StopToken stop) {
  if (source.limit || parts <= 1 || !source.backend->capabilities().splittable) {
    return std::vector<IdRange>(1);
  }
  return source.backend->plan_scan(source.collection, source.filter.get(), parts, stop);
}

}  // namespace vecferry
