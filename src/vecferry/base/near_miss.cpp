#include "vecferry/base/near_miss.h"

#include <algorithm>
#include <vector>

namespace vecferry {
namespace {

// Edits that turn one word into the other: insert, delete, replace, swap two neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view near_miss(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kMaxEdits = 2;
  constexpr size_t kMaxWord = 64;  // nothing longer was meant to be one of our words
  std::string_view best;
  size_t best_edits = kMaxEdits + 1;
  if (word.size() > kMaxWord) {
    return best;
  }
  for (const std::string_view candidate : candidates) {
    const size_t edits = edit_distance(word, candidate);
    if (edits < best_edits && edits * 2 <= std::max(word.size(), candidate.size())) {
      best = candidate;
      best_edits = edits;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view meant = near_miss(word, candidates);
  return meant.empty() ? std::string() : "; did you mean '" + std::string(meant) + "'?";
}

}  // namespace vecferry
