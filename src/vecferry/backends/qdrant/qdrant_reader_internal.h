#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/backends/qdrant/known_collections_internal.h"

namespace vecferry::remote {

/// What all readers of one place share.
struct ReaderPlace {
  std::shared_ptr<const Connection> connection{};
  std::shared_ptr<KnownCollections> known{};
};

/// A scan of one collection in id order. With custom sharding each shard key is scrolled by itself
/// and the scrolls are merged: a scroll over all keys would give an id that lives under two of them
/// only once.
/// Lifetime: shares the connection.
Result<std::unique_ptr<PointReader>> open_scroll(const ReaderPlace& place,
                                                 std::string_view collection,
                                                 const CollectionConfig& config,
                                                 const ScanOptions& options, StopToken stop);

}  // namespace vecferry::remote
