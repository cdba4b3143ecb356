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
                    std::optional<uint64_t> limit)
      : inner_(std::move(inner)), transforms_(std::move(transforms)), left_(limit) {}

  std::shared_ptr<arrow::Schema> schema() const override {
    return schema_ != nullptr ? schema_ : inner_->schema();
  }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (left_ && *left_ == 0) {
      return Status::OK();
    }
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(inner_->ReadNext(&batch));
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
  std::unique_ptr<PointReader> inner_;
  std::vector<std::unique_ptr<Transform>> transforms_;
  std::optional<uint64_t> left_;
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace

Result<std::unique_ptr<SourceReader>> open_source(const Source& source, const IdRange& range,
                                                  StopToken stop) {
  const ScanOptions options{.range = range,
                            .filter = source.filter,
                            .vectors = source.vectors,
                            .payload = source.payload,
                            .batch_bytes = source.batch_bytes};
  ARROW_ASSIGN_OR_RAISE(auto reader, source.backend->open_reader(source.collection, options, stop));
  std::vector<std::unique_ptr<Transform>> transforms;
  transforms.reserve(source.transforms.size());
  for (const auto& transform : source.transforms) {
    transforms.push_back(transform->clone());
  }
  return std::make_unique<TransformedReader>(std::move(reader), std::move(transforms),
                                             source.limit);
}

Result<std::vector<IdRange>> plan_ranges(const Source& source, int parts, StopToken stop) {
  if (source.limit || parts <= 1 || !source.backend->capabilities().splittable) {
    return std::vector<IdRange>(1);
  }
  return source.backend->plan_scan(source.collection, source.filter.get(), parts, stop);
}

}  // namespace vecferry
