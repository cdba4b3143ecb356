#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/float16.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/vector_label.h"
#include "vecferry/ops/reembed.h"
#include "vecferry/ops/reembed_text_internal.h"
#include "vecferry/transform/normalise.h"

namespace vecferry {
namespace {

constexpr size_t kShownIds = 5;

// The new column among those of a batch that stay.
struct Layout {
  std::shared_ptr<arrow::Schema> before{};
  std::shared_ptr<arrow::Schema> after{};
  std::vector<int> from{};  // column of the batch before; -1: the new one
  VectorSpec spec{};
};

// A column being made: elements, and which rows have some.
class NewColumn {
 public:
  static Result<NewColumn> make(int64_t rows, const VectorSpec& spec) {
    NewColumn column;
    column.rows_ = rows;
    column.width_ = spec.dim * size_of(spec.element);
    ARROW_ASSIGN_OR_RAISE(column.elements_,
                          arrow::AllocateBuffer(rows * static_cast<int64_t>(column.width_)));
    ARROW_ASSIGN_OR_RAISE(column.validity_,
                          arrow::AllocateBuffer(arrow::bit_util::BytesForBits(rows)));
    std::fill_n(column.elements_->mutable_data(), column.elements_->size(), uint8_t{0});
    std::fill_n(column.validity_->mutable_data(), column.validity_->size(), uint8_t{0});
    return column;
  }

  void set(int64_t row, std::span<const float> vector) {
    uint8_t* out = elements_->mutable_data() + static_cast<size_t>(row) * width_;
    if (width_ == vector.size_bytes()) {
      std::memcpy(out, vector.data(), width_);
    } else {
      for (size_t i = 0; i < vector.size(); ++i) {
        const uint16_t half = arrow::util::Float16(vector[i]).bits();
        std::memcpy(out + i * sizeof half, &half, sizeof half);
      }
    }
    arrow::bit_util::SetBit(validity_->mutable_data(), row);
    ++present_;
  }

  std::shared_ptr<arrow::Array> finish(const std::shared_ptr<arrow::DataType>& type) {
    const auto& list = static_cast<const arrow::FixedSizeListType&>(*type);
    auto items = arrow::ArrayData::Make(list.value_type(), rows_ * list.list_size(),
                                        {nullptr, elements_}, 0);
    return arrow::MakeArray(arrow::ArrayData::Make(
        type, rows_, {present_ == rows_ ? nullptr : validity_}, {items}, rows_ - present_));
  }

 private:
  int64_t rows_ = 0;
  int64_t present_ = 0;
  size_t width_ = 0;
  std::shared_ptr<arrow::Buffer> elements_;
  std::shared_ptr<arrow::Buffer> validity_;
};

class Reembed : public Transform {
 public:
  explicit Reembed(std::shared_ptr<Reembedding> shared) : shared_(std::move(shared)) {}

  std::string describe() const override {
    const auto& request = shared_->request();
    return fmt::format("makes {} anew from payload key '{}': {} numbers by {}{}",
                       request.vector ? vector_label(*request.vector) : "the vector",
                       request.text_key, request.embedder.dim, shared_->label(),
                       request.skip_missing ? "; a point without a text has none" : "");
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override {
    ARROW_ASSIGN_OR_RAISE(const auto made, reembedded_vector(shared_->request(), before));
    std::vector<VectorSpec> vectors;
    std::vector<std::optional<std::string>> origin;
    bool replaced = false;
    for (const auto& spec : before.vectors) {
      vectors.push_back(spec.name == made.name ? made : spec);
      origin.emplace_back(spec.name);
      replaced = replaced || spec.name == made.name;
    }
    if (!replaced) {
      vectors.push_back(made);
      origin.emplace_back(std::nullopt);
    }
    return with_vectors(before, vectors, origin);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    if (layout_.before != batch->schema()) {
      ARROW_RETURN_NOT_OK(learn(batch->schema()));
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    ARROW_ASSIGN_OR_RAISE(const auto keys, embed_rows(points));
    ARROW_ASSIGN_OR_RAISE(auto column, NewColumn::make(points.rows(), layout_.spec));
    std::vector<float> vector(layout_.spec.dim);
    for (int64_t row = 0; row < points.rows(); ++row) {
      const auto& key = keys[static_cast<size_t>(row)];
      if (!key) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const bool found, shared_->cache().find(*key, vector));
      if (!found) {
        return fail({.kind = ErrorKind::kInternal, .what = "a vector is not in the cache"});
      }
      column.set(row, vector);
    }
    arrow::ArrayVector columns;
    for (size_t i = 0; i < layout_.from.size(); ++i) {
      columns.push_back(layout_.from[i] < 0
                            ? column.finish(layout_.after->field(static_cast<int>(i))->type())
                            : batch->column(layout_.from[i]));
    }
    auto after = arrow::RecordBatch::Make(layout_.after, batch->num_rows(), std::move(columns));
    return unit_ == nullptr ? after : unit_->apply(std::move(after));
  }

  std::unique_ptr<Transform> clone() const override { return std::make_unique<Reembed>(shared_); }

  std::map<std::string, uint64_t> counts() const override {
    return {
        {"texts_embedded", embedded_}, {"texts_from_cache", cached_}, {"texts_missing", missing_}};
  }

 private:
  Status learn(const std::shared_ptr<arrow::Schema>& before) {
    ARROW_ASSIGN_OR_RAISE(const auto config_before, config_of(*before));
    ARROW_ASSIGN_OR_RAISE(const auto config_after, config(config_before));
    Layout layout{.before = before};
    ARROW_ASSIGN_OR_RAISE(layout.spec, reembedded_vector(shared_->request(), config_before));
    const std::string name = vector_column_name(layout.spec.name);
    ARROW_ASSIGN_OR_RAISE(const auto alone,
                          points_schema(config_after, std::vector<std::string>{layout.spec.name}));
    // Vectors stand by name before the payload; of the names `vector` comes first.
    arrow::FieldVector fields;
    bool placed = false;
    const auto place = [&] {
      fields.push_back(alone->GetFieldByName(name));
      layout.from.push_back(-1);
      placed = true;
    };
    for (int i = 0; i < before->num_fields(); ++i) {
      const auto& field = before->field(i);
      const bool is_vector = field->name().starts_with(vector_column_name(""));
      if (!placed && (field->name() == "payload" || (is_vector && field->name() >= name))) {
        place();
      }
      if (field->name() != name) {
        fields.push_back(field);
        layout.from.push_back(i);
      }
    }
    if (!placed) {
      place();
    }
    layout.after = with_config(arrow::schema(std::move(fields), before->metadata()), config_after);
    layout_ = std::move(layout);
    // A server makes unit vectors of what it compares by cosine: so do we, whatever the places are,
    // for a source that has unit vectors says nothing about these.
    unit_ = layout_.spec.distance == Distance::kCosine ? normalise({layout_.spec.name}) : nullptr;
    return Status::OK();
  }

  // The key of each row's text, all of them in the cache afterwards; none for a row without a text.
  Result<std::vector<std::optional<TextKey>>> embed_rows(const PointsView& points) {
    std::vector<std::optional<TextKey>> keys(static_cast<size_t>(points.rows()));
    std::vector<Reembedding::Text> unknown;
    std::unordered_set<TextKey, TextKeyHash> seen;
    std::vector<int64_t> without;
    std::vector<float> vector(layout_.spec.dim);
    for (int64_t row = 0; row < points.rows(); ++row) {
      ARROW_ASSIGN_OR_RAISE(const auto text, finder_.find(points.payload(row), shared_->path()));
      if (text.empty()) {
        without.push_back(row);
        continue;
      }
      const TextKey key = shared_->cache().key_of(text);
      keys[static_cast<size_t>(row)] = key;
      if (!seen.insert(key).second) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const bool known, shared_->cache().find(key, vector));
      if (!known) {
        unknown.push_back(
            {.text = std::string(text), .key = key, .point = to_string(points.id(row))});
      }
    }
    if (!without.empty() && !shared_->request().skip_missing) {
      return lack_texts(points, without);
    }
    ARROW_RETURN_NOT_OK(shared_->embed(unknown));
    missing_ += without.size();
    embedded_ += unknown.size();
    cached_ += keys.size() - without.size() - unknown.size();
    return keys;
  }

  Status lack_texts(const PointsView& points, const std::vector<int64_t>& rows) const {
    std::string ids;
    for (size_t i = 0; i < std::min(rows.size(), kShownIds); ++i) {
      ids += (i == 0 ? "" : ", ") + to_string(points.id(rows[i]));
    }
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("no text under '{}' in {} of {} points: {}{}",
                                     shared_->request().text_key, rows.size(), points.rows(), ids,
                                     rows.size() > kShownIds ? ", …" : ""),
                 .next = "--text-key names another place; --embed-missing skip leaves such points "
                         "without this vector"});
  }

  std::shared_ptr<Reembedding> shared_;
  Layout layout_{};
  std::unique_ptr<Transform> unit_{};
  TextFinder finder_{};
  uint64_t embedded_ = 0;
  uint64_t cached_ = 0;
  uint64_t missing_ = 0;
};

}  // namespace

std::unique_ptr<Transform> reembed(std::shared_ptr<Reembedding> reembedding) {
  return std::make_unique<Reembed>(std::move(reembedding));
}

}  // namespace vecferry
