#include "vecferry/model/id_range.h"

#include <algorithm>

namespace vecferry {

std::string to_string(const IdRange& range) {
  if (!range.from && !range.to) {
    return "all ids";
  }
  std::string text = "ids";
  if (range.from) {
    text += " from " + to_string(*range.from);
  }
  if (range.to) {
    text += " up to " + to_string(*range.to) + " (exclusive)";
  }
  return text;
}

std::vector<IdRange> split_by_quantiles(std::vector<PointId> sample, int parts) {
  std::sort(sample.begin(), sample.end());
  sample.erase(std::unique(sample.begin(), sample.end()), sample.end());
  std::vector<IdRange> ranges(1);
  const auto wanted = static_cast<size_t>(std::max(parts, 1));
  for (size_t i = 1; i < wanted && !sample.empty(); ++i) {
    const PointId bound = sample[i * sample.size() / wanted];
    // The first id as a bound would leave an empty range before it; few ids repeat a bound.
    if (bound == sample.front() || (ranges.back().from && bound <= *ranges.back().from)) {
      continue;
    }
    ranges.back().to = bound;
    ranges.push_back({.from = bound});
  }
  return ranges;
}

}  // namespace vecferry
