#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/source.h"

/// How several collections become one: what counts as a duplicate, and what happens to points that
/// share an id. Source: docs/merge-and-split.md.
namespace vecferry {

/// What makes a point a duplicate of another, of which only the first is kept.
enum class Dedupe { kId, kContent, kVector, kExact, kNone };

/// What happens to points that share an id and are no duplicates.
enum class OnConflict { kError, kFirst, kLast, kNewest, kRemap };

struct MergeRules {
  Dedupe dedupe = Dedupe::kId;
  OnConflict on_conflict = OnConflict::kError;
  std::string newest_field{};  ///< kNewest: a payload path
  std::string content_key = "content";
};

std::string_view to_string(Dedupe dedupe);  ///< "content", as typed
std::string to_string(const MergeRules& rules);

/// Words of the command line. Without `on_conflict` it is `error` where ids decide (`--dedupe id`)
/// and `remap` elsewhere, where equal ids say nothing.
/// Errors: kUsage with the words there are.
Result<MergeRules> parse_merge_rules(std::string_view dedupe, std::string_view on_conflict,
                                     std::string content_key);

/// One source: its points as they would be written, but for what the decision changes.
struct MergeSource {
  Source points{};
  std::string label{};
};

enum class Fate : uint8_t { kDuplicate, kConflict, kRemapped };
std::string_view to_string(Fate fate);  ///< "duplicate", "conflict", "remapped"

/// A point that does not go over as it is, and the point that it gives way to.
struct Decided {
  Fate fate = Fate::kDuplicate;
  uint16_t source = 0;
  PointId id{};
  uint16_t kept_source = 0;
  PointId kept_id{};

  friend bool operator==(const Decided&, const Decided&) = default;
};

/// Takes decisions as they are made, in no order.
class DecisionSink {
 public:
  virtual ~DecisionSink() = default;
  virtual Status add(const Decided& decided) = 0;
};

/// What became of one source's points.
struct SourceTally {
  uint64_t points = 0;
  uint64_t duplicates = 0;
  uint64_t conflicts = 0;  ///< left out for another point of the same id
  uint64_t remapped = 0;
  uint64_t without_key = 0;               ///< no text or no vector to compare by
  std::vector<uint64_t> duplicates_of{};  ///< by source

  uint64_t kept() const { return points - duplicates - conflicts; }
  friend bool operator==(const SourceTally&, const SourceTally&) = default;
};

struct MergeTally {
  std::vector<SourceTally> sources{};

  uint64_t kept() const;
  friend bool operator==(const MergeTally&, const MergeTally&) = default;
};

}  // namespace vecferry
