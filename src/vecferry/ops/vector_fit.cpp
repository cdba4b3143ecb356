#include "vecferry/ops/vector_fit.h"

#include <fmt/format.h>

#include <string>

#include "vecferry/model/vector_label.h"

namespace vecferry {
namespace {

// A table of the vectors of both sides, for a target that does not take the points.
std::string vector_table(const CollectionConfig& source, const CollectionConfig& target) {
  const auto row = [](const CollectionConfig& config) {
    std::string text;
    for (const auto& spec : config.vectors) {
      text +=
          fmt::format("{}{}: {} {}{} {}", text.empty() ? "" : "; ", vector_label(spec.name),
                      to_string(spec.kind), to_string(spec.element),
                      spec.dim > 0 ? fmt::format("[{}]", spec.dim) : "", to_string(spec.distance));
    }
    return text.empty() ? std::string("no vectors") : text;
  };
  return fmt::format("source has {}; target has {}", row(source), row(target));
}

}  // namespace

Status check_same_vectors(const CollectionConfig& source, const CollectionConfig& target) {
  for (const auto& spec : source.vectors) {
    const auto other = target.vector(spec.name);
    if (!other.ok() || other->kind != spec.kind || other->dim != spec.dim ||
        other->distance != spec.distance) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = vector_label(spec.name) + " does not fit the collection that exists",
                   .where = vector_table(source, target),
                   .next = "choose or rename vectors (--vectors, --rename-vector), or copy into a "
                           "new collection"});
    }
  }
  return Status::OK();
}

}  // namespace vecferry
