#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "vecferry/model/config.h"

/// The limits of strict mode (`strict_mode_config`), as far as this server has them: sizes of
/// requests, exact search, filters on fields without an index. Rates and sizes of collections are
/// not limited. Errors: kUsage in Qdrant's words.
namespace vecferry::server {

Status check_limit(const CollectionConfig& config, std::optional<uint64_t> limit);
Status check_upsert(const CollectionConfig& config, int64_t points);
/// A body of points/query or of count.
Status check_search(const CollectionConfig& config, const nlohmann::json& body);
Status check_index_count(const CollectionConfig& config, std::string_view path);

}  // namespace vecferry::server
