#pragma once

#include <string>

#include "vecferry/backend/backend.h"
#include "vecferry/transform/adapt.h"

namespace vecferry {

/// One end of an operation. The backend outlives it.
struct Endpoint {
  Backend* backend = nullptr;
  std::string collection{};
  std::string label{};  ///< the location as people write it, without secrets
};

/// What a place does to points, in the words of transform/.
PlaceFacts facts_of(const Capabilities& capabilities);

}  // namespace vecferry
