#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vecferry/model/filter.h"
#include "vecferry/transform/transform.h"

namespace vecferry {

class Reembedding;

/// Which points, and what of them, as a person asks for it.
struct Selection {
  std::shared_ptr<const Filter> filter{};             ///< null: all
  std::vector<std::string> select_payload{};          ///< payload paths to keep; empty: all
  std::vector<std::string> drop_payload{};            ///< payload paths to leave out
  std::optional<std::vector<std::string>> vectors{};  ///< by name; none: all
  std::vector<std::pair<std::string, std::string>> rename_vectors{};  ///< old, new
  std::shared_ptr<Reembedding> reembed{};  ///< null: vectors stay as they are
  bool provenance = false;                 ///< add imported_from and imported_at
  std::optional<uint64_t> limit{};         ///< the first points in scan order

  /// All points as they are.
  bool changes_nothing() const {
    return filter == nullptr && select_payload.empty() && drop_payload.empty() && !vectors &&
           rename_vectors.empty() && reembed == nullptr && !provenance && !limit;
  }
};

/// The transforms that a selection asks for, in the order in which they apply.
/// Errors: kUsage and kNotFound, as the transforms check them against `config`.
Result<std::vector<std::unique_ptr<Transform>>> transforms_for(const Selection& selection,
                                                               const CollectionConfig& config,
                                                               const std::string& source_label);

}  // namespace vecferry
