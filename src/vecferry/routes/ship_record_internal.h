#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backend/snapshot_store.h"
#include "vecferry/base/error.h"
#include "vecferry/model/config.h"

namespace vecferry::ship {

struct ShardRecord {
  ShardInfo info{};
  bool in_place = false;        ///< at the target; nothing of it is left in the spool
  uint64_t next_operation = 0;  ///< once it was packed
};

/// `ship.json` of a load's folder, which is written when all its shards are there:
/// {"format":"vecferry.ship","version":1,"collection":NAME,"shards":[{"id","key"?,"in_place",
/// "next_operation"}],"settings":{a collection's JSON form}}.
struct ShipRecord {
  std::string collection{};
  CollectionConfig settings{};  ///< of the shards; payload indexes come at the end
  std::vector<ShardRecord> shards{};
};

Status write_record(const std::filesystem::path& folder, const ShipRecord& record);
/// Errors: kNotFound when there is none, or it is another collection's; kCorrupt.
Result<ShipRecord> read_record(const std::filesystem::path& folder, std::string_view collection);

/// What the shards are made with: what the target said of the collection when it had made it, its
/// own defaults included, but with the indexing threshold that is wanted, which is held back while
/// a load goes on. Errors: kCorrupt for settings that are no JSON object.
Result<CollectionConfig> shard_settings(const CollectionConfig& at_target,
                                        const CollectionConfig& wanted);

/// Of two such, what would make the server build segments anew, or take no writes: sentences.
std::vector<std::string> segment_differences(const CollectionConfig& built,
                                             const CollectionConfig& now);

}  // namespace vecferry::ship
