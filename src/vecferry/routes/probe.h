#pragma once

#include <optional>

#include "vecferry/routes/estimate.h"

/// A short look at both ends of a journey.
namespace vecferry {

/// The facts, with a handful of small requests and at most two pages of points. A collection so
/// small that looking would take longer than streaming it is not looked at beyond its number of
/// points: then every other route "does not pay". `wanted`: only that route is asked for.
/// Errors: kNotFound for the collection; those of reaching the source.
Result<RouteFacts> probe_route_facts(const Journey& journey, Prefer prefer,
                                     std::optional<Route> wanted, StopToken stop);

/// Does a server with these settings build a vector index of so many points? Adds what is indexed.
/// Source: Qdrant compares the vectors' kilobytes, segment by segment, with `indexing_threshold`.
void note_index(const CollectionConfig& config, RouteFacts* facts);

}  // namespace vecferry
