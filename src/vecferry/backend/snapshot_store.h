#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

/// Collections as the files in which their server itself keeps them, shard by shard.
namespace vecferry {

struct ShardInfo {
  uint32_t id = 0;
  std::optional<std::string> key{};  ///< as the column shard_key has it
};

/// Where a server gets a shard of another one, or of itself.
struct ShardAddress {
  std::string url{};
  std::string api_key{};  ///< never shown or logged
};

/// What a place says of itself to those that might exchange shards with it.
struct SnapshotKind {
  std::string place{};       ///< the same for the same server
  std::string generation{};  ///< those of one generation take each other's files: "1.18"
  bool recovers = false;     ///< collections can be filled with shards
};

/// Takes a file piece by piece.
using PieceSink = std::function<Status(std::string_view)>;
/// Fills the span; 0 at the end. An error means that the file is not to be used.
using PieceSource = std::function<Result<size_t>(std::span<char>)>;

/// A snapshot of a shard is made while it is sent, and kept nowhere: whatever happens, nothing of
/// it is left at the source. It is a point in time.
/// Thread: safe for concurrent use. Errors beside the named ones: those of reaching the place.
class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;

  virtual SnapshotKind kind() const = 0;
  /// By id. Errors: kIncompatible, with the reason, unless the node that is asked holds all of the
  /// collection's shards, active.
  virtual Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) = 0;
  /// OK only when all of it came. Errors: kRefused without the right; what the sink returned.
  virtual Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                            StopToken stop) = 0;
  /// Put a shard's file in the place of all that this shard holds. The settings must be the same:
  /// no server checks it. Errors: what the source returned; then the shard is as it was.
  virtual Status write_shard(std::string_view collection, uint32_t shard, const PieceSource& source,
                             StopToken stop) = 0;
  /// The same; the server gets the file itself.
  virtual Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                             StopToken stop) = 0;
  /// For `fetch_shard` of the same server.
  virtual ShardAddress address_of(std::string_view collection, uint32_t shard) const = 0;
};

}  // namespace vecferry
