#include "tests/routes/folder_server.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "arrow/record_batch.h"
#include "tests/support/temp_dir.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/sha256.h"
#include "vecferry/engine/snapshot.h"
#include "vecferry/model/points_schema.h"

namespace vecferry::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const StopToken kNever = StopToken::Unstoppable();

Status not_found(std::string_view name) {
  return fail({.kind = ErrorKind::kNotFound, .what = "no collection " + std::string(name)});
}

Status not_here(const char* what) {
  return fail({.kind = ErrorKind::kIncompatible, .what = what});
}

std::string text_of(const fs::path& file) {
  return read_file(file).ValueOrDie();
}

uint64_t octal(std::string_view field) {
  return std::stoull(std::string(field), nullptr, 8);
}

// Old GNU sparse members are as long in the file as their data, behind the blocks that continue
// their map.
std::vector<TarMember> members_of(const fs::path& file) {
  constexpr size_t kBlock = 512;
  constexpr size_t kHeaderExtended = 482;
  constexpr size_t kBlockExtended = 504;
  const std::string tar = text_of(file);
  std::vector<TarMember> members;
  std::string long_name;
  for (size_t block = 0; block + kBlock <= tar.size() && tar[block] != 0;) {
    const std::string_view header(tar.data() + block, kBlock);
    const char type = header[156];
    const uint64_t size = octal(header.substr(124, 11));
    block += kBlock;
    for (bool more = type == 'S' && header[kHeaderExtended] != 0; more; block += kBlock) {
      more = tar[block + kBlockExtended] != 0;
    }
    if (type == 'L') {
      long_name.assign(tar.c_str() + block);
    } else {
      members.push_back({long_name.empty() ? std::string(header.data()) : long_name, type});
      long_name.clear();
    }
    block += (size + kBlock - 1) / kBlock * kBlock;
  }
  return members;
}

}  // namespace

// Points that come to the server itself only tell of their shard keys.
class KeyWriter : public PointWriter {
 public:
  KeyWriter(FolderServer& server, std::string name) : server_(server), name_(std::move(name)) {}

  Status upsert(const arrow::RecordBatch& batch) override {
    ARROW_ASSIGN_OR_RAISE(const auto points, PointsView::make(batch));
    ARROW_ASSIGN_OR_RAISE(const auto shards, server_.shards(name_, kNever));
    for (int64_t row = 0; row < points.rows(); ++row) {
      const std::string key(*points.shard_key(row));
      server_.calls.push_back("key " + key);
      std::ofstream(server_.at(name_) / "keys", std::ios::app) << key << "\n";
    }
    return Status::OK();
  }
  Status remove(std::span<const PointId> /*ids*/) override { return Status::OK(); }
  Status checkpoint() override { return Status::OK(); }

 private:
  FolderServer& server_;
  std::string name_;
};

FolderServer::FolderServer(fs::path folder, std::vector<ShardInfo> shards)
    : folder_(std::move(folder)), shards_(std::move(shards)) {
  fs::create_directories(folder_);
}

fs::path FolderServer::at(std::string_view collection) const {
  return folder_ / collection;
}

fs::path FolderServer::file_of(std::string_view collection, uint32_t shard) const {
  return at(collection) / (std::to_string(shard) + ".snapshot");
}

bool FolderServer::has_arrived(std::string_view collection, uint32_t shard) const {
  return fs::exists(file_of(collection, shard));
}

bool FolderServer::finished(std::string_view collection) const {
  return fs::exists(at(collection) / "finished");
}

ArrivedShard FolderServer::arrived(std::string_view collection, uint32_t shard) const {
  const fs::path file = file_of(collection, shard);
  ArrivedShard arrived{.file_bytes = fs::file_size(file), .members = members_of(file)};
  for (const auto& member : arrived.members) {
    constexpr std::string_view kLog = "wal/closed-";
    if (member.name.rfind(kLog, 0) == 0) {
      arrived.next_operation = std::stoull(member.name.substr(kLog.size()));
    }
  }
  const TempDir dir;
  const auto unpacked = engine::unpack_snapshot(file, dir.path() / "out", {}, kNever).ValueOrDie();
  arrived.replica_state = unpacked.shards.front().replica_state;
  const auto opened =
      engine::Shard::open(unpacked.shards.front().folder, {.wal = false}).ValueOrDie();
  const Json info = Json::parse(opened->info().ValueOrDie());
  arrived.last_operation = info["last_operation"].get<uint64_t>();
  arrived.indexed_vectors = info["indexed_vectors_count"].get<uint64_t>();
  arrived.config = opened->config().ValueOrDie();
  engine::ScanRequest request;
  for (;;) {
    const auto page = opened->scan(request).ValueOrDie();
    const auto more = to_points(*page.points);
    arrived.points.insert(arrived.points.end(), more.begin(), more.end());
    if (!page.next) {
      return arrived;
    }
    request.range.from = page.next;
  }
}

std::vector<TestPoint> FolderServer::points(std::string_view collection) const {
  std::vector<TestPoint> all;
  for (const auto& entry : fs::directory_iterator(at(collection))) {
    if (entry.path().extension() == ".snapshot") {
      const auto id = static_cast<uint32_t>(std::stoul(entry.path().stem().string()));
      const auto some = arrived(collection, id).points;
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  std::sort(all.begin(), all.end(),
            [](const TestPoint& a, const TestPoint& b) { return a.id < b.id; });
  return all;
}

Capabilities FolderServer::capabilities() const {
  return {.shard_keys = true, .live = true};
}

Result<std::vector<CollectionSummary>> FolderServer::list(StopToken /*stop*/) {
  std::vector<CollectionSummary> names;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (finished(name)) {
      names.push_back({.name = name});
    }
  }
  return names;
}

Result<CollectionConfig> FolderServer::describe(std::string_view name, StopToken /*stop*/) {
  if (described) {
    return *described;
  }
  const auto text = read_file(at(name) / "config.json");
  if (!text.ok()) {
    return not_found(name);
  }
  return parse_collection_config(*text);
}

Result<uint64_t> FolderServer::count(std::string_view name, const Filter* /*filter*/,
                                     StopToken /*stop*/) {
  return points(name).size();
}

Status FolderServer::create(std::string_view name, const CollectionConfig& config, StopToken stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  if (fs::exists(at(name))) {
    return fail({.kind = ErrorKind::kExists, .what = "it exists"});
  }
  calls.emplace_back("create");
  CollectionConfig held = config;
  Json settings = Json::parse(held.settings_json);
  settings["optimizer_config"]["indexing_threshold"] = 0;
  held.settings_json = settings.dump();
  held.payload_indexes.clear();
  fs::create_directory(at(name));
  return write_durably(at(name) / "config.json", to_json(held));
}

Result<bool> FolderServer::take_over(std::string_view name, StopToken /*stop*/) {
  return fs::exists(at(name)) && !finished(name);
}

Status FolderServer::drop(std::string_view name, StopToken stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  calls.emplace_back("drop");
  return fs::remove_all(at(name)) > 0 ? Status::OK() : not_found(name);
}

Status FolderServer::finish(std::string_view name, const CollectionConfig& config, StopToken stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  calls.emplace_back("finish");
  ARROW_RETURN_NOT_OK(write_durably(at(name) / "config.json", to_json(config)));
  return write_durably(at(name) / "finished", "");
}

Status FolderServer::change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) {
  return not_here("no aliases here");
}

Result<std::vector<IdRange>> FolderServer::plan_scan(std::string_view /*name*/,
                                                     const Filter* /*filter*/, int /*parts*/,
                                                     StopToken /*stop*/) {
  return std::vector<IdRange>(1);
}

Result<std::unique_ptr<PointReader>> FolderServer::open_reader(std::string_view /*name*/,
                                                               const ScanOptions& /*options*/,
                                                               StopToken /*stop*/) {
  return not_here("no readers here");
}

Result<std::unique_ptr<PointWriter>> FolderServer::open_writer(std::string_view name,
                                                               StopToken /*stop*/) {
  return std::make_unique<KeyWriter>(*this, std::string(name));
}

Status FolderServer::may_read(std::string_view /*collection*/, StopToken /*stop*/) {
  return allowed;
}

Result<std::vector<ShardInfo>> FolderServer::shards(std::string_view collection, StopToken stop) {
  if (listed) {
    return *listed;
  }
  ARROW_RETURN_NOT_OK(poll(stop));
  auto all = shards_;
  std::ifstream keys(at(collection) / "keys");
  for (std::string key; std::getline(keys, key);) {
    const bool known = std::any_of(all.begin(), all.end(),
                                   [&](const ShardInfo& shard) { return shard.key == key; });
    if (!known) {  // two shards a key
      const auto next = static_cast<uint32_t>(all.size()) + 1;
      all.push_back({.id = next, .key = key});
      all.push_back({.id = next + 1, .key = key});
    }
  }
  return all;
}

Status FolderServer::read_shard(std::string_view /*collection*/, uint32_t /*shard*/,
                                const PieceSink& /*sink*/, StopToken /*stop*/) {
  return not_here("nothing is read here");
}

Status FolderServer::write_shard(std::string_view collection, uint32_t shard, const ShardFile& file,
                                 StopToken stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  calls.push_back("write " + std::to_string(shard));
  if (on_write) {
    on_write(shard);
  }
  if (const auto found = refused.find(shard); found != refused.end()) {
    return found->second;
  }
  const std::string content = text_of(file.path);
  Sha256 hash;
  hash.add(content);
  if (hash.hex() != file.sha256) {
    return fail({.kind = ErrorKind::kCorrupt, .what = "the checksum is another one"});
  }
  return write_durably(file_of(collection, shard), content);
}

Status FolderServer::fetch_shard(std::string_view /*collection*/, uint32_t /*shard*/,
                                 const ShardAddress& /*from*/, StopToken /*stop*/) {
  return not_here("nothing is fetched here");
}

Result<ShardAddress> FolderServer::address_of(std::string_view /*collection*/, uint32_t /*shard*/,
                                              StopToken /*stop*/) {
  return not_here("nothing is fetched from here");
}

// A server takes the number of the next operation from the log's name, and passes over an update
// whose number is not above the point's.
Status FolderServer::prove_writable(std::string_view collection, uint64_t least_operation,
                                    StopToken stop) {
  calls.emplace_back("prove");
  ARROW_ASSIGN_OR_RAISE(const auto all, shards(collection, stop));
  for (const auto& shard : all) {
    const auto there = arrived(collection, shard.id);
    if (there.next_operation < least_operation || there.next_operation <= there.last_operation) {
      return fail({.kind = ErrorKind::kCorrupt, .what = "writes would be dropped"});
    }
  }
  return Status::OK();
}

}  // namespace vecferry::testing
