#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "vecferry/model/points_builder.h"
#include "vecferry/ops/payload_field.h"
#include "vecferry/ops/split_router_internal.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

constexpr int64_t kSmallestShare = int64_t{64} << 10;

// Which part takes a row. Owned by one writer.
class PartRule {
 public:
  static Result<PartRule> make(const SplitStep& step) {
    PartRule rule(step);
    if (!step.by.empty()) {
      ARROW_ASSIGN_OR_RAISE(auto field, PayloadField::make(step.by));
      rule.field_ = std::make_unique<PayloadField>(std::move(field));
    }
    for (size_t i = 0; i < step.parts.size(); ++i) {
      if (!step.parts[i].value.empty()) {
        rule.values_.emplace(step.parts[i].value, i);
      } else if (!step.shares && step.parts[i].filter == nullptr) {
        rule.rest_ = i;
      }
    }
    return rule;
  }

  Result<size_t> part(const PointsView& points, int64_t row) {
    if (step_->shares) {
      return part_of(points.id(row), points.shard_key(row),
                     static_cast<uint32_t>(step_->parts.size()));
    }
    std::optional<size_t> found;
    if (field_ != nullptr) {
      ARROW_ASSIGN_OR_RAISE(found, by_value(points, row));
    } else {
      for (size_t i = 0; i < step_->parts.size() && !found; ++i) {
        if (const auto& filter = step_->parts[i].filter; filter != nullptr) {
          ARROW_ASSIGN_OR_RAISE(const bool matches, filter->matches(points, row));
          found = matches ? std::optional(i) : std::nullopt;
        }
      }
    }
    if (!found && !rest_) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = "a point goes into no part; it was written after the split was planned",
                   .where = "point " + to_string(points.id(row)),
                   .next = "stop the writer, or add --rest NAME, and run the command again"});
    }
    return found ? *found : *rest_;
  }

 private:
  explicit PartRule(const SplitStep& step) : step_(&step) {}

  Result<std::optional<size_t>> by_value(const PointsView& points, int64_t row) {
    std::optional<size_t> found;
    ARROW_RETURN_NOT_OK(field_
                            ->values(points.payload(row),
                                     [&](const FieldValue& value) {
                                       const auto part = values_.find(json_of(value));
                                       found = part == values_.end() ? found : part->second;
                                       return Status::OK();
                                     })
                            .status());
    return found;
  }

  static std::string json_of(const FieldValue& value) {
    const auto* text = std::get_if<std::string_view>(&value);
    return text != nullptr ? nlohmann::json(*text).dump() : to_string(value);
  }

  const SplitStep* step_;
  std::unique_ptr<PayloadField> field_{};
  std::unordered_map<std::string, size_t> values_{};  // by their JSON
  std::optional<size_t> rest_{};
};

class PartedWriter : public PointWriter {
 public:
  PartedWriter(PartRule rule, const std::vector<OpenedEnd>& targets, int64_t held_bytes,
               StopToken stop)
      : rule_(std::move(rule)),
        targets_(targets),
        held_bytes_(held_bytes),
        stop_(std::move(stop)),
        parts_(targets.size()) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    if (batch.schema() != schema_) {
      ARROW_RETURN_NOT_OK(flush_all());
      schema_ = batch.schema();
      for (auto& part : parts_) {
        part.rows.reset();
      }
    }
    ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(batch));
    for (int64_t row = 0; row < points.rows(); ++row) {
      ARROW_ASSIGN_OR_RAISE(const size_t index, rule_.part(points, row));
      Part& part = parts_[index];
      if (part.rows == nullptr) {
        ARROW_ASSIGN_OR_RAISE(part.rows, PointsBuilder::make(schema_));
      }
      ARROW_RETURN_NOT_OK(append_row(points, row, *part.rows));
      if (part.rows->bytes() >= held_bytes_) {
        ARROW_RETURN_NOT_OK(flush(index));
      }
    }
    return Status::OK();
  }

  Status remove(std::span<const PointId> /*ids*/) override {
    return fail({.what = "a split removes nothing"});
  }

  Status checkpoint() override {
    ARROW_RETURN_NOT_OK(flush_all());
    for (auto& part : parts_) {
      if (part.writer != nullptr) {
        ARROW_RETURN_NOT_OK(part.writer->checkpoint());
      }
    }
    return Status::OK();
  }

 private:
  struct Part {
    std::unique_ptr<PointsBuilder> rows{};
    std::unique_ptr<PointWriter> writer{};
  };

  Status flush(size_t index) {
    Part& part = parts_[index];
    if (part.rows == nullptr || part.rows->rows() == 0) {
      return Status::OK();
    }
    if (part.writer == nullptr) {
      const OpenedEnd& target = targets_[index];
      ARROW_ASSIGN_OR_RAISE(part.writer, target.backend->open_writer(target.collection, stop_));
    }
    ARROW_ASSIGN_OR_RAISE(const auto batch, part.rows->finish());
    return part.writer->upsert(*batch);
  }

  Status flush_all() {
    for (size_t i = 0; i < parts_.size(); ++i) {
      ARROW_RETURN_NOT_OK(flush(i));
    }
    return Status::OK();
  }

  PartRule rule_;
  const std::vector<OpenedEnd>& targets_;
  int64_t held_bytes_;
  StopToken stop_;
  std::shared_ptr<arrow::Schema> schema_{};
  std::vector<Part> parts_;
};

class PartedTarget : public Backend {
 public:
  PartedTarget(const SplitStep& step, std::vector<OpenedEnd> targets)
      : step_(step), targets_(std::move(targets)) {}

  Capabilities capabilities() const override { return targets_.front().backend->capabilities(); }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view /*name*/,
                                                   StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(auto rule, PartRule::make(step_));
    const auto writers =
        static_cast<int64_t>(targets_.size()) * std::max(1, capabilities().write_lanes);
    const int64_t held = std::clamp(step_.memory_bytes / (4 * writers), kSmallestShare,
                                    std::max(kSmallestShare, capabilities().batch_bytes));
    return std::make_unique<PartedWriter>(std::move(rule), targets_, held, std::move(stop));
  }

  Result<std::vector<CollectionSummary>> list(StopToken /*stop*/) override { return only_writes(); }
  Result<CollectionConfig> describe(std::string_view /*name*/, StopToken /*stop*/) override {
    return only_writes();
  }
  Result<uint64_t> count(std::string_view /*name*/, const Filter* /*filter*/,
                         StopToken /*stop*/) override {
    return only_writes();
  }
  Status create(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return only_writes();
  }
  Status drop(std::string_view /*name*/, StopToken /*stop*/) override { return only_writes(); }
  Status finish(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return only_writes();
  }
  Status change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) override {
    return only_writes();
  }
  Result<std::vector<IdRange>> plan_scan(std::string_view /*name*/, const Filter* /*filter*/,
                                         int /*parts*/, StopToken /*stop*/) override {
    return only_writes();
  }
  Result<std::unique_ptr<PointReader>> open_reader(std::string_view /*name*/,
                                                   const ScanOptions& /*options*/,
                                                   StopToken /*stop*/) override {
    return only_writes();
  }

 private:
  static Status only_writes() { return fail({.what = "the parts of a split are only written"}); }

  const SplitStep& step_;
  std::vector<OpenedEnd> targets_;
};

}  // namespace

std::unique_ptr<Backend> parted_target(const SplitStep& step, std::vector<OpenedEnd> targets) {
  return std::make_unique<PartedTarget>(step, std::move(targets));
}

}  // namespace vecferry
