#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "arrow/array.h"
#include "arrow/compute/api_vector.h"
#include "arrow/datum.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/routes/ship_load_internal.h"
#include "vecferry/routes/ship_spool_internal.h"

namespace vecferry::ship {
namespace {

std::string shape(const VectorSpec& spec) {
  return spec.kind == VectorKind::kSparse
             ? "sparse"
             : fmt::format("{} {}[{}]", to_string(spec.kind), to_string(spec.element), spec.dim);
}

// The same columns but the shard keys, of which the engine knows nothing.
Result<std::shared_ptr<arrow::RecordBatch>> without_keys(const arrow::RecordBatch& batch) {
  const int column = batch.schema()->GetFieldIndex("shard_key");
  if (column >= 0) {
    return batch.RemoveColumn(column);
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), batch.columns());
}

Result<std::shared_ptr<arrow::RecordBatch>> taken(const std::shared_ptr<arrow::RecordBatch>& batch,
                                                  const std::vector<int32_t>& rows) {
  const arrow::Int32Array indices(static_cast<int64_t>(rows.size()), arrow::Buffer::Wrap(rows));
  ARROW_ASSIGN_OR_RAISE(
      const auto picked,
      arrow::compute::Take(batch, indices.data(), arrow::compute::TakeOptions::NoBoundsCheck()));
  return picked.record_batch();
}

}  // namespace

Status ShipLoad::upsert(const arrow::RecordBatch& batch, size_t first, const StopToken& stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  if (batch.num_rows() == 0) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
  for (;;) {
    int64_t keyless = 0;
    {
      const std::shared_lock lock(mutex_);
      if (closed_) {
        return gone();
      }
      ARROW_RETURN_NOT_OK(check(points));
      ARROW_ASSIGN_OR_RAISE(const auto parts, part(points));
      if (!parts.keyless) {
        ARROW_RETURN_NOT_OK(
            check_room(place_.folder, 4 * static_cast<uint64_t>(batch_bytes(batch))));
        return at(write(batch, parts, first));
      }
      keyless = *parts.keyless;
    }
    ARROW_RETURN_NOT_OK(make_key(*batch.Slice(keyless, 1), stop));
  }
}

// Before a row is written anywhere: a refused batch leaves nothing in another shard.
Status ShipLoad::check(const PointsView& points) const {
  for (const auto& column : points.vectors()) {
    const VectorSpec& got = column.spec();
    const auto expected = record_.settings.vector(got.name);
    if (!expected.ok()) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the collection has no {}", vector_label(got.name)),
                   .next = "choose vectors with `--vectors`, or name them with "
                           "`--rename-vector`"});
    }
    if (expected->kind != got.kind || expected->dim != got.dim ||
        expected->element != got.element) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("{}: expected {}, got {}", vector_label(got.name),
                                       shape(*expected), shape(got)),
                   .next = "compare `vecferry info` of both sides"});
    }
  }
  for (int64_t row = 0; row < points.rows(); ++row) {
    ARROW_RETURN_NOT_OK(check_row(points, row));
  }
  return Status::OK();
}

Status ShipLoad::check_row(const PointsView& points, int64_t row) const {
  const bool keys = record_.settings.custom_sharding();
  if (points.shard_key(row).has_value() != keys) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("point {} has {} shard key, in a collection with {}",
                                     to_string(points.id(row)), keys ? "no" : "a",
                                     keys ? "custom sharding" : "automatic sharding")});
  }
  const std::string_view payload = points.payload(row);
  // Each level takes two bytes at least, so most payloads are not looked into.
  if (payload.size() / 2 > kMaxPayloadDepth && nesting_depth(payload) > kMaxPayloadDepth) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the payload of point {} is nested deeper than {} levels",
                                     to_string(points.id(row)), kMaxPayloadDepth),
                 .next = "flatten it, or leave that field out with `--drop-payload`"});
  }
  return Status::OK();
}

Result<ShipLoad::Parts> ShipLoad::part(const PointsView& points) const {
  Parts parts;
  if (shards_.size() == 1 && !record_.shards.front().info.key) {
    return parts;
  }
  parts.rows.resize(shards_.size());
  for (int64_t row = 0; row < points.rows(); ++row) {
    const auto shard = router_->shard_of(points.id(row), points.shard_key(row));
    const auto found = shard ? index_of_.find(*shard) : index_of_.end();
    if (found == index_of_.end()) {
      parts.keyless = row;
      return parts;
    }
    parts.rows[found->second].push_back(static_cast<int32_t>(row));
  }
  return parts;
}

Status ShipLoad::write(const arrow::RecordBatch& batch, const Parts& parts, size_t first) const {
  ARROW_ASSIGN_OR_RAISE(const auto rows, without_keys(batch));
  for (size_t i = 0; i < shards_.size(); ++i) {
    const size_t index = (first + i) % shards_.size();
    const bool all =
        parts.rows.empty() || parts.rows[index].size() == static_cast<size_t>(rows->num_rows());
    if (!all && parts.rows[index].empty()) {
      continue;
    }
    if (shards_[index] == nullptr) {
      return fail(
          {.kind = ErrorKind::kConflict,
           .what = fmt::format("shard {} is at the target already", record_.shards[index].info.id),
           .next = "undo the operation, and run it again"});
    }
    if (all) {
      return shards_[index]->upsert(*rows);
    }
    ARROW_ASSIGN_OR_RAISE(const auto some, taken(rows, parts.rows[index]));
    ARROW_RETURN_NOT_OK(shards_[index]->upsert(*some));
  }
  return Status::OK();
}

Status ShipLoad::remove(std::span<const PointId> ids) {
  const std::shared_lock lock(mutex_);
  if (closed_) {
    return gone();
  }
  std::vector<std::vector<PointId>> parts(shards_.size());
  for (const PointId& id : ids) {
    for (const uint32_t shard : router_->shards_of(id)) {
      parts[index_of_.at(shard)].push_back(id);
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].empty() && shards_[i] != nullptr) {
      ARROW_RETURN_NOT_OK(at(shards_[i]->remove(parts[i])));
    }
  }
  return Status::OK();
}

Status ShipLoad::flush() {
  const std::shared_lock lock(mutex_);
  if (closed_) {
    return gone();
  }
  for (const auto& shard : shards_) {
    if (shard != nullptr) {
      ARROW_RETURN_NOT_OK(at(shard->flush()));
    }
  }
  return Status::OK();
}

}  // namespace vecferry::ship
