#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vecferry/ops/endpoint.h"
#include "vecferry/ops/receipt.h"
#include "vecferry/ops/selection.h"
#include "vecferry/ops/travel.h"
#include "vecferry/pipeline/copy.h"
#include "vecferry/pipeline/source.h"

/// Copy a collection: what `copy`, `export` and `import` do.
namespace vecferry {

struct CopyRequest {
  std::string verb = "copy";
  Endpoint source{};
  Endpoint target{};
  Selection selection{};
  bool into_existing = false;  ///< write into a collection that exists
  bool verify = true;
  bool strict_floats = false;  ///< refuse payload floats that the target would round
  int follow_up = 0;           ///< at most so many passes over what a live source changed meanwhile
  TravelWish travel{};
  CopyLimits limits{};
};

/// What a copy will do, made before the first write.
struct CopyPlan {
  CopyRequest request{};
  Source points{};  ///< the source with all its transforms
  CollectionConfig target_config{};
  std::optional<uint64_t> expected_points{};
  bool create = true;
  std::vector<std::string> transforms{};  ///< sentences
  std::vector<std::string> losses{};      ///< what the target cannot hold
  std::vector<std::string> notes{};
  std::vector<AliasChange> aliases{};  ///< to set once the copy is proved
  RouteChoice route{};                 ///< and the runners-up, should it turn out impossible
};

/// Errors: kNotFound for the source; kExists for a target that is there (unless into_existing);
/// kIncompatible when the target cannot hold it, with a table of the vectors.
Result<CopyPlan> plan_copy(CopyRequest request, StopToken stop);

nlohmann::ordered_json to_json(const CopyPlan& plan);

/// Carry the plan out: create, write, finish, read back and compare. A route that turns out
/// impossible on the way is given up for the next one, unless it was asked for by name; the receipt
/// says so.
/// After an error, an interrupt included, a target that this call made is gone again. Writing into
/// an existing collection leaves what was written; the error then says so and names the ids.
Result<Receipt> run_copy(const CopyPlan& plan, Progress& progress, StopToken stop);

}  // namespace vecferry
