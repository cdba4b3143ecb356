#pragma once

#include <string_view>

#include "vecferry/base/error.h"

namespace qdrant {
class CollectionClusterInfoResponse;
class FacetResponse;
class ListShardKeysResponse;
class SnapshotDescription;
}  // namespace qdrant

/// What REST has as `result`, as the replies of gRPC, for a server. The older calls' replies
/// (search, recommend, discover) are on the wire what QueryResponse and its kin are. Errors:
/// kInternal for text that is no such result: a server made it itself.
namespace vecferry::wire {

/// Of facet: {"hits":[{"value":…,"count":…}]}.
Status fill(std::string_view result, qdrant::FacetResponse* message);
/// Of …/snapshots: {"name":…,"creation_time":…,"size":…,"checksum":…}.
Status fill(std::string_view result, qdrant::SnapshotDescription* message);
/// Of …/cluster.
Status fill(std::string_view result, qdrant::CollectionClusterInfoResponse* message);
/// Of …/shards: {"shard_keys":[{"key":…}]}.
Status fill(std::string_view result, qdrant::ListShardKeysResponse* message);

}  // namespace vecferry::wire
