#include "vecferry/ops/verify.h"

#include <algorithm>
#include <utility>

#include "vecferry/transform/round_floats.h"

namespace vecferry {
namespace {

Status add_adaptation(Result<Adaptation> adaptation, Source& source,
                      std::vector<std::string>& described) {
  if (!adaptation.ok()) {
    // Vectors that have no place on the other side make the points differ, which is the answer.
    return kind_of(adaptation.status()) == ErrorKind::kIncompatible ? Status::OK()
                                                                    : adaptation.status();
  }
  for (auto& transform : adaptation->transforms) {
    described.push_back(transform->describe());
    source.transforms.push_back(std::move(transform));
  }
  return Status::OK();
}

Result<CollectionConfig> prepare(const Endpoint& end, const Selection& selection, Source* source,
                                 const StopToken& stop) {
  ARROW_ASSIGN_OR_RAISE(auto config, end.backend->describe(end.collection, stop));
  source->backend = end.backend;
  source->collection = end.collection;
  source->filter = selection.filter;
  source->vectors = selection.vectors;
  ARROW_ASSIGN_OR_RAISE(source->transforms, transforms_for(selection, config, end.label));
  for (const auto& transform : source->transforms) {
    ARROW_ASSIGN_OR_RAISE(config, transform->config(config));
  }
  return config;
}

struct Prepared {
  Sides sides{};
  std::vector<std::string> config_differences{};
};

Result<Prepared> prepare_sides(const VerifyRequest& request, const StopToken& stop) {
  Prepared prepared;
  Sides& sides = prepared.sides;
  ARROW_ASSIGN_OR_RAISE(const auto config_a, prepare(request.a, request.selection, &sides.a, stop));
  ARROW_ASSIGN_OR_RAISE(const auto config_b, prepare(request.b, request.selection, &sides.b, stop));
  auto facts_a = facts_of(request.a.backend->capabilities());
  auto facts_b = facts_of(request.b.backend->capabilities());
  if (facts_a.rounds_payload_floats && facts_b.rounds_payload_floats) {
    // Each copy between the two may have moved a float once more: compare where they come to rest.
    facts_a.rounds_payload_floats = false;
    facts_b.rounds_payload_floats = false;
    sides.transforms.push_back(settle_floats()->describe());
    sides.a.transforms.push_back(settle_floats());
    sides.b.transforms.push_back(settle_floats());
  }
  ARROW_RETURN_NOT_OK(
      add_adaptation(adapt(config_a, facts_a, config_b, facts_b), sides.a, sides.transforms));
  // The other way round only for what the places do; converting elements both ways would undo it.
  if (config_a.vectors == config_b.vectors) {
    ARROW_RETURN_NOT_OK(
        add_adaptation(adapt(config_b, facts_b, config_a, facts_a), sides.b, sides.transforms));
  }
  std::sort(sides.transforms.begin(), sides.transforms.end());
  sides.transforms.erase(std::unique(sides.transforms.begin(), sides.transforms.end()),
                         sides.transforms.end());
  prepared.config_differences = config_differences(config_a, config_b);
  return prepared;
}

}  // namespace

Result<Sides> comparable_sides(const VerifyRequest& request, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto prepared, prepare_sides(request, stop));
  return std::move(prepared.sides);
}

Result<VerifyReport> verify(const VerifyRequest& request, Progress& progress, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(auto prepared, prepare_sides(request, stop));
  VerifyReport report{.transforms = prepared.sides.transforms,
                      .config_differences = std::move(prepared.config_differences)};
  CompareOptions options = request.options;
  options.lanes = std::max(request.a.backend->capabilities().read_lanes,
                           request.b.backend->capabilities().read_lanes);
  ARROW_ASSIGN_OR_RAISE(
      report.points, compare_points(prepared.sides.a, prepared.sides.b, options, progress, stop));
  return report;
}

}  // namespace vecferry
