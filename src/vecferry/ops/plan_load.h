#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vecferry/ops/load_source.h"
#include "vecferry/ops/operation.h"
#include "vecferry/ops/travel.h"

namespace vecferry {

/// A load as it will be, and what a person must know of it.
struct PlannedLoad {
  LoadStep step{};
  std::vector<std::string> losses{};
  std::vector<std::string> transforms{};
  std::vector<std::string> notes{};
  std::optional<uint64_t> points{};  ///< where the places know it without a scan
  RouteChoice route{};
};

/// Plan a new collection with the points of `sources`; it gets the configuration of the first one,
/// after its selection and what the target makes of it, without aliases.
/// Errors: kNotFound for a source; kExists for the target; kUsage when both are the same;
/// kIncompatible when the target cannot hold the points.
Result<PlannedLoad> plan_load(const std::vector<LoadSource>& sources, const OpenedEnd& target,
                              PlaceOpener& places, StopToken stop, const TravelWish& wish = {});
/// The same of sources that are open already; their points arrive afterwards as the target holds
/// them.
Result<PlannedLoad> plan_load(const std::vector<LoadSource>& sources, const OpenedEnd& target,
                              std::vector<OpenedSource>* opened, StopToken stop,
                              const TravelWish& wish = {});

/// For a source that is only read: through snapshots of its shards, when that is wanted or better.
/// The sentence for the plan; empty when there was nothing to choose.
Result<std::string> choose_reading(const TravelWish& wish, const OpenedEnd& end,
                                   const CollectionConfig& config, LoadSource* source,
                                   StopToken stop);

/// All of an end's points. Errors: none of its own.
LoadSource whole_source(const OpenedEnd& end);

/// Another collection of the same place, by its bare name.
/// Errors: kUsage for what is no name; kIncompatible for a place that holds one collection.
Result<OpenedEnd> beside(const OpenedEnd& end, const std::string& name);

/// Are both in the same place?
bool same_place(const OpenedEnd& a, const OpenedEnd& b);

/// Errors: kUsage when `end` names an alias; kNotFound when there is no such collection.
Result<CollectionConfig> describe_collection(const OpenedEnd& end, StopToken stop);

/// Number of points when the place knows it without a scan.
std::optional<uint64_t> known_points(const OpenedEnd& end, StopToken stop);

/// Add about how much and how long, from a look at the first points of `end`: each step that moves
/// points reads them and compares them afterwards. Nothing is said of what is not known.
Status estimate(const OpenedEnd& end, OperationPlan* plan, StopToken stop);

/// Add to a plan what its load needs said.
void say(const PlannedLoad& load, OperationPlan* plan);

}  // namespace vecferry
