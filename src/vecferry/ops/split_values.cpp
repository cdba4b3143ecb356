#include "vecferry/ops/split_values.h"

#include <fmt/format.h>

#include <limits>
#include <mutex>
#include <set>

#include "vecferry/model/points_schema.h"
#include "vecferry/ops/payload_field.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {
namespace {

constexpr size_t kMostValues = 1'000'000;

Result<SplitValue> split_value(const FieldValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return SplitValue(*flag);
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return SplitValue(*number);
  }
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    return SplitValue(std::string(*text));
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("{} is no text, whole number or true/false", to_string(value)),
               .next = "split by ranges instead: --where 'low=price<10' --where 'high=price>=10'"});
}

// Counts the points of one range; added to the census at its end.
class Counter {
 public:
  explicit Counter(PayloadField field) : field_(std::move(field)) {}

  Status count(const PointsView& points) {
    for (int64_t row = 0; row < points.rows(); ++row) {
      values_.clear();
      const auto found =
          field_.values(points.payload(row), [this](const FieldValue& value) -> Status {
            ARROW_ASSIGN_OR_RAISE(auto split, split_value(value));
            values_.insert(std::move(split));
            return Status::OK();
          });
      if (!found.ok()) {
        return widen(found.status(), "point " + to_string(points.id(row)));
      }
      for (const auto& value : values_) {
        ++census_.points[value];
      }
      ++census_.total;
      census_.without += values_.empty() ? 1 : 0;
      census_.several += values_.size() > 1 ? 1 : 0;
    }
    return census_.points.size() <= kMostValues ? Status::OK() : too_many();
  }

  Status add_to(SplitCensus* census) const {
    for (const auto& [value, points] : census_.points) {
      census->points[value] += points;
    }
    census->total += census_.total;
    census->without += census_.without;
    census->several += census_.several;
    return census->points.size() <= kMostValues ? Status::OK() : too_many();
  }

 private:
  static Status too_many() {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("the field has more than {} values", kMostValues),
                 .next = "choose another field for --by, or --parts N"});
  }

  PayloadField field_;
  std::set<SplitValue> values_{};  // of the row at hand
  SplitCensus census_{};
};

bool is_odd(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7F ||
         std::string_view(R"(<>:"/\|?*'%@)").find(c) != std::string_view::npos;
}

void replace_all(std::string* text, std::string_view from, std::string_view to) {
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, at)) {
    text->replace(at, from.size(), to);
    at += to.size();
  }
}

}  // namespace

Result<SplitCensus> count_values(const Source& source, const std::string& field, int lanes,
                                 Progress& progress, StopToken stop) {
  Source payloads = copy_of(source);
  payloads.vectors = std::vector<std::string>();
  payloads.transforms.clear();
  SplitCensus census;
  std::mutex mutex;
  ARROW_RETURN_NOT_OK(PayloadField::make(field).status());
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(payloads, lanes, stop));
  ARROW_RETURN_NOT_OK(run_side_by_side(
      ranges.size(), lanes, stop, [&](size_t index, const StopToken& lane_stop) -> Status {
        ARROW_ASSIGN_OR_RAISE(auto parsed, PayloadField::make(field));
        Counter counter(std::move(parsed));
        ARROW_ASSIGN_OR_RAISE(const auto reader, open_source(payloads, ranges[index], lane_stop));
        for (;;) {
          ARROW_RETURN_NOT_OK(poll(lane_stop));
          std::shared_ptr<arrow::RecordBatch> batch;
          ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
          if (batch == nullptr) {
            break;
          }
          ARROW_ASSIGN_OR_RAISE(const PointsView view, PointsView::make(*batch));
          ARROW_RETURN_NOT_OK(counter.count(view));
          progress.points += static_cast<uint64_t>(view.rows());
        }
        const std::lock_guard lock(mutex);
        return counter.add_to(&census);
      }));
  return census;
}

std::string to_string(const SplitValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  const auto* number = std::get_if<int64_t>(&value);
  return number != nullptr ? std::to_string(*number) : std::get<std::string>(value);
}

Result<std::string> part_name(const std::string& pattern, const std::string& collection,
                              const SplitValue& value) {
  std::string safe = to_string(value);
  for (char& c : safe) {
    c = is_odd(c) ? '_' : c;
  }
  std::string name = pattern;
  replace_all(&name, "{collection}", collection);
  replace_all(&name, "{value}", safe);
  ARROW_RETURN_NOT_OK(widen(check_collection_name(name), "value '" + to_string(value) + "'"));
  return name;
}

}  // namespace vecferry
