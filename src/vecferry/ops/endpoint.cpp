#include "vecferry/ops/endpoint.h"

namespace vecferry {

PlaceFacts facts_of(const Capabilities& capabilities) {
  return {.normalises_cosine = capabilities.normalises_cosine,
          .rounds_payload_floats = capabilities.rounds_payload_floats,
          .shard_keys = capabilities.shard_keys,
          .aliases = capabilities.aliases,
          .settings = capabilities.settings};
}

std::optional<uint64_t> known_points(Backend& backend, const std::string& collection,
                                     const StopToken& stop) {
  if (backend.capabilities().live) {
    const auto count = backend.count(collection, nullptr, stop);
    return count.ok() ? std::optional(*count) : std::nullopt;
  }
  const auto collections = backend.list(stop);
  if (collections.ok()) {
    for (const auto& summary : *collections) {
      if (summary.name == collection) {
        return summary.points_count;
      }
    }
  }
  return std::nullopt;
}

}  // namespace vecferry
