#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/base/kill_point.h"
#include "vecferry/ops/journalled_lanes_internal.h"

namespace vecferry {
namespace {

nlohmann::json end_json(const std::optional<PointId>& end) {
  return end ? nlohmann::json(to_string(*end)) : nlohmann::json(nullptr);
}

std::string to_text(const IdRange& range) {
  return nlohmann::json{{"from", end_json(range.from)}, {"to", end_json(range.to)}}.dump();
}

Status no_range(std::string_view text) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = fmt::format("the journal has '{}' where a range of ids should be", text)});
}

Result<IdRange> parse_range(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("from") || !json.contains("to")) {
    return no_range(text);
  }
  IdRange range;
  for (const auto& [key, end] : {std::pair("from", &range.from), std::pair("to", &range.to)}) {
    const auto& value = json.at(key);
    if (value.is_null()) {
      continue;
    }
    *end = value.is_string() ? parse_point_id(value.get_ref<const std::string&>()) : std::nullopt;
    if (!*end) {
      return no_range(text);
    }
  }
  return range;
}

}  // namespace

Result<std::unique_ptr<JournalledLanes>> JournalledLanes::read(Journal& journal,
                                                               std::string operation, int step,
                                                               int source) {
  ARROW_ASSIGN_OR_RAISE(const auto entries, journal.ranges(operation, step, source));
  std::unique_ptr<JournalledLanes> lanes(
      new JournalledLanes(journal, std::move(operation), step, source));
  for (const auto& entry : entries) {
    Range range{.number = entry.number, .finished = entry.finished};
    ARROW_ASSIGN_OR_RAISE(range.whole, parse_range(entry.whole));
    ARROW_ASSIGN_OR_RAISE(range.rest, parse_range(entry.rest));
    range.before = {.count = entry.points,
                    .sum = digest_from_hex(entry.digest).value_or(Digest128())};
    range.digest = range.before;
    range.lane = range.rest;
    lanes->ranges_.push_back(std::move(range));
  }
  return lanes;
}

Result<std::unique_ptr<JournalledLanes>> JournalledLanes::read_or_freeze(
    Journal& journal, std::string operation, int step, int source, const Source& points, int lanes,
    const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto found, read(journal, std::move(operation), step, source));
  if (found->empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(points, lanes, stop));
    ARROW_RETURN_NOT_OK(found->freeze(ranges));
  }
  return found;
}

Status JournalledLanes::freeze(const std::vector<IdRange>& ranges) {
  const std::lock_guard guard(mutex_);
  std::vector<RangeEntry> entries;
  for (const auto& range : ranges) {
    ranges_.push_back(
        {.number = static_cast<int>(ranges_.size()), .whole = range, .rest = range, .lane = range});
    entries.push_back(entry_of(ranges_.back()));
  }
  ARROW_RETURN_NOT_OK(journal_.freeze_ranges(operation_, step_, source_, entries));
  VECFERRY_KILL_POINT("load.ranges_frozen");
  return Status::OK();
}

RangeEntry JournalledLanes::entry_of(const Range& range) {
  return {.number = range.number,
          .whole = to_text(range.whole),
          .rest = to_text(range.rest),
          .finished = range.finished,
          .points = range.digest.count,
          .digest = to_hex(range.digest.sum)};
}

std::vector<IdRange> JournalledLanes::rest() const {
  const std::lock_guard guard(mutex_);
  std::vector<IdRange> left;
  for (const auto& range : ranges_) {
    if (!range.finished) {
      left.push_back(range.rest);
    }
  }
  return left;
}

RangeDigest JournalledLanes::digest() const {
  const std::lock_guard guard(mutex_);
  RangeDigest total;
  for (const auto& range : ranges_) {
    total.merge(range.digest);
  }
  return total;
}

Status JournalledLanes::advance(const IdRange& lane, const IdRange& rest, const RangeDigest& digest,
                                bool finished) {
  RangeEntry entry;
  {
    const std::lock_guard guard(mutex_);
    for (auto& range : ranges_) {
      if (range.finished || range.lane != lane) {
        continue;
      }
      range.rest = rest;
      range.finished = finished;
      range.digest = range.before;
      range.digest.merge(digest);
      entry = entry_of(range);
      break;
    }
  }
  ARROW_RETURN_NOT_OK(journal_.set_range(operation_, step_, source_, entry));
  VECFERRY_KILL_POINT("load.range_noted");
  return Status::OK();
}

Status JournalledLanes::durable(const IdRange& range, const IdRange& rest,
                                const RangeDigest& digest) {
  return advance(range, rest, digest, false);
}

Status JournalledLanes::finished(const IdRange& range, const RangeDigest& digest) {
  return advance(range, {.from = range.to, .to = range.to}, digest, true);
}

}  // namespace vecferry
