#pragma once

#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/wire/rest_replies.h"

namespace qdrant {
class FacetResponse;
class SnapshotDescription;
}  // namespace qdrant

/// What REST has as `result`, as the replies of gRPC, for a server.
/// Errors: kInternal for what is no such result: the server made it itself.
namespace vecferry::wire {

/// Of facet: {"hits":[{"value":…,"count":…}]}.
Status fill(std::string_view result, qdrant::FacetResponse* message);

Status fill(const SnapshotInfo& snapshot, qdrant::SnapshotDescription* message);

}  // namespace vecferry::wire
