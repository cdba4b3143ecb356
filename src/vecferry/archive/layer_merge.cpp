#include <algorithm>
#include <map>
#include <utility>

#include "vecferry/archive/segment_rows_internal.h"

namespace vecferry::archived {
namespace {

// What makes a point itself; lives as long as the rows it was read from.
struct Key {
  PointId id{};
  std::string_view shard_key{};

  bool before(const Key& other) const {
    return id != other.id ? id < other.id : shard_key < other.shard_key;
  }
  bool operator==(const Key&) const = default;
};

Key key_at(const PointsView& points, int64_t row) {
  return {points.id(row), points.shard_key(row).value_or(std::string_view())};
}

}  // namespace

// The rows of one layer in their order, a batch at a time.
class LayerMerge::Layer {
 public:
  Layer(std::vector<SegmentRef> segments, IdRange range, OpenSegment open,
        std::shared_ptr<arrow::Schema> schema)
      : segments_(std::move(segments)),
        range_(std::move(range)),
        open_(std::move(open)),
        schema_(std::move(schema)) {}

  // Have a row at hand, unless it has ended.
  Status fill(const StopToken& stop) {
    while (!ended_ && (view_ == std::nullopt || row_ == rows_.size())) {
      ARROW_RETURN_NOT_OK(poll(stop));
      ARROW_RETURN_NOT_OK(read_batch());
    }
    return Status::OK();
  }

  bool ended() const { return ended_; }
  Key key() const { return key_at(*view_, row_); }
  int64_t row_bytes() const { return row_bytes_; }

  // Rows from here on that come before `bound`, within this batch.
  int64_t rows_before(const std::optional<Key>& bound) const {
    if (!bound || key_at(*view_, rows_.size() - 1).before(*bound)) {
      return rows_.size() - row_;
    }
    int64_t low = row_;
    int64_t high = rows_.size();
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (key_at(*view_, middle).before(*bound)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - row_;
  }

  void skip() { ++row_; }

  // The next `count` rows, without those that are deleted.
  void take(int64_t count, std::vector<Piece>* pieces) {
    const int64_t end = row_ + count;
    for (; row_ < end; ++row_) {
      if (any_deleted_ && rows_.deleted->Value(row_)) {
        continue;
      }
      const int64_t until = any_deleted_ ? row_ + 1 : end;
      if (!pieces->empty() && pieces->back().follows(rows_, row_)) {
        pieces->back().end = until;
      } else {
        pieces->push_back({.rows = rows_, .begin = row_, .end = until});
      }
      row_ = until - 1;
    }
  }

 private:
  Status read_batch() {
    view_.reset();
    if (reader_ == nullptr) {
      if (segment_ == segments_.size()) {
        ended_ = true;
        return Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(reader_, open_(segments_[segment_++], range_));
      if (reader_ == nullptr) {
        return Status::OK();
      }
    }
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
    if (batch == nullptr) {
      reader_.reset();
      return Status::OK();
    }
    if (batch->num_rows() == 0) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(rows_, split_rows(*batch, schema_, segments_[segment_ - 1].path()));
    ARROW_ASSIGN_OR_RAISE(view_, PointsView::make(*rows_.points));
    row_ = 0;
    any_deleted_ = rows_.deleted->true_count() > 0;
    row_bytes_ = std::max<int64_t>(1, batch_bytes(*rows_.points) / rows_.size());
    return Status::OK();
  }

  std::vector<SegmentRef> segments_;
  IdRange range_;
  OpenSegment open_;
  std::shared_ptr<arrow::Schema> schema_;
  size_t segment_ = 0;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  SegmentRows rows_;
  std::optional<PointsView> view_;
  int64_t row_ = 0;
  int64_t row_bytes_ = 1;
  bool any_deleted_ = false;
  bool ended_ = false;
};

LayerMerge::LayerMerge(const std::vector<SegmentRef>& segments, const IdRange& range,
                       OpenSegment open, std::shared_ptr<arrow::Schema> schema, int64_t batch_bytes)
    : batch_bytes_(batch_bytes) {
  std::map<int, std::vector<SegmentRef>, std::greater<>> by_layer;
  for (const auto& segment : segments) {
    if (segment.overlaps(range)) {
      by_layer[segment.layer].push_back(segment);
    }
  }
  for (auto& [layer, of_layer] : by_layer) {
    std::stable_sort(of_layer.begin(), of_layer.end(),
                     [](const SegmentRef& a, const SegmentRef& b) { return a.first < b.first; });
    layers_.push_back(std::make_unique<Layer>(std::move(of_layer), range, open, schema));
  }
}

LayerMerge::~LayerMerge() = default;

Result<std::optional<SegmentRows>> LayerMerge::next(const StopToken& stop) {
  while (held_bytes_ < batch_bytes_) {
    for (const auto& layer : layers_) {
      ARROW_RETURN_NOT_OK(layer->fill(stop));
    }
    std::erase_if(layers_, [](const auto& layer) { return layer->ended(); });
    if (layers_.empty()) {
      break;
    }
    take_run();
  }
  if (pieces_.empty()) {
    return std::optional<SegmentRows>();
  }
  std::vector<SegmentRows> slices;
  for (const auto& piece : std::exchange(pieces_, {})) {
    slices.push_back(piece.rows.slice(piece.begin, piece.end - piece.begin));
  }
  held_bytes_ = 0;
  ARROW_ASSIGN_OR_RAISE(auto rows, concatenate(slices));
  return std::optional(std::move(rows));
}

// As many rows as can be taken from the layer whose key comes first.
void LayerMerge::take_run() {
  Layer* first = layers_.front().get();
  for (const auto& layer : layers_) {  // highest first: it wins among equals
    if (layer->key().before(first->key())) {
      first = layer.get();
    }
  }
  const Key key = first->key();
  std::optional<Key> bound;
  bool older_states = false;
  for (const auto& layer : layers_) {
    if (layer.get() == first) {
      continue;
    }
    const Key other = layer->key();
    if (other == key) {
      layer->skip();
      older_states = true;
    } else if (!bound || other.before(*bound)) {
      bound = other;
    }
  }
  const int64_t count = older_states ? 1 : first->rows_before(bound);
  held_bytes_ += count * first->row_bytes();
  first->take(count, &pieces_);
}

}  // namespace vecferry::archived
