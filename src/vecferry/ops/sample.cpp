#include "vecferry/ops/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "arrow/record_batch.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/ops/similarity_internal.h"
#include "vecferry/pipeline/lane_pool.h"
#include "vecferry/pipeline/source.h"

namespace vecferry {
namespace {

constexpr size_t kCandidates = 100'000;

// splitmix64: spreads ids evenly, and alike on every machine.
uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

uint64_t hash_of(const PointId& id) {
  uint64_t hash = mixed(id.is_uuid ? 1 : id.number);
  if (id.is_uuid) {
    for (const auto byte : id.uuid) {
      hash = mixed(hash ^ static_cast<uint64_t>(byte));
    }
  }
  return hash;
}

struct Side {
  Source source{};
  VectorSpec spec{};
  std::map<PointId, QueryVector> queries{};
  std::map<PointId, std::vector<PointId>> nearest{};
};

Result<VectorSpec> choose(const CollectionConfig& config, const SampleRequest& request,
                          const std::string& label) {
  if (request.vector) {
    return config.vector(*request.vector);
  }
  if (config.vectors.size() == 1 ||
      (!config.vectors.empty() && config.vectors.front().name.empty())) {
    return config.vectors.front();
  }
  std::string names;
  for (const auto& spec : config.vectors) {
    names += (names.empty() ? "" : ", ") + spec.name;
  }
  return fail({.kind = config.vectors.empty() ? ErrorKind::kIncompatible : ErrorKind::kUsage,
               .what = config.vectors.empty() ? "the collection has no vectors"
                                              : "the collection has several vectors",
               .where = label,
               .next = config.vectors.empty() ? "" : "choose one with --using: " + names});
}

Result<Side> open_side(const Endpoint& end, const SampleRequest& request, const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(const auto config, end.backend->describe(end.collection, stop));
  Side side;
  ARROW_ASSIGN_OR_RAISE(side.spec, choose(config, request, end.label));
  side.source = {.backend = end.backend,
                 .collection = end.collection,
                 .vectors = std::vector<std::string>{side.spec.name},
                 .payload = false};
  return side;
}

using Visit = std::function<void(const PointId&, const VectorColumn&, int64_t row)>;

// Every point that has the vector.
Status for_each_vector(const Side& side, const StopToken& stop, const Visit& visit) {
  ARROW_ASSIGN_OR_RAISE(auto reader, open_source(side.source, {}, stop));
  for (;;) {
    ARROW_RETURN_NOT_OK(poll(stop));
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    if (batch == nullptr) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(*batch));
    for (const auto& column : points.vectors()) {
      for (int64_t row = 0; column.spec().name == side.spec.name && row < points.rows(); ++row) {
        if (column.present(row)) {
          visit(points.id(row), column, row);
        }
      }
    }
  }
}

// The ids of `a` with the smallest hashes, then those of them that `b` has too.
Result<std::vector<PointId>> choose_queries(const Side& a, const Side& b, uint64_t wanted,
                                            const StopToken& stop) {
  using Candidate = std::pair<uint64_t, PointId>;
  const size_t most = std::max(kCandidates, static_cast<size_t>(wanted));
  std::vector<Candidate> heap;  // its front is the largest
  ARROW_RETURN_NOT_OK(
      for_each_vector(a, stop, [&](const PointId& id, const VectorColumn&, int64_t) {
        Candidate candidate(hash_of(id), id);
        if (heap.size() == most && !(candidate < heap.front())) {
          return;
        }
        if (heap.size() == most) {
          std::pop_heap(heap.begin(), heap.end());
          heap.pop_back();
        }
        heap.push_back(candidate);
        std::push_heap(heap.begin(), heap.end());
      }));
  std::sort_heap(heap.begin(), heap.end());
  std::set<Candidate> found;
  ARROW_RETURN_NOT_OK(
      for_each_vector(b, stop, [&](const PointId& id, const VectorColumn&, int64_t) {
        const Candidate candidate(hash_of(id), id);
        if (std::binary_search(heap.begin(), heap.end(), candidate)) {
          found.insert(candidate);
          if (found.size() > wanted) {
            found.erase(std::prev(found.end()));
          }
        }
      }));
  std::vector<PointId> ids;
  for (const auto& candidate : found) {
    ids.push_back(candidate.second);
  }
  return ids;
}

// The best so far of one query: a heap whose front is the worst.
class Nearest {
 public:
  Nearest(const QueryVector* query, bool larger_is_nearer, size_t limit)
      : query_(query), larger_(larger_is_nearer), limit_(limit) {}

  void offer(const PointId& id, const QueryVector& other) {
    float rank = score(*query_, other);
    rank = larger_ ? rank : -rank;
    if (std::isnan(rank)) {
      rank = -std::numeric_limits<float>::infinity();
    }
    Entry entry(rank, id);
    if (best_.size() == limit_) {
      if (!nearer(entry, best_.front())) {
        return;
      }
      std::pop_heap(best_.begin(), best_.end(), nearer);
      best_.pop_back();
    }
    best_.push_back(entry);
    std::push_heap(best_.begin(), best_.end(), nearer);
  }

  std::vector<PointId> ids() {
    std::sort_heap(best_.begin(), best_.end(), nearer);
    std::vector<PointId> ids;
    for (const auto& entry : best_) {
      ids.push_back(entry.second);
    }
    return ids;
  }

 private:
  using Entry = std::pair<float, PointId>;
  static bool nearer(const Entry& a, const Entry& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  }

  const QueryVector* query_;
  bool larger_;
  size_t limit_;
  std::vector<Entry> best_{};
};

Status find_neighbours(Side& side, const std::vector<PointId>& ids, size_t limit,
                       const StopToken& stop) {
  const std::set<PointId> wanted(ids.begin(), ids.end());
  ARROW_RETURN_NOT_OK(
      for_each_vector(side, stop, [&](const PointId& id, const VectorColumn& column, int64_t row) {
        if (wanted.contains(id)) {
          side.queries.emplace(id, take_vector(column, side.spec, row));
        }
      }));
  const bool larger = side.spec.kind == VectorKind::kSparse || larger_is_nearer(side.spec.distance);
  std::vector<std::pair<PointId, Nearest>> searches;
  for (const auto& [id, query] : side.queries) {
    searches.emplace_back(id, Nearest(&query, larger, limit));
  }
  ARROW_RETURN_NOT_OK(
      for_each_vector(side, stop, [&](const PointId& id, const VectorColumn& column, int64_t row) {
        const QueryVector other = take_vector(column, side.spec, row);
        for (auto& [query_id, nearest] : searches) {
          if (query_id != id) {
            nearest.offer(id, other);
          }
        }
      }));
  for (auto& [id, nearest] : searches) {
    side.nearest.emplace(id, nearest.ids());
  }
  return Status::OK();
}

SampledQuery compared(const PointId& id, std::vector<PointId> a, std::vector<PointId> b) {
  SampledQuery query{.id = id};
  const std::set<PointId> of_a(a.begin(), a.end());
  query.shared = static_cast<uint64_t>(
      std::count_if(b.begin(), b.end(), [&](const PointId& one) { return of_a.contains(one); }));
  const size_t most = std::max(a.size(), b.size());
  query.overlap = most == 0 ? 1 : static_cast<double>(query.shared) / static_cast<double>(most);
  query.nearest_a = std::move(a);
  query.nearest_b = std::move(b);
  return query;
}

}  // namespace

Result<SampleReport> compare_neighbours(const SampleRequest& request, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(Side a, open_side(request.a, request, stop));
  ARROW_ASSIGN_OR_RAISE(Side b, open_side(request.b, request, stop));
  ARROW_ASSIGN_OR_RAISE(const auto ids, choose_queries(a, b, request.queries, stop));
  if (ids.empty()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = "no point is in both with these vectors",
                 .where = fmt::format("{} and {}", request.a.label, request.b.label),
                 .next = "`vecferry diff` names what only one side has"});
  }
  ARROW_RETURN_NOT_OK(run_side_by_side(2, 2, stop, [&](size_t index, const StopToken& inner) {
    return find_neighbours(index == 0 ? a : b, ids, request.limit, inner);
  }));
  SampleReport report{.vector_a = a.spec.name, .vector_b = b.spec.name};
  for (const auto& id : ids) {
    report.queries.push_back(compared(id, std::move(a.nearest[id]), std::move(b.nearest[id])));
    report.overlap += report.queries.back().overlap;
  }
  report.overlap /= static_cast<double>(ids.size());
  std::stable_sort(
      report.queries.begin(), report.queries.end(),
      [](const SampledQuery& x, const SampledQuery& y) { return x.overlap < y.overlap; });
  return report;
}

nlohmann::ordered_json to_json(const SampleReport& report) {
  const auto json_of = [](const PointId& id) {
    return id.is_uuid ? nlohmann::ordered_json(to_string(id)) : nlohmann::ordered_json(id.number);
  };
  const auto list_of = [&](const std::vector<PointId>& ids) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& id : ids) {
      list.push_back(json_of(id));
    }
    return list;
  };
  nlohmann::ordered_json json = {{"overlap", report.overlap},
                                 {"vector_a", report.vector_a},
                                 {"vector_b", report.vector_b},
                                 {"queries", nlohmann::ordered_json::array()}};
  for (const auto& query : report.queries) {
    json["queries"].push_back({{"id", json_of(query.id)},
                               {"overlap", query.overlap},
                               {"shared", query.shared},
                               {"nearest_a", list_of(query.nearest_a)},
                               {"nearest_b", list_of(query.nearest_b)}});
  }
  return json;
}

}  // namespace vecferry
