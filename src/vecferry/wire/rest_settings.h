#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/config.h"
#include "vecferry/wire/features.h"

/// A collection's settings between REST bodies and `CollectionConfig`, both ways at both ends. Over
/// gRPC the same go through wire/grpc_settings.h, which speaks these bodies.
namespace vecferry::wire {

/// What collection info says of the present moment.
struct CollectionState {
  std::string status{};           ///< "green", "yellow", "grey", "red"
  std::string optimizer_error{};  ///< empty: none
  uint64_t points_count = 0;      ///< approximate
  uint64_t indexed_vectors_count = 0;
  uint64_t segments_count = 0;
  uint64_t queued_updates = 0;
  uint64_t deferred_points = 0;
  std::vector<std::string> warnings{};
};

/// `info` is the `result` of GET /collections/{c}.
/// Errors: kCorrupt; kIncompatible for a kind of vector that we cannot hold.
Result<CollectionConfig> config_of_info(std::string_view info, std::vector<std::string> aliases);
Result<CollectionState> state_of_info(std::string_view info);

struct CreateOptions {
  bool hold_indexing = false;  ///< no index is built before `finish_body`
};

/// What makes a collection, in the order in which it is sent.
struct CreatePlan {
  std::string create_body{};                ///< PUT /collections/{c}
  std::vector<std::string> index_bodies{};  ///< PUT /collections/{c}/index, one each
  /// PATCH /collections/{c} once the points are there: what creation cannot carry, and what would
  /// hinder a load. Empty: nothing to send.
  std::string finish_body{};
  std::vector<std::string> lost{};  ///< what this server cannot hold, in words
};

/// Errors: kIncompatible when the server has no such kind of vector.
Result<CreatePlan> plan_create(const CollectionConfig& config, const Features& features,
                               const CreateOptions& options = {});

/// The body of PATCH /collections/{c} that makes `current` settings the `wanted` ones; empty when
/// nothing differs. What PATCH cannot change must be the same in both (`with_settings_of`).
/// Errors: kCorrupt.
Result<std::string> patch_body(const CollectionConfig& current, const CollectionConfig& wanted);

struct AliasAction {
  std::string alias{};
  std::optional<std::string> collection{};  ///< none: remove the alias
};

/// The body of POST /collections/aliases. Names that move are removed first, so that a server that
/// refuses to re-point does not.
std::string alias_body(std::span<const AliasAction> actions);

/// For a server: the configuration that a create body asks for, with Qdrant's defaults for what it
/// leaves out.
/// Errors: kUsage in Qdrant's words.
Result<CollectionConfig> config_of_create(std::string_view body);

/// For a server: the configuration after a PATCH. Fields are merged at every level, null changes
/// nothing; `quantization_config: "Disabled"` and a null in `metadata` take away.
/// Errors: kUsage in Qdrant's words.
Result<CollectionConfig> patched(const CollectionConfig& config, std::string_view body);

/// For a server: the `result` of GET /collections/{c}. `indexed_points[i]` is how many points have
/// field i of the payload indexes.
std::string info_of(const CollectionConfig& config, const CollectionState& state,
                    std::span<const uint64_t> indexed_points);

/// A payload index from the body of PUT /collections/{c}/index.
/// Errors: kUsage in Qdrant's words.
Result<PayloadIndex> index_of_body(std::string_view body);

}  // namespace vecferry::wire
