#include "vecferry/pipeline/compare.h"

#include <algorithm>
#include <array>
#include <span>

#include "vecferry/pipeline/fingerprint_internal.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {
namespace {

constexpr uint64_t kPointsPerRange = 50'000;
constexpr uint64_t kMostRanges = 256;

Status digest_range(const Source& source, const IdRange& range, RangeDigest* digest,
                    Progress& progress, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(source, range, stop));
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    ARROW_RETURN_NOT_OK(digest_batch(*batch, digest, nullptr));
    progress.points += static_cast<uint64_t>(batch->num_rows());
  }
}

// Tallies the outcome of joining sorted fingerprints of both sides.
class Tally {
 public:
  Tally(const CompareOptions& options, Comparison* out) : options_(options), out_(out) {}

  void join(std::span<const Fingerprint> a, std::span<const Fingerprint> b) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.size() || j < b.size()) {
      if (j == b.size() || (i < a.size() && a[i].before(b[j]))) {
        note(&out_->missing, &out_->missing_ids, a[i++].id);
      } else if (i == a.size() || b[j].before(a[i])) {
        note_extra(b[j++].id);
      } else {
        if (a[i].digest != b[j].digest) {
          note(&out_->different, &out_->different_ids, a[i].id);
        }
        ++i;
        ++j;
      }
    }
  }

 private:
  void note_extra(const PointId& id) {
    if (!options_.ignore_extra) {
      note(&out_->extra, &out_->extra_ids, id);
    }
  }
  void note(uint64_t* count, std::vector<PointId>* ids, const PointId& id) const {
    ++*count;
    if (ids->size() < options_.max_ids) {
      ids->push_back(id);
    }
  }

  const CompareOptions& options_;
  Comparison* out_;
};

Status compare_ordered(const Source& a, const Source& b, const IdRange& range, Tally& tally,
                       const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto reader_a, open_source(a, range, stop));
  ARROW_ASSIGN_OR_RAISE(auto reader_b, open_source(b, range, stop));
  FingerprintStream left(std::move(reader_a));
  FingerprintStream right(std::move(reader_b));
  std::vector<Fingerprint> group_a;
  std::vector<Fingerprint> group_b;
  ARROW_ASSIGN_OR_RAISE(bool more_a, left.next_group(&group_a));
  ARROW_ASSIGN_OR_RAISE(bool more_b, right.next_group(&group_b));
  while (more_a || more_b) {
    const bool take_a = more_a && (!more_b || group_a.front().id <= group_b.front().id);
    const bool take_b = more_b && (!more_a || group_b.front().id <= group_a.front().id);
    tally.join(take_a ? std::span<const Fingerprint>(group_a) : std::span<const Fingerprint>(),
               take_b ? std::span<const Fingerprint>(group_b) : std::span<const Fingerprint>());
    if (take_a) {
      ARROW_ASSIGN_OR_RAISE(more_a, left.next_group(&group_a));
    }
    if (take_b) {
      ARROW_ASSIGN_OR_RAISE(more_b, right.next_group(&group_b));
    }
  }
  return Status::OK();
}

Status spool(const Source& source, FingerprintBuckets& buckets, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(source, {}, stop));
  std::vector<Fingerprint> rows;
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    rows.clear();
    ARROW_RETURN_NOT_OK(append_fingerprints(*batch, &rows));
    ARROW_RETURN_NOT_OK(buckets.add(rows));
  }
}

Status compare_unordered(const Source& a, const Source& b, const CompareOptions& options,
                         const Comparison& totals, Tally& tally, const StopToken& stop) {
  // Both sides use the larger count, so that their buckets match.
  const uint64_t expected = std::max(totals.a.count, totals.b.count);
  ARROW_ASSIGN_OR_RAISE(auto left, FingerprintBuckets::make(expected, options.memory_bytes));
  ARROW_ASSIGN_OR_RAISE(auto right, FingerprintBuckets::make(expected, options.memory_bytes));
  ARROW_RETURN_NOT_OK(spool(a, *left, stop));
  ARROW_RETURN_NOT_OK(spool(b, *right, stop));
  for (size_t bucket = 0; bucket < left->size(); ++bucket) {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_ASSIGN_OR_RAISE(const auto rows_a, left->take(bucket));
    ARROW_ASSIGN_OR_RAISE(const auto rows_b, right->take(bucket));
    tally.join(rows_a, rows_b);
  }
  return Status::OK();
}

Result<std::vector<IdRange>> common_ranges(const Source& a, const Source& b, uint64_t expected,
                                           const StopToken& stop) {
  if (!is_ordered(a) || !is_ordered(b) || a.limit || b.limit) {
    return std::vector<IdRange>(1);
  }
  const int parts =
      static_cast<int>(std::clamp<uint64_t>(expected / kPointsPerRange, 1, kMostRanges));
  const bool by_a = a.backend->capabilities().splittable;
  return plan_ranges(by_a ? a : b, parts, stop);
}

}  // namespace

Result<RangeDigest> digest_source(const Source& source, Progress& progress, StopToken stop) {
  return digest_source(source, source.backend->capabilities().read_lanes, progress,
                       std::move(stop));
}

Result<RangeDigest> digest_source(const Source& source, int lanes, Progress& progress,
                                  StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto ranges, plan_ranges(source, lanes, stop));
  std::vector<RangeDigest> digests(ranges.size());
  ARROW_RETURN_NOT_OK(
      run_side_by_side(ranges.size(), lanes, stop, [&](size_t index, const StopToken& lane_stop) {
        return digest_range(source, ranges[index], &digests[index], progress, lane_stop);
      }));
  RangeDigest total;
  for (const auto& digest : digests) {
    total.merge(digest);
  }
  return total;
}

Result<Comparison> compare_points(const Source& a, const Source& b, const CompareOptions& options,
                                  Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto ranges, common_ranges(a, b, progress.expected / 2, stop));
  std::vector<std::array<RangeDigest, 2>> digests(ranges.size());
  ARROW_RETURN_NOT_OK(run_side_by_side(
      ranges.size() * 2, options.lanes, stop, [&](size_t index, const StopToken& lane_stop) {
        const size_t side = index % 2;
        return widen(digest_range(side == 0 ? a : b, ranges[index / 2],
                                  &digests[index / 2].at(side), progress, lane_stop),
                     side == 0 ? "first side" : "second side");
      }));
  Comparison result;
  std::vector<IdRange> unequal;
  for (size_t i = 0; i < ranges.size(); ++i) {
    result.a.merge(digests[i][0]);
    result.b.merge(digests[i][1]);
    if (digests[i][0] != digests[i][1]) {
      unequal.push_back(ranges[i]);
    }
  }
  if (!unequal.empty()) {
    Tally tally(options, &result);
    if (is_ordered(a) && is_ordered(b)) {
      for (const auto& range : unequal) {
        ARROW_RETURN_NOT_OK(compare_ordered(a, b, range, tally, stop));
      }
    } else {
      ARROW_RETURN_NOT_OK(compare_unordered(a, b, options, result, tally, stop));
    }
    for (auto* ids : {&result.missing_ids, &result.extra_ids, &result.different_ids}) {
      std::sort(ids->begin(), ids->end());
    }
  }
  result.equal = result.missing == 0 && result.extra == 0 && result.different == 0;
  return result;
}

}  // namespace vecferry
