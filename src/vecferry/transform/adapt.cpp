#include "vecferry/transform/adapt.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "vecferry/transform/convert_elements.h"
#include "vecferry/transform/drop_shard_keys.h"
#include "vecferry/transform/normalise.h"
#include "vecferry/transform/round_floats.h"

namespace vecferry {
namespace {

std::string shape(const VectorSpec& spec) {
  return spec.kind == VectorKind::kSparse
             ? std::string(to_string(spec.kind))
             : fmt::format("{} of dim {}", to_string(spec.kind), spec.dim);
}

Status no_place(const VectorSpec& from, const std::string& there) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = fmt::format("vector '{}' ({}) has no place in the target: {}", from.name,
                                   shape(from), there),
               .next = "choose with --vectors or --rename-vector, or a new collection"});
}

// Does storing one element type as another keep every value?
bool widens(ElementType from, ElementType to) {
  return from == to || to == ElementType::kFloat32 ||
         (from == ElementType::kUint8 && to == ElementType::kFloat16);
}

}  // namespace

Result<Adaptation> adapt(const CollectionConfig& source_config, const PlaceFacts& source,
                         const CollectionConfig& target_config, const PlaceFacts& target) {
  Adaptation made;
  std::map<std::string, ElementType> converted;
  std::vector<std::string> normalised_before;
  std::vector<std::string> normalised_after;
  for (const VectorSpec& from : source_config.vectors) {
    const auto found = target_config.vector(from.name);
    if (!found.ok()) {
      return no_place(from, failure_of(found.status()).what);
    }
    const VectorSpec to = found.ValueUnsafe();
    if (from.kind != to.kind || from.dim != to.dim) {
      return no_place(from, fmt::format("there it is {}", shape(to)));
    }
    if (from.distance != to.distance) {
      made.losses.push_back(
          fmt::format("vector '{}' is compared by {} in the source, by {} in the "
                      "target",
                      from.name, to_string(from.distance), to_string(to.distance)));
    }
    if (from.element != to.element) {
      converted.emplace(from.name, to.element);
      if (!widens(from.element, to.element)) {
        made.losses.push_back(fmt::format("vector '{}' is narrowed from {} to {}", from.name,
                                          to_string(from.element), to_string(to.element)));
      }
    }
    const bool kept_normal = source.normalises_cosine && from.distance == Distance::kCosine &&
                             from.element == to.element;
    if (target.normalises_cosine && to.distance == Distance::kCosine &&
        to.kind != VectorKind::kSparse && !kept_normal) {
      // Narrowed once normal, for precision; and normal once narrowed, for the target to keep it.
      if (from.element != ElementType::kUint8 && to.element == ElementType::kFloat16 &&
          from.element != to.element) {
        normalised_before.push_back(from.name);
      }
      if (to.element != ElementType::kUint8) {
        normalised_after.push_back(from.name);
      }
    }
  }

  if (!normalised_before.empty()) {
    made.transforms.push_back(normalise(std::move(normalised_before)));
  }
  if (!converted.empty()) {
    made.transforms.push_back(convert_elements(std::move(converted)));
  }
  if (!normalised_after.empty()) {
    made.transforms.push_back(normalise(std::move(normalised_after)));
  }
  if (target.rounds_payload_floats) {
    made.transforms.push_back(round_floats());
  }
  if (source.shard_keys && source_config.custom_sharding() && !target.shard_keys) {
    made.transforms.push_back(drop_shard_keys());
    made.losses.emplace_back(
        "the target has no shard keys: points lose theirs, and points with the same id under two "
        "keys become one");
  }
  if (!target.settings) {
    made.losses.emplace_back("the target keeps vectors and payloads, but not the settings");
  }
  if (!target.aliases && !source_config.aliases.empty()) {
    made.losses.push_back(fmt::format("the target has no aliases: {} of them stay behind",
                                      source_config.aliases.size()));
  }
  return made;
}

}  // namespace vecferry
