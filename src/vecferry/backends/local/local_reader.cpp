#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "vecferry/backends/local/points_io_internal.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::local {
namespace {

constexpr int64_t kBatchBytes = int64_t{4} << 20;

// Nothing: what is left at the end of a scan whose range is open.
IdRange nothing() {
  Uuid last{};
  last.fill(0xFF);
  return {.from = PointId::of(last), .to = PointId::of(last)};
}

class LocalReader : public PointReader {
 public:
  LocalReader(std::shared_ptr<LocalPlace> place, std::string collection,
              std::shared_ptr<arrow::Schema> schema, engine::ScanRequest request,
              std::shared_ptr<const Filter> filter, StopToken stop)
      : place_(std::move(place)),
        collection_(std::move(collection)),
        schema_(std::move(schema)),
        filter_(std::move(filter)),
        request_(std::move(request)),
        stop_(std::move(stop)),
        ended_(request_.range.empty()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  IdRange cursor() const override { return request_.range; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    ARROW_RETURN_NOT_OK(poll(stop_));
    if (ended_) {
      return Status::OK();
    }
    if (shard_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(shard_, place_->shard(collection_));
    }
    return place_->at(collection_, read(out));
  }

 private:
  Status read(std::shared_ptr<arrow::RecordBatch>* out) {
    ARROW_ASSIGN_OR_RAISE(auto page, shard_->scan(request_));
    ended_ = !page.next;
    if (ended_) {
      request_.range = nothing();
    } else {
      request_.range.from = page.next;
    }
    if (page.points->num_rows() == 0) {
      return Status::OK();
    }
    // The same columns under our schema, which has the configuration.
    if (page.points->num_columns() != schema_->num_fields()) {
      return fail({.what = "the engine gave other columns than were asked for"});
    }
    auto batch = arrow::RecordBatch::Make(schema_, page.points->num_rows(), page.points->columns());
    ARROW_RETURN_NOT_OK(validate_points(*batch));
    *out = std::move(batch);
    return Status::OK();
  }

  std::shared_ptr<LocalPlace> place_;
  std::string collection_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<const Filter> filter_;
  engine::ScanRequest request_;
  StopToken stop_;
  SharedShard shard_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<PointReader>> make_reader(std::shared_ptr<LocalPlace> place,
                                                 std::string collection, const ScanOptions& options,
                                                 StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto config, place->config(collection));
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(config, options.vectors));
  engine::ScanRequest request;
  request.range = options.range;
  request.byte_limit = options.batch_bytes > 0 ? options.batch_bytes : kBatchBytes;
  request.filter = options.filter.get();
  request.vectors = options.vectors;
  request.payload = options.payload;
  return std::make_unique<LocalReader>(std::move(place), std::move(collection), std::move(schema),
                                       std::move(request), options.filter, std::move(stop));
}

}  // namespace vecferry::local
