#pragma once

#include <cstdint>
#include <optional>
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

/// How many points a collection has, where that is known without a scan; an answer for plans and
/// progress, so that a place which cannot say is no error. Of a live place this one is asked alone:
/// counting all that it holds may take a server minutes.
std::optional<uint64_t> known_points(Backend& backend, const std::string& collection,
                                     const StopToken& stop);

}  // namespace vecferry
