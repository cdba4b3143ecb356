#include "vecferry/server/snapshots.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "arrow/record_batch.h"
#include "vecferry/backend/location.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/log.h"
#include "vecferry/engine/shard.h"
#include "vecferry/engine/snapshot.h"
#include "vecferry/server/download.h"
#include "vecferry/server/snapshot_tar.h"
#include "vecferry/server/words.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kChecksum = ".checksum";
// What a server's snapshots name the node that made them.
constexpr int kPeer = 1;

// A folder that is gone with the object.
class Scratch {
 public:
  static Result<std::unique_ptr<Scratch>> make(const Collections& collections,
                                               std::string_view name) {
    ARROW_ASSIGN_OR_RAISE(auto path, collections.scratch_folder(name));
    return std::make_unique<Scratch>(std::move(path));
  }
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path_, error);
    if (error) {
      log(LogLevel::kWarning, "cannot remove a folder that is no longer used",
          {{"folder", path_.string()}, {"error", error.message()}});
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Status failed(const std::error_code& error, std::string_view what, const fs::path& path) {
  return in_qdrants_words(
      system_failure(error.value(), fmt::format("{} '{}'", what, path.string()), path.string()));
}

Status move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return error ? failed(error, "cannot move", from) : Status::OK();
}

Result<std::shared_ptr<Collection>> collection_of(const Collections& collections,
                                                  const SnapshotScope& scope) {
  ARROW_ASSIGN_OR_RAISE(auto collection, collections.find(scope.collection));
  if (scope.shard.value_or(0) != 0) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("Not found: shard {} not found", *scope.shard)});
  }
  return collection;
}

fs::path folder_of(const Collections& collections, const Collection& collection,
                   const SnapshotScope& scope) {
  const fs::path folder = collections.snapshots_folder(collection.name());
  return scope.shard ? folder / "shards" / "0" : folder;
}

Status no_snapshot(std::string_view name) {
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("Not found: Snapshot {} not found", name)});
}

bool is_snapshot(const fs::path& path) {
  return path.extension() == ".snapshot";
}

std::string created_at(const fs::path& file) {
  std::error_code ignored;
  const auto written = fs::last_write_time(file, ignored);
  const auto since = std::chrono::time_point_cast<std::chrono::seconds>(
      written - fs::file_time_type::clock::now() + std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(since)));
}

Result<wire::SnapshotInfo> info_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) {
    return no_snapshot(file.filename().string());
  }
  auto checksum = read_file(file.string() + std::string(kChecksum));
  return wire::SnapshotInfo{.name = file.filename().string(),
                            .created = created_at(file),
                            .size_bytes = size,
                            .sha256 = checksum.ok() ? *std::move(checksum) : std::string()};
}

std::string snapshot_name(const Collection& collection, const SnapshotScope& scope) {
  const auto now =
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  return scope.shard
             ? fmt::format("{}-shard-0-{:%Y-%m-%d-%H-%M-%S}.snapshot", collection.name(), now)
             : fmt::format("{}-{}-{:%Y-%m-%d-%H-%M-%S}.snapshot", collection.name(), kPeer, now);
}

// The files of a collection snapshot that stand beside its shard.
std::vector<std::pair<std::string, std::string>> own_members(const CollectionConfig& config) {
  Json settings = Json::parse(config.settings_json, nullptr, false);
  settings["params"]["shard_number"] = 1;  // so many are in it
  Json schema = Json::object();
  for (const auto& index : config.payload_indexes) {
    schema[index.path] = Json::parse(index.schema_json, nullptr, false);
  }
  return {{"version.info", "0.4.2"},
          {"config.json", settings.dump()},
          {"shard_key_mapping.json", "[]"},
          {"payload_index.json", Json{{"schema", schema}}.dump()}};
}

Status pack(Collection& collection, const SnapshotScope& scope, const fs::path& scratch,
            const fs::path& file) {
  if (scope.shard) {
    return collection.pack(file);
  }
  const fs::path shard = scratch / "shard.snapshot";
  ARROW_RETURN_NOT_OK(collection.pack(shard));
  return in_qdrants_words(
      write_collection_snapshot(shard, own_members(*collection.config()), file));
}

// Bring the points of several shards together in one.
Status merge(const std::vector<engine::UnpackedShard>& shards, const CollectionConfig& config,
             const fs::path& folder) {
  CollectionConfig bare = config;
  bare.payload_indexes.clear();  // built once, at the end
  ARROW_ASSIGN_OR_RAISE(const auto whole, engine::Shard::create(folder, bare, {.wal = false}));
  for (const auto& part : shards) {
    ARROW_ASSIGN_OR_RAISE(const auto shard, engine::Shard::open(part.folder, {.wal = true}));
    engine::ScanRequest request;
    do {
      ARROW_ASSIGN_OR_RAISE(auto page, shard->scan(request));
      request.range.from = page.next;
      if (page.points->num_rows() > 0) {
        ARROW_RETURN_NOT_OK(whole->upsert(*page.points));
      }
    } while (request.range.from);
    ARROW_RETURN_NOT_OK(shard->close());
  }
  for (const auto& index : config.payload_indexes) {
    ARROW_RETURN_NOT_OK(whole->create_index(index));
  }
  return whole->close();
}

Status fits(const CollectionConfig& ours, const CollectionConfig& theirs) {
  const auto vectors = [](const CollectionConfig& config) {
    return Json::parse(config.settings_json, nullptr, false)["params"]["vectors"];
  };
  if (ours.vectors == theirs.vectors && vectors(ours) == vectors(theirs)) {
    return Status::OK();
  }
  return bad_request(fmt::format(
      "Snapshot is not compatible with existing collection: Collection vectors: {} Snapshot "
      "vectors: {}",
      vectors(ours).dump(), vectors(theirs).dump()));
}

// The settings under which an unpacked collection is taken.
Result<CollectionConfig> settings_of(const Collections& collections, std::string_view name,
                                     const CollectionConfig& unpacked) {
  if (unpacked.custom_sharding()) {
    return not_served("custom sharding");
  }
  CollectionConfig config = unpacked;
  if (const auto found = collections.find(name); found.ok()) {
    const auto ours = (*found)->config();
    ARROW_RETURN_NOT_OK(fits(*ours, unpacked));
    config = *ours;
    config.payload_indexes = unpacked.payload_indexes;
  }
  config.aliases.clear();
  return config;
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Status in_snapshots_folder(const Collections& collections, const fs::path& file) {
  std::error_code error;
  const fs::path root =
      fs::weakly_canonical(collections.snapshots_folder("x").parent_path(), error);
  const fs::path real = fs::weakly_canonical(file, error);
  const auto diverged = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
  if (error || diverged.first != root.end()) {
    return refused(
        fmt::format("Snapshot file {} must be inside the snapshots directory", file.string()));
  }
  return fs::is_regular_file(real, error)
             ? Status::OK()
             : wrong_input(fmt::format("Snapshot file {} does not exist", file.string()));
}

}  // namespace

Result<std::string> file_checksum(const fs::path& file) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  std::ifstream in(file, std::ios::binary);
  bool good = in.good() && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::string buffer(size_t{1} << 20U, '\0');
  while (good && in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    good = !in.bad() &&
           EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(in.gcount())) == 1;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("Service internal error: cannot read '{}'", file.string())});
  }
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += fmt::format("{:02x}", digest.at(i));
  }
  return hex;
}

Status check_checksum(std::string_view checksum) {
  constexpr size_t kDigits = 64;
  const bool good =
      checksum.empty() || (checksum.size() == kDigits &&
                           std::all_of(checksum.begin(), checksum.end(),
                                       [](unsigned char c) { return std::isxdigit(c) != 0; }));
  return good ? Status::OK()
              : fail({.kind = ErrorKind::kUsage,
                      .what = "Validation error in JSON body: [checksum: invalid SHA-256 hash]"});
}

Result<wire::SnapshotInfo> create_snapshot(Collections& collections, const SnapshotScope& scope) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, collection_of(collections, scope));
  ARROW_RETURN_NOT_OK(collection->check_writable());
  ARROW_ASSIGN_OR_RAISE(const auto scratch, Scratch::make(collections, collection->name()));
  const fs::path folder = folder_of(collections, *collection, scope);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return failed(error, "cannot make folder", folder);
  }
  const fs::path packed = scratch->path() / "packed.snapshot";
  ARROW_RETURN_NOT_OK(pack(*collection, scope, scratch->path(), packed));
  ARROW_ASSIGN_OR_RAISE(const auto checksum, file_checksum(packed));
  const fs::path file = folder / snapshot_name(*collection, scope);
  ARROW_RETURN_NOT_OK(
      in_qdrants_words(write_durably(file.string() + std::string(kChecksum), checksum)));
  ARROW_RETURN_NOT_OK(move(packed, file));
  ARROW_RETURN_NOT_OK(in_qdrants_words(sync_folder(folder)));
  return info_of(file);
}

Result<std::vector<wire::SnapshotInfo>> list_snapshots(Collections& collections,
                                                       const SnapshotScope& scope) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, collection_of(collections, scope));
  std::vector<wire::SnapshotInfo> all;
  std::error_code error;
  for (fs::directory_iterator next(folder_of(collections, *collection, scope), error);
       !error && next != fs::directory_iterator(); next.increment(error)) {
    if (is_snapshot(next->path())) {
      if (auto info = info_of(next->path()); info.ok()) {
        all.push_back(*std::move(info));
      }
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

Result<fs::path> find_snapshot(Collections& collections, const SnapshotScope& scope,
                               std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, collection_of(collections, scope));
  ARROW_ASSIGN_OR_RAISE(const auto all, list_snapshots(collections, scope));
  // Only a name that is there becomes a path.
  const bool there =
      std::any_of(all.begin(), all.end(), [&](const auto& info) { return info.name == name; });
  if (!there) {
    return no_snapshot(name);
  }
  return folder_of(collections, *collection, scope) / std::string(name);
}

Status delete_snapshot(Collections& collections, const SnapshotScope& scope,
                       std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, collection_of(collections, scope));
  ARROW_RETURN_NOT_OK(collection->check_writable());
  ARROW_ASSIGN_OR_RAISE(const fs::path file, find_snapshot(collections, scope, name));
  std::error_code error;
  fs::remove(file, error);
  if (error) {
    return failed(error, "cannot remove", file);
  }
  fs::remove(file.string() + std::string(kChecksum), error);
  return Status::OK();
}

Result<StreamedSnapshot> stream_snapshot(Collections& collections, const SnapshotScope& scope) {
  ARROW_ASSIGN_OR_RAISE(const auto collection, collection_of(collections, scope));
  ARROW_ASSIGN_OR_RAISE(const fs::path scratch, collections.scratch_folder(collection->name()));
  StreamedSnapshot streamed{.file = scratch / "streamed.snapshot",
                            .name = snapshot_name(*collection, scope)};
  const Status packed = pack(*collection, scope, scratch, streamed.file);
  if (!packed.ok()) {
    const Scratch remove(scratch);
    return packed;
  }
  return streamed;
}

Status recover_file(Collections& collections, const SnapshotScope& scope, const fs::path& file) {
  std::string name = scope.collection;
  if (const auto found = collections.find(name); found.ok()) {
    name = (*found)->name();
  }
  std::shared_ptr<Collection> existing;
  if (scope.shard) {
    ARROW_ASSIGN_OR_RAISE(existing, collection_of(collections, scope));
  }
  ARROW_ASSIGN_OR_RAISE(const auto made, Scratch::make(collections, name));
  ARROW_ASSIGN_OR_RAISE(const auto scratch, Scratch::make(collections, name));
  ARROW_ASSIGN_OR_RAISE(const auto unpacked,
                        in_qdrants_words(engine::unpack_snapshot(file, scratch->path() / "unpacked",
                                                                 {}, StopToken::Unstoppable())));
  if (unpacked.config.has_value() == scope.shard.has_value() || unpacked.shards.empty()) {
    return bad_request(scope.shard ? "this is no shard snapshot"
                                   : "this is no collection snapshot");
  }
  CollectionConfig config;
  if (scope.shard) {
    config = *existing->config();
    ARROW_ASSIGN_OR_RAISE(const auto shard,
                          in_qdrants_words(engine::Shard::open(unpacked.shards[0].folder, {})));
    ARROW_ASSIGN_OR_RAISE(const auto theirs, in_qdrants_words(shard->config()));
    ARROW_RETURN_NOT_OK(in_qdrants_words(shard->close()));
    if (config.vectors != theirs.vectors) {
      return bad_request("Snapshot is not compatible with existing collection: other vectors");
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(config, settings_of(collections, name, *unpacked.config));
  }
  const fs::path shard = made->path() / "shard";
  if (unpacked.shards.size() == 1) {
    ARROW_RETURN_NOT_OK(move(unpacked.shards[0].folder, shard));
  } else {
    ARROW_RETURN_NOT_OK(in_qdrants_words(merge(unpacked.shards, config, shard)));
  }
  return collections.adopt(name, config, made->path());
}

Status recover(Collections& collections, const SnapshotScope& scope, const RecoverArgs& args) {
  ARROW_RETURN_NOT_OK(check_checksum(args.checksum));
  std::unique_ptr<Scratch> scratch;
  fs::path file;
  if (starts_with(args.location, "http://") || starts_with(args.location, "https://")) {
    ARROW_ASSIGN_OR_RAISE(scratch, Scratch::make(collections, scope.collection));
    file = scratch->path() / "downloaded.snapshot";
    ARROW_RETURN_NOT_OK(download(args.location, args.api_key, file));
  } else if (starts_with(args.location, "file://")) {
    ARROW_ASSIGN_OR_RAISE(file, percent_decode(args.location.substr(7)));
    ARROW_RETURN_NOT_OK(in_snapshots_folder(collections, file));
  } else if (scope.shard) {
    ARROW_ASSIGN_OR_RAISE(file, find_snapshot(collections, scope, args.location));
  } else {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "Format error in JSON body: location: relative URL without a base"});
  }
  if (!args.checksum.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto got, file_checksum(file));
    if (got != args.checksum) {
      return wrong_input(
          fmt::format("Snapshot checksum mismatch: expected {}, got {}", args.checksum, got));
    }
  }
  return recover_file(collections, scope, file);
}

}  // namespace vecferry::server
