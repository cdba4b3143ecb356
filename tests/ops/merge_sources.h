#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/points.h"
#include "vecferry/backends/memory/memory_backend.h"
#include "vecferry/ops/merge_decide.h"

/// Small collections in memory, to be merged.
namespace vecferry::testing {

inline CollectionConfig small_config() {
  return default_config({{"", VectorKind::kDense, ElementType::kFloat32, 2, Distance::kDot}});
}

inline TestPoint small_point(uint64_t id, float x, std::string payload) {
  return {
      .id = PointId::of(id), .vectors = {{"", dense({x, 1.0F})}}, .payload = std::move(payload)};
}

/// Collections "a", "b", … of one memory place.
struct MergeSources {
  std::shared_ptr<Backend> backend = memory_backend();
  std::vector<std::vector<TestPoint>> points;
  std::vector<MergeSource> sources;

  explicit MergeSources(std::vector<std::vector<TestPoint>> all,
                        const CollectionConfig& config = small_config())
      : points(std::move(all)) {
    for (size_t i = 0; i < points.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      must(fill(*backend, name, config, points[i], 7));
      sources.push_back(
          {.points = {.backend = backend.get(), .collection = name, .batch_bytes = 256},
           .label = name});
    }
  }
};

struct Decisions : DecisionSink {
  std::vector<Decided> all;
  Status add(const Decided& decided) override {
    all.push_back(decided);
    return Status::OK();
  }
  void sort() {
    std::sort(all.begin(), all.end(), [](const Decided& a, const Decided& b) {
      return std::tie(a.source, a.id) < std::tie(b.source, b.id);
    });
  }
};

inline Result<MergeTally> decide(const MergeSources& sources, const MergeRules& rules,
                                 Decisions* decisions, int lanes = 2) {
  Progress progress;
  auto tally =
      decide_merge(sources.sources, rules, lanes, *decisions, progress, StopToken::Unstoppable());
  decisions->sort();
  return tally;
}

}  // namespace vecferry::testing
