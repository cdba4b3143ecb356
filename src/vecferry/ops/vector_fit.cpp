#include "vecferry/ops/vector_fit.h"

#include <fmt/format.h>

#include "vecferry/model/vector_label.h"

namespace vecferry {

std::string vector_words(const CollectionConfig& config) {
  std::string text;
  for (const auto& spec : config.vectors) {
    text +=
        fmt::format("{}{}: {} {}{} {}", text.empty() ? "" : "; ", vector_label(spec.name),
                    to_string(spec.kind), to_string(spec.element),
                    spec.dim > 0 ? fmt::format("[{}]", spec.dim) : "", to_string(spec.distance));
  }
  return text.empty() ? "no vectors" : text;
}

bool fits(const VectorSpec& a, const VectorSpec& b) {
  return a.name == b.name && a.kind == b.kind && a.dim == b.dim && a.distance == b.distance;
}

Status check_same_vectors(const CollectionConfig& source, const CollectionConfig& target) {
  for (const auto& spec : source.vectors) {
    const auto other = target.vector(spec.name);
    if (!other.ok() || !fits(spec, *other)) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = vector_label(spec.name) + " does not fit the collection that exists",
                   .where = fmt::format("source has {}; target has {}", vector_words(source),
                                        vector_words(target)),
                   .next = "choose or rename vectors (--vectors, --rename-vector), or copy into a "
                           "new collection"});
    }
  }
  return Status::OK();
}

}  // namespace vecferry
