#include "vecferry/transform/remap_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/columns_internal.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

std::string json_of(const PointId& id) {
  return id.is_uuid ? '"' + to_string(id) + '"' : to_string(id);
}

// The id that a `merged_id` as it stands in a payload speaks of.
std::optional<PointId> id_of(std::string_view json) {
  const bool quoted = json.size() > 1 && json.front() == '"' && json.back() == '"';
  const auto id = parse_point_id(quoted ? json.substr(1, json.size() - 2) : json);
  return id && id->is_uuid == quoted ? id : std::nullopt;
}

class RemapIds : public Transform {
 public:
  RemapIds(std::string label, std::shared_ptr<const std::vector<PointId>> ids)
      : label_(std::move(label)), ids_(std::move(ids)) {}

  std::string describe() const override {
    return fmt::format(
        "gives {} of '{}' new ids, and keeps the former ones under {}",
        ids_ == nullptr ? std::string("all points") : fmt::format("{} points", ids_->size()),
        label_, kMergedIdKey);
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
    std::vector<bool> remapped(static_cast<size_t>(points.rows()));
    uint64_t count = 0;
    const auto edit = [&](int64_t row, std::string_view before,
                          std::string* after) -> Result<Edit> {
      const PointId id = points.id(row);
      if (!is_meant(id)) {
        return Edit::kKept;
      }
      std::string_view there;
      switch (
          add_member(before.empty() ? "{}" : before, kMergedIdKey, json_of(id), after, &there)) {
        case Added::kAdded:
          remapped[static_cast<size_t>(row)] = true;
          return Edit::kChanged;
        case Added::kThere: {
          const auto former = id_of(there);
          if (former && remapped_id(label_, *former) == id) {
            return Edit::kKept;
          }
          return fail({.kind = ErrorKind::kIncompatible,
                       .what = fmt::format("the payload has '{}' already, and this point must get "
                                           "another id",
                                           kMergedIdKey),
                       .where = fmt::format("point {} of '{}'", to_string(id), label_),
                       .next = fmt::format("first copy '{}' with --drop-payload {}, or settle "
                                           "equal ids another way (--on-conflict)",
                                           label_, kMergedIdKey)});
        }
        case Added::kBroken:
          break;
      }
      return not_canonical(to_string(id));
    };
    ARROW_ASSIGN_OR_RAISE(auto edited, edit_payloads(batch, edit, &count));
    if (count == 0) {
      return batch;
    }
    count_ += count;
    return with_ids(points, remapped, *edited);
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<RemapIds>(label_, ids_);
  }

  std::map<std::string, uint64_t> counts() const override { return {{"ids_remapped", count_}}; }

 private:
  bool is_meant(const PointId& id) const {
    return ids_ == nullptr || std::binary_search(ids_->begin(), ids_->end(), id);
  }

  Result<std::shared_ptr<arrow::RecordBatch>> with_ids(const PointsView& points,
                                                       const std::vector<bool>& remapped,
                                                       const arrow::RecordBatch& batch) const {
    const int number_column = batch.schema()->GetFieldIndex("id");
    const int uuid_column = batch.schema()->GetFieldIndex("uuid");
    arrow::UInt64Builder numbers;
    arrow::FixedSizeBinaryBuilder uuids(batch.column(uuid_column)->type());
    ARROW_RETURN_NOT_OK(numbers.Reserve(points.rows()));
    ARROW_RETURN_NOT_OK(uuids.Reserve(points.rows()));
    for (int64_t row = 0; row < points.rows(); ++row) {
      PointId id = points.id(row);
      if (remapped[static_cast<size_t>(row)]) {
        id = remapped_id(label_, id);
      }
      ARROW_RETURN_NOT_OK(id.is_uuid ? numbers.AppendNull() : numbers.Append(id.number));
      ARROW_RETURN_NOT_OK(id.is_uuid ? uuids.Append(id.uuid.data()) : uuids.AppendNull());
    }
    ARROW_ASSIGN_OR_RAISE(auto number_array, numbers.Finish());
    ARROW_ASSIGN_OR_RAISE(auto uuid_array, uuids.Finish());
    const auto with_numbers = with_column(batch, number_column, std::move(number_array));
    return with_column(*with_numbers, uuid_column, std::move(uuid_array));
  }

  std::string label_;
  std::shared_ptr<const std::vector<PointId>> ids_;
  uint64_t count_ = 0;
};

}  // namespace

PointId remapped_id(std::string_view source_label, const PointId& id) {
  return PointId::of(uuid_of_name(fmt::format("{}\n{}", source_label, to_string(id))));
}

std::unique_ptr<Transform> remap_ids(std::string source_label,
                                     std::shared_ptr<const std::vector<PointId>> ids) {
  return std::make_unique<RemapIds>(std::move(source_label), std::move(ids));
}

}  // namespace vecferry
