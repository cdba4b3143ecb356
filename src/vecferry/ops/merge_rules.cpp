#include "vecferry/ops/merge_rules.h"

#include <fmt/format.h>

#include <array>

#include "vecferry/base/near_miss.h"
#include "vecferry/model/payload_path.h"

namespace vecferry {
namespace {

constexpr std::array<std::string_view, 5> kDedupeWords = {"id", "content", "vector", "exact",
                                                          "none"};
constexpr std::array<std::string_view, 5> kConflictWords = {"error", "first", "last", "newest",
                                                            "remap"};

Status no_such_word(std::string_view option, std::string_view word,
                    const std::array<std::string_view, 5>& words, std::string_view hint) {
  return fail(
      {.kind = ErrorKind::kUsage,
       .what = fmt::format("{} does not take '{}'{}", option, word, did_you_mean(word, words)),
       .next = fmt::format("there is {}{}", fmt::join(words, ", "), hint)});
}

template <typename Words>
int place_of(const Words& words, std::string_view word) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

std::string_view to_string(Dedupe dedupe) {
  return kDedupeWords[static_cast<size_t>(dedupe)];
}

std::string to_string(const MergeRules& rules) {
  std::string text = fmt::format("--dedupe {}", to_string(rules.dedupe));
  if (rules.dedupe == Dedupe::kContent) {
    text += fmt::format(" --content-key {}", rules.content_key);
  }
  text += fmt::format(" --on-conflict {}", kConflictWords[static_cast<size_t>(rules.on_conflict)]);
  return rules.on_conflict == OnConflict::kNewest ? text + ':' + rules.newest_field : text;
}

std::string_view to_string(Fate fate) {
  static constexpr std::array<std::string_view, 3> kWords = {"duplicate", "conflict", "remapped"};
  return kWords[static_cast<size_t>(fate)];
}

Result<MergeRules> parse_merge_rules(std::string_view dedupe, std::string_view on_conflict,
                                     std::string content_key) {
  MergeRules rules{.content_key = std::move(content_key)};
  const int dedupe_place = place_of(kDedupeWords, dedupe);
  if (dedupe_place < 0) {
    return no_such_word("--dedupe", dedupe, kDedupeWords, "");
  }
  rules.dedupe = static_cast<Dedupe>(dedupe_place);
  if (on_conflict.empty()) {
    rules.on_conflict = rules.dedupe == Dedupe::kId ? OnConflict::kError : OnConflict::kRemap;
  } else {
    const size_t colon = on_conflict.find(':');
    const int place = place_of(kConflictWords, on_conflict.substr(0, colon));
    const bool newest = place == static_cast<int>(OnConflict::kNewest);
    if (newest && (colon == std::string_view::npos || colon + 1 == on_conflict.size())) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = "--on-conflict newest does not say by which field",
                   .next = "name the payload field that says when: newest:updated_at"});
    }
    if (place < 0 || newest != (colon != std::string_view::npos) ||
        colon + 1 == on_conflict.size()) {
      return no_such_word("--on-conflict", on_conflict, kConflictWords,
                          "; newest names the field that says when: newest:updated_at");
    }
    rules.on_conflict = static_cast<OnConflict>(place);
    rules.newest_field = newest ? std::string(on_conflict.substr(colon + 1)) : "";
  }
  for (const auto& path : {rules.content_key, rules.newest_field}) {
    if (!path.empty() && !parse_payload_path(path)) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' is no place in a payload", path),
                   .next = "write it like content or meta.text; odd keys in double quotes"});
    }
  }
  if (rules.content_key.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "--content-key is empty",
                 .next = "name the payload key of the text, such as content"});
  }
  return rules;
}

uint64_t MergeTally::kept() const {
  uint64_t total = 0;
  for (const auto& source : sources) {
    total += source.kept();
  }
  return total;
}

}  // namespace vecferry
