#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "vecferry/model/datetime.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/content_hash.h"
#include "vecferry/ops/merge_scan_internal.h"
#include "vecferry/ops/payload_field.h"
#include "vecferry/pipeline/lane_pool.h"
#include "vecferry/pipeline/row_choices.h"

namespace vecferry {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63U;

// Keys that order as the values do; floats beyond 64 bits are the least or the greatest.
Digest128 ordered(int64_t value) {
  return {static_cast<uint64_t>(value) ^ kSignBit, 0};
}

Digest128 ordered(uint64_t value) {
  return value < kSignBit ? ordered(static_cast<int64_t>(value))
                          : Digest128{std::numeric_limits<uint64_t>::max(), value};
}

Digest128 ordered(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (value < -kLimit) {
    return {0, 0};
  }
  if (value >= kLimit) {
    return ordered(value < 2 * kLimit ? static_cast<uint64_t>(value)
                                      : std::numeric_limits<uint64_t>::max());
  }
  const double floor = std::floor(value);
  Digest128 key = ordered(static_cast<int64_t>(floor));
  key.low = static_cast<uint64_t>((value - floor) * kLimit);
  return key;
}

bool needs_payload(MergeKey key) {
  return key != MergeKey::kNone && key != MergeKey::kVector;
}

bool needs_vectors(MergeKey key) {
  return key == MergeKey::kVector || key == MergeKey::kExact || key == MergeKey::kDigest;
}

// Only rows whose entry is asked for go through the transforms.
class AskedRows : public RowChoice {
 public:
  AskedRows(MergeTable& table, uint16_t source) : table_(table), source_(source) {}

  Result<std::shared_ptr<arrow::RecordBatch>> keep(
      const std::shared_ptr<arrow::RecordBatch>& batch) const override {
    ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < points.rows(); ++row) {
      const MergeEntry* entry = table_.find(source_, points.id(row));
      if (entry != nullptr && entry->asked) {
        rows.push_back(row);
      }
    }
    return take_rows(batch, rows);
  }

 private:
  MergeTable& table_;
  uint16_t source_;
};

}  // namespace

// Makes the keys of one range; owned by one lane.
class MergeScan::KeyMaker {
 public:
  static Result<KeyMaker> make(MergeScan& scan, MergeKey key) {
    KeyMaker maker(scan, key);
    if (key == MergeKey::kContent || key == MergeKey::kMoment) {
      ARROW_ASSIGN_OR_RAISE(
          auto field, PayloadField::make(key == MergeKey::kContent ? scan.rules_.content_key
                                                                   : scan.rules_.newest_field));
      maker.field_ = std::make_unique<PayloadField>(std::move(field));
    }
    return maker;
  }

  Result<std::optional<Digest128>> key(const PointsView& points, int64_t row) {
    switch (key_) {
      case MergeKey::kNone:
        return std::nullopt;
      case MergeKey::kContent:
        return content(points.payload(row));
      case MergeKey::kVector:
        return hasher_.vectors(points, row);
      case MergeKey::kExact:
        return hasher_.whole(points, row);
      case MergeKey::kDigest:
        return digester_.digest(points, row);
      case MergeKey::kMoment:
        break;
    }
    return moment(points.payload(row));
  }

 private:
  KeyMaker(MergeScan& scan, MergeKey key) : scan_(&scan), key_(key) {}

  // Something else than one text is no content: such points are nobody's duplicates.
  Result<std::optional<Digest128>> content(std::string_view payload) {
    std::optional<Digest128> hash;
    int values = 0;
    const auto visited = field_->values(payload, [&](const FieldValue& value) {
      const auto* text = std::get_if<std::string_view>(&value);
      hash = text != nullptr && ++values == 1 ? content_hash(*text) : std::nullopt;
      return Status::OK();
    });
    if (!visited.ok() && kind_of(visited.status()) == ErrorKind::kIncompatible) {
      return std::nullopt;
    }
    ARROW_RETURN_NOT_OK(visited.status());
    return *visited == 1 ? hash : std::nullopt;
  }

  Result<std::optional<Digest128>> moment(std::string_view payload) {
    std::optional<Digest128> newest;
    ARROW_RETURN_NOT_OK(field_
                            ->values(payload,
                                     [&](const FieldValue& value) -> Status {
                                       ARROW_ASSIGN_OR_RAISE(const Digest128 key, moment_of(value));
                                       if (!newest || std::pair(newest->high, newest->low) <
                                                          std::pair(key.high, key.low)) {
                                         newest = key;
                                       }
                                       return Status::OK();
                                     })
                            .status());
    return newest;
  }

  Result<Digest128> moment_of(const FieldValue& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) {
      const auto micros = parse_datetime(*text);
      if (micros) {
        scan_->times_ = true;
        return ordered(*micros);
      }
    } else if (!std::holds_alternative<bool>(value)) {
      scan_->numbers_ = true;
      if (const auto* number = std::get_if<double>(&value)) {
        return ordered(*number);
      }
      const auto* integer = std::get_if<int64_t>(&value);
      return integer != nullptr ? ordered(*integer) : ordered(std::get<uint64_t>(value));
    }
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("'{}' is neither a number nor a time (RFC 3339)", to_string(value)),
         .next = "choose another field for --on-conflict newest:FIELD"});
  }

  MergeScan* scan_;
  MergeKey key_;
  std::unique_ptr<PayloadField> field_{};
  RowHasher hasher_{};
  PointDigester digester_{};
};

MergeScan::MergeScan(const std::vector<MergeSource>& sources, const MergeRules& rules, int lanes,
                     MergeTable& table, Progress& progress, StopToken stop)
    : sources_(sources),
      rules_(rules),
      lanes_(lanes),
      table_(table),
      progress_(progress),
      stop_(std::move(stop)) {}

Status MergeScan::append_all(MergeKey key) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    ARROW_RETURN_NOT_OK(widen(scan(static_cast<uint16_t>(i), key, true), sources_[i].label));
  }
  return Status::OK();
}

Status MergeScan::fill_asked(MergeKey key) {
  std::vector<bool> wanted(sources_.size());
  for (MergeEntry& entry : table_.entries()) {
    entry.has_key = false;
    if (entry.asked) {
      wanted[entry.source] = true;
    }
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (wanted[i]) {
      ARROW_RETURN_NOT_OK(widen(scan(static_cast<uint16_t>(i), key, false), sources_[i].label));
    }
  }
  for (MergeEntry& entry : table_.entries()) {
    entry.asked = false;
  }
  return key == MergeKey::kMoment ? check_moments() : Status::OK();
}

Status MergeScan::check_moments() const {
  if (!numbers_ || !times_) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("'{}' is a number in some points and a time in others, which "
                                   "do not compare",
                                   rules_.newest_field),
               .next = "choose another field for --on-conflict newest:FIELD"});
}

Status MergeScan::scan(uint16_t source, MergeKey key, bool append) {
  Source points = copy_of(sources_[source].points);
  points.payload = needs_payload(key);
  if (!needs_vectors(key)) {
    // Neither ids nor texts are changed by what adapts points to a target.
    points.vectors = std::vector<std::string>();
    points.transforms.clear();
  }
  if (!append) {
    points.rows = std::make_shared<AskedRows>(table_, source);
  }
  std::mutex mutex;
  const auto visit = [&](KeyMaker& maker, const PointsView& view) -> Status {
    std::vector<MergeEntry> entries;
    entries.reserve(append ? static_cast<size_t>(view.rows()) : 0);
    for (int64_t row = 0; row < view.rows(); ++row) {
      const PointId id = view.id(row);
      auto made = maker.key(view, row);
      if (!made.ok()) {
        return widen(made.status(), "point " + to_string(id));
      }
      MergeEntry* entry =
          append ? &entries.emplace_back(merge_entry(source, id)) : table_.find(source, id);
      if (*made && entry != nullptr) {
        entry->set_key(**made);
      }
    }
    const std::lock_guard lock(mutex);
    return table_.append(entries);
  };
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(points, lanes_, stop_));
  return run_side_by_side(
      ranges.size(), lanes_, stop_, [&](size_t index, const StopToken& lane_stop) -> Status {
        ARROW_ASSIGN_OR_RAISE(auto maker, KeyMaker::make(*this, key));
        ARROW_ASSIGN_OR_RAISE(const auto reader, open_source(points, ranges[index], lane_stop));
        for (;;) {
          ARROW_RETURN_NOT_OK(poll(lane_stop));
          std::shared_ptr<arrow::RecordBatch> batch;
          ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
          if (batch == nullptr) {
            return Status::OK();
          }
          ARROW_ASSIGN_OR_RAISE(const PointsView view, PointsView::make(*batch));
          ARROW_RETURN_NOT_OK(visit(maker, view));
          progress_.points += static_cast<uint64_t>(view.rows());
        }
      });
}

}  // namespace vecferry
