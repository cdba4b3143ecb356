#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/backends/local/points_io_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::local {
namespace {

std::string shape(const VectorSpec& spec) {
  return spec.kind == VectorKind::kSparse
             ? "sparse"
             : fmt::format("{} {}[{}]", to_string(spec.kind), to_string(spec.element), spec.dim);
}

class LocalWriter : public PointWriter {
 public:
  LocalWriter(std::shared_ptr<LocalPlace> place, std::string collection, CollectionConfig config,
              SharedShard shard, StopToken stop)
      : place_(std::move(place)),
        collection_(std::move(collection)),
        config_(std::move(config)),
        shard_(std::move(shard)),
        stop_(std::move(stop)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    return place_->at(collection_, write(batch));
  }

  Status remove(std::span<const PointId> ids) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    return place_->at(collection_, shard_->remove(ids));
  }

  Status checkpoint() override { return place_->at(collection_, shard_->flush()); }

 private:
  Status write(const arrow::RecordBatch& batch) {
    if (batch.num_rows() == 0) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
    ARROW_RETURN_NOT_OK(check_vectors(points));
    ARROW_RETURN_NOT_OK(check_rows(points));
    ARROW_RETURN_NOT_OK(place_->check_space(batch_bytes(batch)));
    return shard_->upsert(batch);
  }

  Status check_vectors(const PointsView& points) const {
    for (const auto& column : points.vectors()) {
      const VectorSpec& got = column.spec();
      const auto expected = config_.vector(got.name);
      const std::string name = vector_column_name(got.name);
      if (!expected.ok()) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("column '{}': the collection has no such vector", name),
                     .next = "choose vectors with `--vectors`, or name them with "
                             "`--rename-vector`"});
      }
      if (expected->kind != got.kind || expected->dim != got.dim ||
          expected->element != got.element) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("column '{}': expected {}, got {}", name, shape(*expected),
                                         shape(got)),
                     .next = "compare `vecferry info` of both sides"});
      }
    }
    return Status::OK();
  }

  static Status check_rows(const PointsView& points) {
    for (int64_t row = 0; row < points.rows(); ++row) {
      if (points.shard_key(row)) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("point {} has a shard key, which a local place does not "
                                         "keep",
                                         to_string(points.id(row)))});
      }
      const std::string_view payload = points.payload(row);
      // Each level takes two bytes at least, so most payloads are not looked into.
      if (payload.size() / 2 > kMaxPayloadDepth && nesting_depth(payload) > kMaxPayloadDepth) {
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("the payload of point {} is nested deeper than {} levels",
                                         to_string(points.id(row)), kMaxPayloadDepth),
                     .next = "flatten it, or leave that field out with `--drop-payload`"});
      }
    }
    return Status::OK();
  }

  std::shared_ptr<LocalPlace> place_;
  std::string collection_;
  CollectionConfig config_;
  SharedShard shard_;
  StopToken stop_;
};

}  // namespace

Result<std::unique_ptr<PointWriter>> make_writer(std::shared_ptr<LocalPlace> place,
                                                 std::string collection, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto config, place->config(collection));
  ARROW_ASSIGN_OR_RAISE(auto shard, place->shard_to_write(collection));
  return std::make_unique<LocalWriter>(std::move(place), std::move(collection), std::move(config),
                                       std::move(shard), std::move(stop));
}

}  // namespace vecferry::local
