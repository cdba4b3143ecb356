#include "vecferry/routes/kept_shards.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "vecferry/routes/spool.h"

namespace vecferry {
namespace {

constexpr size_t kBlockBytes = size_t{1} << 20;

Status no_shards(std::string_view collection) {
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("no shards of '{}' were kept", collection)});
}

}  // namespace

KeptShards::KeptShards(SnapshotKind kind, std::string collection, std::vector<ShardInfo> shards,
                       std::filesystem::path folder)
    : kind_(std::move(kind)),
      collection_(std::move(collection)),
      shards_(std::move(shards)),
      folder_(std::move(folder)) {}

Result<std::vector<ShardInfo>> KeptShards::shards(std::string_view collection, StopToken /*stop*/) {
  if (collection != collection_) {
    return no_shards(collection);
  }
  return shards_;
}

Status KeptShards::read_shard(std::string_view collection, uint32_t shard, const PieceSink& sink,
                              StopToken stop) {
  if (collection != collection_) {
    return no_shards(collection);
  }
  const auto path = spooled_file(folder_, shard);
  std::ifstream file(path, std::ios::binary);
  std::string block(kBlockBytes, '\0');
  while (file) {
    ARROW_RETURN_NOT_OK(poll(stop));
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    if (const auto count = static_cast<size_t>(file.gcount()); count > 0) {
      ARROW_RETURN_NOT_OK(sink(std::string_view(block).substr(0, count)));
    }
  }
  return file.eof() ? Status::OK()
                    : fail({.kind = ErrorKind::kIo,
                            .what = fmt::format("cannot read '{}'", path.string()),
                            .where = path.string()});
}

}  // namespace vecferry
