#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/model/point_id.h"
#include "vecferry/pipeline/source.h"

/// A look at some points: the first ones, or those nearest to one of them.
namespace vecferry {

/// One point as JSON: `{"id","payload","vectors"?,"score"?}`; vectors by name.
struct PeekOptions {
  uint64_t limit = 10;
  bool with_vectors = false;
  std::optional<PointId> near{};  ///< points like this one, best first
  std::optional<std::string>
      using_vector{};  ///< the vector to compare by; none: the only dense one
};

/// Reads any place: neighbours are found by comparing with every point (exact, one pass, memory for
/// `limit` points).
/// Errors: kNotFound for `near` or the vector; kUsage when the vector has to be named.
Result<std::vector<nlohmann::ordered_json>> peek(const Source& source, const PeekOptions& options,
                                                 StopToken stop);

}  // namespace vecferry
