#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
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

/// A shard snapshot on this machine.
struct ShardFile {
  std::filesystem::path path{};
  std::string sha256{};  ///< in hex; empty: not known
};

/// What a place says of itself to those that might exchange shards with it.
struct SnapshotKind {
  std::string place{};       ///< the same for the same server
  std::string generation{};  ///< of the files it writes: the server's minor version, "1.18"
};

/// Takes a file piece by piece.
using PieceSink = std::function<Status(std::string_view)>;

/// A snapshot of a shard is made while it is sent, and kept nowhere: whatever happens, nothing of
/// it is left at the source. It is a point in time.
/// Thread: safe for concurrent use. Errors beside the named ones: those of reaching the place.
class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;

  virtual SnapshotKind kind() const = 0;
  /// May shards be read, or put in place, with the key in use? Changes nothing.
  /// Errors: kRefused, kIncompatible, with the reason.
  virtual Status may_read(std::string_view collection, StopToken stop) = 0;
  virtual Status may_write(StopToken stop) = 0;
  /// By id. Errors: kIncompatible, with the reason, unless the nodes that can be asked hold all of
  /// the collection's shards, active, and none is being moved.
  virtual Result<std::vector<ShardInfo>> shards(std::string_view collection, StopToken stop) = 0;
  /// OK only when all of it came. The sink must not dawdle: a server that is not read on holds back
  /// its other work. Errors: kRefused without the right; what the sink returned.
  virtual Status read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                            StopToken stop) = 0;
  /// Put a shard's file in the place of all that this shard holds, at each of its holders. The
  /// settings must be the same: no server checks it. Errors: then the shard is as it was.
  virtual Status write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                             StopToken stop) = 0;
  /// The same; the server gets the file itself.
  virtual Status fetch_shard(std::string_view collection, uint32_t shard, const ShardAddress& from,
                             StopToken stop) = 0;
  /// For `fetch_shard` of the same server or another one. Errors: as `shards`.
  virtual Result<ShardAddress> address_of(std::string_view collection, uint32_t shard,
                                          StopToken stop) = 0;
  /// After write_shard: do writes to each shard take effect, with operation numbers from
  /// `least_operation` on? Tried with a write that changes nothing.
  /// Errors: kCorrupt when a server would acknowledge writes and drop them.
  virtual Status prove_writable(std::string_view collection, uint64_t least_operation,
                                StopToken stop) = 0;
};

}  // namespace vecferry
