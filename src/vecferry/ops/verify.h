#pragma once

#include <string>
#include <vector>

#include "vecferry/ops/copy.h"
#include "vecferry/pipeline/compare.h"

/// Prove that two collections are the same, or name what differs.
namespace vecferry {

struct VerifyRequest {
  Endpoint a{};
  Endpoint b{};
  Selection selection{};  ///< filter, payload and vector choices; applied to both sides
  CompareOptions options{};
};

struct VerifyReport {
  Comparison points{};
  std::vector<std::string> transforms{};          ///< applied to a side so that both are alike
  std::vector<std::string> config_differences{};  ///< sentences; empty: equal
};

/// Errors: kNotFound, and those of reading. Differences are no error.
Result<VerifyReport> verify(const VerifyRequest& request, Progress& progress, StopToken stop);

/// The two sides as they compare: where one place normalises vectors or rounds payload floats and
/// the other does not, the other's points are changed the same way first.
struct Sides {
  Source a{};
  Source b{};
  std::vector<std::string> transforms{};
};
Result<Sides> comparable_sides(const VerifyRequest& request, StopToken stop);

}  // namespace vecferry
