#include "vecferry/transform/adapt.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "vecferry/model/vector_label.h"
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
               .what = fmt::format("{} ({}) has no place in the target: {}",
                                   vector_label(from.name), shape(from), there),
               .next = "choose with --vectors or --rename-vector, or a new collection"});
}

// Does storing one element type as another keep every value?
bool widens(ElementType from, ElementType to) {
  return from == to || to == ElementType::kFloat32 ||
         (from == ElementType::kUint8 && to == ElementType::kFloat16);
}

// What the vectors need, by the name of the vector.
struct VectorChanges {
  std::vector<std::string> normalise_before{};  // before they are converted
  std::map<std::string, ElementType> convert{};
  std::vector<std::string> normalise_after{};
};

Result<VectorSpec> place_of(const VectorSpec& from, const CollectionConfig& target_config) {
  const auto found = target_config.vector(from.name);
  if (!found.ok()) {
    return no_place(from, failure_of(found.status()).what);
  }
  if (from.kind != found->kind || from.dim != found->dim) {
    return no_place(from, fmt::format("there it is {}", shape(*found)));
  }
  return found;
}

void note_losses(const VectorSpec& from, const VectorSpec& to, std::vector<std::string>* losses) {
  if (from.distance != to.distance) {
    losses->push_back(fmt::format("{} is compared by {} in the source, by {} in the target",
                                  vector_label(from.name), to_string(from.distance),
                                  to_string(to.distance)));
  }
  if (!widens(from.element, to.element)) {
    losses->push_back(fmt::format("{} is narrowed from {} to {}", vector_label(from.name),
                                  to_string(from.element), to_string(to.element)));
  }
}

void note_changes(const VectorSpec& from, const PlaceFacts& source, const VectorSpec& to,
                  const PlaceFacts& target, VectorChanges* changes) {
  if (from.element != to.element) {
    changes->convert.emplace(from.name, to.element);
  }
  // Halves that one place has normalised the next one may normalise again.
  const bool normal_already = source.normalises_cosine && from.distance == Distance::kCosine &&
                              from.element == ElementType::kFloat32 && from.element == to.element;
  if (!target.normalises_cosine || to.distance != Distance::kCosine || normal_already ||
      to.kind == VectorKind::kSparse || to.element == ElementType::kUint8) {
    return;
  }
  // Narrowed once it is normal, for precision; and normal once narrowed, for the target to keep it.
  if (from.element == ElementType::kFloat32 && to.element == ElementType::kFloat16) {
    changes->normalise_before.push_back(from.name);
  }
  changes->normalise_after.push_back(from.name);
}

}  // namespace

Result<Adaptation> adapt(const CollectionConfig& source_config, const PlaceFacts& source,
                         const CollectionConfig& target_config, const PlaceFacts& target) {
  Adaptation made;
  VectorChanges changes;
  for (const VectorSpec& from : source_config.vectors) {
    ARROW_ASSIGN_OR_RAISE(const VectorSpec to, place_of(from, target_config));
    note_losses(from, to, &made.losses);
    note_changes(from, source, to, target, &changes);
  }
  if (!changes.normalise_before.empty()) {
    made.transforms.push_back(normalise(std::move(changes.normalise_before)));
  }
  if (!changes.convert.empty()) {
    made.transforms.push_back(convert_elements(std::move(changes.convert)));
  }
  if (!changes.normalise_after.empty()) {
    made.transforms.push_back(normalise(std::move(changes.normalise_after)));
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
