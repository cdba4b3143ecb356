#pragma once

#include <memory>
#include <string_view>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/known_collections_internal.h"
#include "vecferry/backends/qdrant/pacing_internal.h"
#include "vecferry/backends/qdrant/shard_keys_internal.h"

namespace vecferry::remote {

/// What all writers of one place share.
struct WriterPlace {
  std::shared_ptr<const Connection> connection{};
  std::shared_ptr<Pace> pace{};
  std::shared_ptr<ShardKeys> shard_keys{};
  std::shared_ptr<KnownCollections> known{};
};

struct WriterTarget {
  std::string collection{};
  CollectionConfig config{};
  /// The collection is being loaded by us: whatever has an id in it is what we wrote.
  bool fresh = false;
};

/// Writes with `wait`, so that an answer means stored. Over gRPC a few requests are in flight, so
/// that encoding here and storing there overlap; an error of one comes with a later call.
Result<std::unique_ptr<PointWriter>> make_writer(WriterPlace place, WriterTarget target,
                                                 StopToken stop);

}  // namespace vecferry::remote
