#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "arrow/record_batch.h"
#include "arrow/util/float16.h"
#include "vecferry/backends/memory/memory_collection_internal.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_builder.h"
#include "vecferry/model/vector_label.h"

namespace vecferry::memory {
namespace {

std::string where(const Collection& collection) {
  return fmt::format("collection '{}' in memory", collection.name);
}

Status copy_row(const Row& row, bool payload, PointsBuilder* builder) {
  const PointsView& points = row.stored->points;
  ARROW_RETURN_NOT_OK(builder->start_point(points.id(row.row), points.shard_key(row.row)));
  const auto& wanted = builder->vectors();
  for (const VectorColumn& column : points.vectors()) {
    const auto found = std::find_if(wanted.begin(), wanted.end(), [&](const VectorSpec& spec) {
      return spec.name == column.spec().name;
    });
    if (found == wanted.end() || !column.present(row.row)) {
      continue;
    }
    const auto index = static_cast<size_t>(found - wanted.begin());
    ARROW_RETURN_NOT_OK(
        column.spec().kind == VectorKind::kSparse
            ? builder->append_sparse(index, column.indices(row.row), column.values(row.row))
            : builder->append_elements(index, column.elements(row.row)));
  }
  return payload ? builder->append_payload(points.payload(row.row)) : Status::OK();
}

class MemoryReader : public PointReader {
 public:
  MemoryReader(std::vector<Row> rows, std::unique_ptr<PointsBuilder> builder,
               std::shared_ptr<arrow::Schema> schema, ScanOptions options, StopToken stop)
      : rows_(std::move(rows)),
        builder_(std::move(builder)),
        schema_(std::move(schema)),
        options_(std::move(options)),
        cursor_(options_.range),
        stop_(std::move(stop)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  IdRange cursor() const override { return cursor_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    while (at_ < rows_.size()) {
      ARROW_RETURN_NOT_OK(poll(stop_));
      const Row& row = rows_[at_];
      ++at_;
      const PointId id = row.stored->points.id(row.row);
      ARROW_ASSIGN_OR_RAISE(const bool matches,
                            !options_.filter
                                ? Result<bool>(true)
                                : options_.filter->matches(row.stored->points, row.row));
      if (matches) {
        ARROW_RETURN_NOT_OK(copy_row(row, options_.payload, builder_.get()));
      }
      if (builder_->rows() > 0 && (at_ == rows_.size() || (full() && next_id_differs(id)))) {
        cursor_ = after(id);
        return builder_->finish().Value(batch);
      }
    }
    // Also what matched nothing to the end is behind us.
    if (!rows_.empty()) {
      cursor_ = after(rows_.back().stored->points.id(rows_.back().row));
    }
    return builder_->rows() > 0 ? builder_->finish().Value(batch) : Status::OK();
  }

 private:
  bool full() const { return builder_->bytes() >= options_.batch_bytes; }

  // A cursor cannot stand between two points of one id.
  bool next_id_differs(const PointId& id) const {
    const Row& next = rows_[at_];
    return next.stored->points.id(next.row) != id;
  }

  IdRange after(const PointId& id) const {
    if (const auto next = successor(id)) {
      return {next, options_.range.to};
    }
    return {id, id};
  }

  std::vector<Row> rows_;
  std::unique_ptr<PointsBuilder> builder_;
  std::shared_ptr<arrow::Schema> schema_;
  ScanOptions options_;
  IdRange cursor_;
  StopToken stop_;
  size_t at_ = 0;
};

bool is_finite(const VectorColumn& column, int64_t row) {
  if (column.spec().kind == VectorKind::kSparse) {
    const auto values = column.values(row);
    return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  }
  const auto elements = column.elements(row);
  if (column.spec().element == ElementType::kFloat32) {
    const auto* floats = reinterpret_cast<const float*>(elements.data());
    return std::all_of(floats, floats + elements.size() / sizeof(float),
                       [](float x) { return std::isfinite(x); });
  }
  if (column.spec().element == ElementType::kFloat16) {
    constexpr uint16_t kExponent = 0x7c00;
    const auto* halves = reinterpret_cast<const uint16_t*>(elements.data());
    return std::none_of(halves, halves + elements.size() / sizeof(uint16_t),
                        [](uint16_t x) { return (x & kExponent) == kExponent; });
  }
  return true;
}

class MemoryWriter : public PointWriter {
 public:
  MemoryWriter(State& state, std::shared_ptr<Collection> collection, StopToken stop)
      : state_(state), collection_(std::move(collection)), stop_(std::move(stop)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    auto stored = std::make_shared<StoredBatch>();
    stored->batch = arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), batch.columns());
    ARROW_ASSIGN_OR_RAISE(stored->points, PointsView::make(*stored->batch));
    const std::lock_guard lock(state_.mutex);
    ARROW_RETURN_NOT_OK(check_there());
    ARROW_RETURN_NOT_OK(widen(check(stored->points), where(*collection_)));
    for (int64_t row = 0; row < stored->points.rows(); ++row) {
      collection_->rows.insert_or_assign(key_of(stored->points, row), Row{stored, row});
    }
    return Status::OK();
  }

  Status remove(std::span<const PointId> ids) override {
    ARROW_RETURN_NOT_OK(poll(stop_));
    if (!state_.capabilities.remove) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "points cannot be removed here",
                   .where = where(*collection_)});
    }
    const std::lock_guard lock(state_.mutex);
    ARROW_RETURN_NOT_OK(check_there());
    auto& rows = collection_->rows;
    for (const PointId& id : ids) {
      auto at = rows.lower_bound({id, std::nullopt});
      while (at != rows.end() && at->first.first == id) {
        at = rows.erase(at);
      }
    }
    return Status::OK();
  }

  Status checkpoint() override {
    const std::lock_guard lock(state_.mutex);
    return check_there();
  }

 private:
  static Key key_of(const PointsView& points, int64_t row) {
    const auto shard_key = points.shard_key(row);
    return {points.id(row),
            shard_key ? std::optional<std::string>(*shard_key) : std::optional<std::string>()};
  }

  Status check_there() const {
    return collection_->dropped
               ? fail({.kind = ErrorKind::kNotFound,
                       .what = fmt::format("collection '{}' has been dropped", collection_->name)})
               : Status::OK();
  }

  Status check(const PointsView& points) const {
    for (const VectorColumn& column : points.vectors()) {
      ARROW_RETURN_NOT_OK(check_column(column));
    }
    for (int64_t row = 0; row < points.rows(); ++row) {
      ARROW_RETURN_NOT_OK(
          widen(check_row(points, row), fmt::format("point {}", to_string(points.id(row)))));
    }
    return Status::OK();
  }

  Status check_column(const VectorColumn& column) const {
    const VectorSpec& got = column.spec();
    const auto expected = collection_->config.vector(got.name);
    if (!expected.ok()) {
      return refuse(fmt::format("the collection has no vector '{}'", got.name));
    }
    if (expected->kind != got.kind || expected->dim != got.dim ||
        expected->element != got.element) {
      return refuse(fmt::format("{}: expected {} {} of dim {}, got {} {} of dim {}",
                                vector_label(got.name), to_string(expected->kind),
                                to_string(expected->element), expected->dim, to_string(got.kind),
                                to_string(got.element), got.dim));
    }
    return Status::OK();
  }

  Status check_row(const PointsView& points, int64_t row) const {
    const Capabilities& can = state_.capabilities;
    if (!can.shard_keys && points.shard_key(row)) {
      return refuse("shard keys are not kept here");
    }
    if (!can.upsert_existing && collection_->rows.count(key_of(points, row)) > 0) {
      return refuse("points cannot be replaced here");
    }
    if (nesting_depth(points.payload(row)) > can.max_payload_depth) {
      return refuse(fmt::format("the payload is nested deeper than {}", can.max_payload_depth));
    }
    if (!can.non_finite) {
      for (const VectorColumn& column : points.vectors()) {
        if (column.present(row) && !is_finite(column, row)) {
          return refuse(vector_label(column.spec().name) + " has a NaN or an infinity");
        }
      }
    }
    return Status::OK();
  }

  static Status refuse(std::string what) {
    return fail({.kind = ErrorKind::kIncompatible, .what = std::move(what)});
  }

  State& state_;
  std::shared_ptr<Collection> collection_;
  StopToken stop_;
};

}  // namespace

Result<std::unique_ptr<PointReader>> make_reader(const State& state, const Collection& collection,
                                                 const ScanOptions& options, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto schema, points_schema(collection.config, options.vectors));
  ARROW_ASSIGN_OR_RAISE(auto builder, PointsBuilder::make(schema));
  std::vector<Row> rows;
  const auto first = options.range.from
                         ? collection.rows.lower_bound({*options.range.from, std::nullopt})
                         : collection.rows.begin();
  for (auto at = first; at != collection.rows.end() && options.range.contains(at->first.first);
       ++at) {
    rows.push_back(at->second);
  }
  ScanOptions used = options;
  if (used.batch_bytes <= 0) {
    used.batch_bytes = state.capabilities.batch_bytes;
  }
  return std::make_unique<MemoryReader>(std::move(rows), std::move(builder), std::move(schema),
                                        std::move(used), std::move(stop));
}

std::unique_ptr<PointWriter> make_writer(State& state, std::shared_ptr<Collection> collection,
                                         StopToken stop) {
  return std::make_unique<MemoryWriter>(state, std::move(collection), std::move(stop));
}

}  // namespace vecferry::memory
