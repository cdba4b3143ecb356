#include "vecferry/backend/read_only_snapshots.h"

namespace vecferry {
namespace {

Status read_only() {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "these shards are files, which are only read",
               .next = "write to a server"});
}

}  // namespace

Status ReadOnlySnapshots::may_write(StopToken /*stop*/) {
  return read_only();
}

Status ReadOnlySnapshots::write_shard(std::string_view /*collection*/, uint32_t /*shard*/,
                                      const ShardFile& /*file*/, StopToken /*stop*/) {
  return read_only();
}

Status ReadOnlySnapshots::fetch_shard(std::string_view /*collection*/, uint32_t /*shard*/,
                                      const ShardAddress& /*from*/, StopToken /*stop*/) {
  return read_only();
}

Result<ShardAddress> ReadOnlySnapshots::address_of(std::string_view /*collection*/,
                                                   uint32_t /*shard*/, StopToken /*stop*/) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "a file here has no address that a server could fetch it from"});
}

Status ReadOnlySnapshots::prove_writable(std::string_view /*collection*/,
                                         uint64_t /*least_operation*/, StopToken /*stop*/) {
  return read_only();
}

}  // namespace vecferry
