#include "vecferry/backends/snapshot/snapshot_backend.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <regex>
#include <utility>

#include "vecferry/backends/snapshot/merged_reader.h"
#include "vecferry/backends/snapshot/spool_internal.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/engine/snapshot.h"
#include "vecferry/model/shard_key.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// zstd makes a snapshot of vectors little smaller; holes in it cost nothing on either side.
constexpr uint64_t kUnpackedTimes = 3;

Status read_only(const fs::path& file) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "a snapshot file can only be read",
               .where = file.string(),
               .next = "copy it to a local place or another file"});
}

// A version that nobody knows is bad input like a cut file, not a target that cannot hold
// something.
Status as_bad_input(const Status& status) {
  Failure failure = failure_of(status);
  if (failure.kind == ErrorKind::kIncompatible) {
    failure.kind = ErrorKind::kCorrupt;
  }
  return fail(std::move(failure));
}

// The text of a key in the column `shard_key`.
std::string key_text(const Json& key) {
  return key.is_string() ? shard_key_text(key.get<std::string>())
                         : shard_key_text(key.get<uint64_t>());
}

// shard id -> key, from the snapshot's shard_key_mapping.json: a list of {"key","shard_ids"}, or an
// object key -> ids as older servers wrote it.
Result<std::map<uint32_t, std::string>> read_shard_keys(const fs::path& file) {
  std::map<uint32_t, std::string> keys;
  const auto text = read_file(file);
  if (!text.ok()) {
    ARROW_RETURN_NOT_OK(kind_of(text.status()) == ErrorKind::kNotFound ? Status::OK()
                                                                       : text.status());
    return keys;
  }
  try {
    const Json json = Json::parse(*text);
    const auto add = [&keys](const std::string& key, const Json& ids) {
      for (const auto& id : ids) {
        keys[id.get<uint32_t>()] = key;
      }
    };
    if (json.is_array()) {
      for (const auto& entry : json) {
        add(key_text(entry.at("key")), entry.at("shard_ids"));
      }
    } else {
      for (const auto& [key, ids] : json.items()) {
        add(key, ids);
      }
    }
  } catch (const Json::exception& error) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("cannot read the snapshot's shard keys: {}", error.what())});
  }
  return keys;
}

// What is there once the file is unpacked. Shards close before their folder goes.
struct Unpacked {
  TemporaryFolder spool;
  CollectionConfig config{};
  std::vector<snapshot::OpenShard> shards{};
};

class SnapshotBackend : public Backend {
 public:
  explicit SnapshotBackend(fs::path file)
      : file_(std::move(file)), name_(collection_of_snapshot(file_)) {}

  Capabilities capabilities() const override {
    return {.writable = false,
            .many_collections = false,
            .aliases = false,
            .shard_keys = true,
            .remove = false,
            .upsert_existing = false,
            .normalises_cosine = true,
            .rounds_payload_floats = true};
  }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    ARROW_ASSIGN_OR_RAISE(const uint64_t points, count(name_, nullptr, stop));
    return std::vector<CollectionSummary>{{.name = name_, .points_count = points}};
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    ARROW_ASSIGN_OR_RAISE(const auto* unpacked, unpack(stop));
    return unpacked->config;
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    ARROW_ASSIGN_OR_RAISE(const auto* unpacked, unpack(stop));
    return snapshot::count_shards(unpacked->shards, filter, stop);
  }

  Status create(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only(file_);
  }
  Status drop(std::string_view /*name*/, StopToken /*stop*/) override { return read_only(file_); }
  Status finish(std::string_view /*name*/, const CollectionConfig& /*config*/,
                StopToken /*stop*/) override {
    return read_only(file_);
  }
  Status change_aliases(std::span<const AliasChange> /*changes*/, StopToken /*stop*/) override {
    return read_only(file_);
  }
  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view /*name*/,
                                                   StopToken /*stop*/) override {
    return read_only(file_);
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* filter, int parts,
                                         StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    ARROW_ASSIGN_OR_RAISE(const auto* unpacked, unpack(stop));
    return snapshot::plan_shards(unpacked->shards, filter, parts, stop);
  }

  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_name(name));
    ARROW_ASSIGN_OR_RAISE(const auto* unpacked, unpack(stop));
    return snapshot::merge_shards(unpacked->shards, unpacked->config, options, std::move(stop));
  }

 private:
  Status check_name(std::string_view name) const {
    if (name == name_) {
      return Status::OK();
    }
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("the snapshot is of '{}', not of '{}'", name_, name),
                 .where = file_.string()});
  }

  Result<const Unpacked*> unpack(const StopToken& stop) {
    const std::lock_guard lock(mutex_);
    if (unpacked_ == nullptr) {
      auto made = unpack_file(stop);
      if (!made.ok()) {
        return classify(made.status(), ErrorKind::kCorrupt, file_.string(),
                        "take the snapshot again, or check the copy of the file");
      }
      unpacked_ = std::make_unique<Unpacked>(std::move(*made));
    }
    return unpacked_.get();
  }

  Result<Unpacked> unpack_file(const StopToken& stop) const {
    std::error_code error;
    const auto size = fs::file_size(file_, error);
    if (error) {
      return fail({.kind = error == std::errc::no_such_file_or_directory ? ErrorKind::kNotFound
                                                                         : ErrorKind::kIo,
                   .what = fmt::format("cannot open '{}': {}", file_.string(), error.message()),
                   .where = file_.string(),
                   .next = "check the path"});
    }
    const bool compressed = file_.extension() == ".zst";
    ARROW_ASSIGN_OR_RAISE(auto spool,
                          snapshot::make_spool(compressed ? size * kUnpackedTimes : size));
    const fs::path folder = spool.path() / "files";
    auto unpacked_files = engine::unpack_snapshot(file_, folder, engine::Progress{}, stop);
    if (!unpacked_files.ok()) {
      return as_bad_input(unpacked_files.status());
    }
    const engine::UnpackedSnapshot& found = *unpacked_files;
    Unpacked unpacked{.spool = std::move(spool)};
    ARROW_ASSIGN_OR_RAISE(const auto keys, read_shard_keys(folder / "shard_key_mapping.json"));
    for (const auto& entry : found.shards) {
      ARROW_RETURN_NOT_OK(open_shard(entry, found.config, keys, unpacked));
    }
    ARROW_RETURN_NOT_OK(check_whole(found, keys));
    return unpacked;
  }

  static Status open_shard(const engine::UnpackedShard& entry,
                           const std::optional<CollectionConfig>& config,
                           const std::map<uint32_t, std::string>& keys, Unpacked& unpacked) {
    if (entry.replica_state == "Dead") {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("shard {} was taken from a dead replica; its points are old",
                                       entry.id),
                   .next = "take the snapshot from a node whose replica is Active"});
    }
    auto shard = config ? engine::Shard::open(entry.folder, *config, {})
                        : engine::Shard::open(entry.folder, {});
    ARROW_RETURN_NOT_OK(shard.status());
    if (config) {
      unpacked.config = *config;
    } else {
      ARROW_ASSIGN_OR_RAISE(unpacked.config, (*shard)->config());
    }
    const auto key = keys.find(entry.id);
    unpacked.shards.push_back(
        {.shard = std::shared_ptr<engine::Shard>(std::move(*shard)),
         .key = key == keys.end() ? std::nullopt : std::optional(key->second)});
    return Status::OK();
  }

  // A snapshot of one node of a cluster has that node's shards only; half a collection must not
  // pass for a whole one.
  Status check_whole(const engine::UnpackedSnapshot& found,
                     const std::map<uint32_t, std::string>& keys) const {
    if (!found.config) {
      return Status::OK();
    }
    uint64_t expected = keys.size();
    if (keys.empty()) {
      const Json settings = Json::parse(found.config->settings_json, nullptr, false);
      expected = settings.value("/params/shard_number"_json_pointer, uint64_t{1});
    }
    if (found.shards.size() >= expected) {
      return Status::OK();
    }
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("the snapshot holds {} of {} shards", found.shards.size(), expected),
         .where = file_.string(),
         .next = "a node of a cluster snapshots its own shards only; take one of each node"});
  }

  const fs::path file_;
  const std::string name_;
  std::mutex mutex_;
  std::unique_ptr<Unpacked> unpacked_;  // guarded by mutex_ until it is set
};

}  // namespace

std::shared_ptr<Backend> open_snapshot(fs::path file) {
  return std::make_shared<SnapshotBackend>(std::move(file));
}

std::string collection_of_snapshot(const fs::path& file) {
  std::string name = file.filename().string();
  for (const std::string_view extension : {".zst", ".snapshot"}) {
    if (name.size() > extension.size() &&
        name.compare(name.size() - extension.size(), extension.size(), extension) == 0) {
      name.resize(name.size() - extension.size());
    }
  }
  static const std::regex server_made(
      R"(^(.+?)(-shard-\d+)?(-\d+)?-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2}$)");
  std::smatch match;
  return std::regex_match(name, match, server_made) ? match[1].str() : name;
}

}  // namespace vecferry
