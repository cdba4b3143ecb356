#include "vecferry/ops/merge_decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "vecferry/ops/merge_scan_internal.h"
#include "vecferry/ops/merge_table_internal.h"
#include "vecferry/transform/remap_ids.h"

namespace vecferry {
namespace {

constexpr size_t kIdsNamed = 5;

MergeKey key_of(Dedupe dedupe) {
  switch (dedupe) {
    case Dedupe::kContent:
      return MergeKey::kContent;
    case Dedupe::kVector:
      return MergeKey::kVector;
    case Dedupe::kExact:
      return MergeKey::kExact;
    case Dedupe::kId:
    case Dedupe::kNone:
      break;
  }
  return MergeKey::kNone;
}

bool same_id(const MergeEntry& a, const MergeEntry& b) {
  return a.same_id(b);
}
bool same_key(const MergeEntry& a, const MergeEntry& b) {
  return a.same_key(b);
}

class Decider {
 public:
  Decider(const std::vector<MergeSource>& sources, const MergeRules& rules, int lanes,
          DecisionSink& sink, Progress& progress, StopToken stop)
      : sources_(sources),
        rules_(rules),
        sink_(sink),
        scan_(sources, rules, lanes, table_, progress, std::move(stop)) {
    tally_.sources.resize(sources.size());
    for (auto& source : tally_.sources) {
      source.duplicates_of.resize(sources.size());
    }
  }

  Result<MergeTally> run() {
    const bool ids_first = rules_.on_conflict == OnConflict::kFirst ||
                           rules_.on_conflict == OnConflict::kLast ||
                           rules_.on_conflict == OnConflict::kNewest;
    const MergeKey key = key_of(rules_.dedupe);
    ARROW_RETURN_NOT_OK(scan_.append_all(ids_first ? MergeKey::kNone : key));
    table_.sort_by_id();
    ARROW_RETURN_NOT_OK(check_ids());
    if (ids_first) {
      ARROW_RETURN_NOT_OK(choose_by_id());
    }
    if (key != MergeKey::kNone) {
      if (ids_first) {
        ARROW_RETURN_NOT_OK(fill(key, [](const MergeEntry& entry) { return !entry.left_out(); }));
      }
      ARROW_RETURN_NOT_OK(drop_duplicates());
    }
    if (!ids_first) {
      ARROW_RETURN_NOT_OK(part_equal_ids());
    }
    return std::move(tally_);
  }

 private:
  // Every id once a source; counts the points on the way.
  Status check_ids() {
    const MergeEntry* before = nullptr;
    for (const MergeEntry& entry : table_.entries()) {
      if (before != nullptr && before->source == entry.source && before->same_id(entry)) {
        return fail({.kind = ErrorKind::kCorrupt,
                     .what = fmt::format("id {} is there twice", to_string(entry.id())),
                     .where = sources_[entry.source].label,
                     .next = "copy it into a new collection first; the copy says what it keeps"});
      }
      before = &entry;
      ++tally_.sources[entry.source].points;
    }
    return Status::OK();
  }

  template <typename Asked>
  Status fill(MergeKey key, const Asked& asked) {
    bool any = false;
    for (MergeEntry& entry : table_.entries()) {
      entry.asked = asked(entry);
      any = any || entry.asked;
    }
    return any ? scan_.fill_asked(key) : Status::OK();
  }

  Status leave_out(MergeEntry& entry, const MergeEntry& kept, Fate fate) {
    entry.standing = Standing::kLeftOut;
    SourceTally& source = tally_.sources[entry.source];
    if (fate == Fate::kDuplicate) {
      ++source.duplicates;
      ++source.duplicates_of[kept.source];
    } else {
      ++source.conflicts;
    }
    return add(entry, kept, fate);
  }

  Status add(const MergeEntry& entry, const MergeEntry& kept, Fate fate) {
    return sink_.add({.fate = fate,
                      .source = entry.source,
                      .id = entry.id(),
                      .kept_source = kept.source,
                      .kept_id = kept.id()});
  }

  // first, last, newest: one point of each id stays.
  Status choose_by_id() {
    bool shared = false;
    const auto mark = [&](MergeGroup group) {
      shared = true;
      for (MergeEntry& entry : group) {
        entry.standing = Standing::kSharing;
      }
      return Status::OK();
    };
    ARROW_RETURN_NOT_OK(for_each_group(table_.entries(), same_id, mark));
    if (!shared) {
      return Status::OK();
    }
    const auto sharing = [](const MergeEntry& entry) { return entry.standing != Standing::kOpen; };
    if (rules_.on_conflict == OnConflict::kNewest) {
      ARROW_RETURN_NOT_OK(fill(MergeKey::kMoment, sharing));
    }
    ARROW_RETURN_NOT_OK(for_each_group(table_.entries(), same_id, [&](MergeGroup group) {
      choose(group).standing = Standing::kChosen;
      return Status::OK();
    }));
    // Whether a point that is left out was the same or another is for the report.
    if (rules_.dedupe != Dedupe::kNone) {
      ARROW_RETURN_NOT_OK(fill(MergeKey::kDigest, sharing));
    }
    return for_each_group(table_.entries(), same_id,
                          [&](MergeGroup group) { return keep_chosen(group); });
  }

  MergeEntry& choose(MergeGroup group) const {
    switch (rules_.on_conflict) {
      case OnConflict::kLast:
        return group.back();
      case OnConflict::kNewest:
        // Without a moment a point is older than any; of equal ones the first source's stays.
        return *std::max_element(
            group.begin(), group.end(), [](const MergeEntry& a, const MergeEntry& b) {
              return std::tuple(a.has_key, a.has_key ? a.key_high : 0, a.has_key ? a.key_low : 0) <
                     std::tuple(b.has_key, b.has_key ? b.key_high : 0, b.has_key ? b.key_low : 0);
            });
      case OnConflict::kError:
      case OnConflict::kFirst:
      case OnConflict::kRemap:
        break;
    }
    return group.front();
  }

  Status keep_chosen(MergeGroup group) {
    MergeEntry& kept = *std::find_if(group.begin(), group.end(), [](const MergeEntry& entry) {
      return entry.standing == Standing::kChosen;
    });
    for (MergeEntry& entry : group) {
      if (&entry != &kept) {
        const bool same = rules_.dedupe != Dedupe::kNone && entry.same_key(kept);
        ARROW_RETURN_NOT_OK(leave_out(entry, kept, same ? Fate::kDuplicate : Fate::kConflict));
      }
    }
    kept.standing = Standing::kOpen;
    return Status::OK();
  }

  // Of points with the same key the first one stays, by source and then by id.
  Status drop_duplicates() {
    for (MergeEntry& entry : table_.entries()) {
      if (entry.left_out()) {
        entry.has_key = false;
      } else if (!entry.has_key) {
        ++tally_.sources[entry.source].without_key;
      }
    }
    table_.sort_by_key();
    ARROW_RETURN_NOT_OK(for_each_group(table_.entries(), same_key, [&](MergeGroup group) -> Status {
      for (MergeEntry& entry : group.subspan(1)) {
        ARROW_RETURN_NOT_OK(leave_out(entry, group.front(), Fate::kDuplicate));
      }
      return Status::OK();
    }));
    table_.sort_by_id();
    return Status::OK();
  }

  // error, remap: what still shares an id.
  Status part_equal_ids() {
    if (rules_.dedupe != Dedupe::kNone && rules_.dedupe != Dedupe::kExact) {
      ARROW_RETURN_NOT_OK(drop_equal_points());
    }
    ARROW_RETURN_NOT_OK(for_each_group(table_.entries(), same_id,
                                       [&](MergeGroup group) { return part_group(group); }));
    if (conflicts_ > 0) {
      return refuse();
    }
    return check_new_ids();
  }

  // Points that kept their place although they have the same id: those without a key, and under
  // `id` all of them. The very same point is a duplicate.
  Status drop_equal_points() {
    const bool by_key = rules_.dedupe != Dedupe::kId;
    const auto mark = [&](MergeGroup group) {
      const auto open = [&](const MergeEntry& entry) {
        return !entry.left_out() && !(by_key && entry.has_key);
      };
      if (std::count_if(group.begin(), group.end(), open) > 1) {
        for (MergeEntry& entry : group) {
          entry.standing = open(entry) ? Standing::kSharing : entry.standing;
        }
      }
      return Status::OK();
    };
    ARROW_RETURN_NOT_OK(for_each_group(table_.entries(), same_id, mark));
    const auto sharing = [](const MergeEntry& entry) {
      return entry.standing == Standing::kSharing;
    };
    ARROW_RETURN_NOT_OK(fill(MergeKey::kDigest, sharing));
    return for_each_group(table_.entries(), same_id, [&](MergeGroup group) -> Status {
      for (size_t i = 1; i < group.size(); ++i) {
        const auto earlier = std::find_if(
            group.begin(), group.begin() + static_cast<std::ptrdiff_t>(i),
            [&](const MergeEntry& other) { return sharing(other) && other.same_key(group[i]); });
        if (sharing(group[i]) && earlier != group.begin() + static_cast<std::ptrdiff_t>(i)) {
          ARROW_RETURN_NOT_OK(leave_out(group[i], *earlier, Fate::kDuplicate));
        }
      }
      return Status::OK();
    });
  }

  Status part_group(MergeGroup group) {
    const MergeEntry* first = nullptr;
    bool counted = false;
    for (MergeEntry& entry : group) {
      if (entry.left_out()) {
        continue;
      }
      if (first == nullptr) {
        first = &entry;
      } else if (rules_.on_conflict == OnConflict::kRemap) {
        entry.standing = Standing::kRemapped;
        ++tally_.sources[entry.source].remapped;
        ARROW_RETURN_NOT_OK(add(entry, *first, Fate::kRemapped));
      } else if (!counted) {
        counted = true;
        note_conflict(*first, entry);
      }
    }
    return Status::OK();
  }

  void note_conflict(const MergeEntry& first, const MergeEntry& other) {
    if (++conflicts_ <= kIdsNamed) {
      named_ += fmt::format("{}{} ({}, {})", named_.empty() ? "" : "; ", to_string(first.id()),
                            sources_[first.source].label, sources_[other.source].label);
    }
  }

  Status refuse() const {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("{} {} more than one source, with different points: {}{}",
                                     conflicts_, conflicts_ == 1 ? "id is in" : "ids are in",
                                     named_, conflicts_ > kIdsNamed ? "; …" : ""),
                 .next = "add --on-conflict first, last, newest:FIELD, or remap to keep them all "
                         "under new ids"});
  }

  // A new id must not be anybody's: that of a point which an earlier merge remapped, for example.
  Status check_new_ids() {
    for (const MergeEntry& entry : table_.entries()) {
      if (!entry.remapped()) {
        continue;
      }
      const PointId id = remapped_id(sources_[entry.source].label, entry.id());
      for (const MergeEntry& other : table_.find_all(id)) {
        if (!other.left_out() && !other.remapped()) {
          return fail({.kind = ErrorKind::kIncompatible,
                       .what = fmt::format("point {} would get the id {}, which '{}' has already",
                                           to_string(entry.id()), to_string(id),
                                           sources_[other.source].label),
                       .where = sources_[entry.source].label,
                       .next = "that point is in there from an earlier merge: leave this source "
                               "out, or use --dedupe content or exact"});
        }
      }
    }
    return Status::OK();
  }

  const std::vector<MergeSource>& sources_;
  const MergeRules& rules_;
  DecisionSink& sink_;
  MergeTable table_{};
  MergeScan scan_;
  MergeTally tally_{};
  uint64_t conflicts_ = 0;
  std::string named_{};
};

}  // namespace

Result<MergeTally> decide_merge(const std::vector<MergeSource>& sources, const MergeRules& rules,
                                int lanes, DecisionSink& sink, Progress& progress, StopToken stop) {
  if (sources.size() > std::numeric_limits<uint16_t>::max()) {
    return fail({.kind = ErrorKind::kUsage, .what = "too many sources"});
  }
  Decider decider(sources, rules, lanes, sink, progress, std::move(stop));
  return decider.run();
}

}  // namespace vecferry
