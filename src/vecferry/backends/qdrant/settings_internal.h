#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backends/qdrant/connection_internal.h"
#include "vecferry/base/process_identity.h"
#include "vecferry/model/config.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::remote {

/// A load that has begun and not ended, as the collection's metadata tells it: whoever comes later
/// sees it, and what is still to be set. Servers before 1.15.4 have no metadata, so there it is not
/// known.
struct UnfinishedLoad {
  std::string load_id{};
  std::string since{};  ///< UTC
  ProcessIdentity owner{};
  std::string finish_body{};  ///< what PATCH /collections/{c} is to say at its end; may be empty
};

/// The body of the PATCH that ends such a load by hand: what is to be set, and the mark gone.
std::string ending_of(const UnfinishedLoad& load);

/// A collection as it is now.
struct CollectionFacts {
  CollectionConfig config{};  ///< without our mark, without aliases
  wire::CollectionState state{};
  std::optional<UnfinishedLoad> unfinished{};
};

/// Errors: kNotFound.
Result<CollectionFacts> facts_of(const Connection& connection, std::string_view collection,
                                 const StopToken& stop);

/// The same from the `result` of GET /collections/{c}.
Result<CollectionFacts> facts_of_info(std::string_view info);

/// The same, once it is sure that gRPC, where points go over it, leads to the same collection.
/// Errors: kConflict.
Result<CollectionFacts> facts_for_points(const Connection& connection, std::string_view collection,
                                         const StopToken& stop);

/// Create it marked as unfinished, no index being built. A load that a dead process of this machine
/// left is replaced.
/// Errors: kExists.
Status create_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop);

/// The load that a dead process of this machine left becomes this process's. False: there is none.
/// Errors: kNotFound for a collection that is not there.
Result<bool> take_over_load(const Connection& connection, std::string_view name,
                            const StopToken& stop);

/// Payload indexes built and dropped, parameters patched; waits until the server is ready.
Status change_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop);

/// Payload indexes, the wanted thresholds, waiting until the server is ready; then the mark goes.
/// May be repeated after any failure.
Status finish_collection(const Connection& connection, std::string_view name,
                         const CollectionConfig& config, const StopToken& stop);

}  // namespace vecferry::remote
