#include "vecferry/ops/endpoint.h"

namespace vecferry {

PlaceFacts facts_of(const Capabilities& capabilities) {
  return {.normalises_cosine = capabilities.normalises_cosine,
          .rounds_payload_floats = capabilities.rounds_payload_floats,
          .shard_keys = capabilities.shard_keys,
          .aliases = capabilities.aliases,
          .settings = capabilities.settings};
}

}  // namespace vecferry
