#include "vecferry/archive/repository.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <random>

#include "arrow/buffer.h"
#include "arrow/io/interfaces.h"
#include "vecferry/archive/names.h"
#include "vecferry/archive/sealed_file.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/base/near_miss.h"
#include "vecferry/base/sha256.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHead = "vecferry-archive.json";
constexpr const char* kFormat = "vecferry-archive";
constexpr const char* kCollections = "collections/";
constexpr const char* kMarkName = "archived.json";
constexpr const char* kScheme = "aes-256-gcm";
constexpr const char* kCheckText = "{}";
constexpr int kVersion = 1;

constexpr int64_t kBlockBytes = int64_t{8} << 20;

std::string sha256_of(const arrow::Buffer& bytes) {
  Sha256 hash;
  hash.add(std::string_view(bytes));
  return hash.hex();
}

std::string hex_of(const std::string& bytes) {
  std::string hex;
  for (const char byte : bytes) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return hex;
}

std::optional<std::string> bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    const auto* end = hex.data() + i + 2;
    if (std::from_chars(hex.data() + i, end, value, 16).ptr != end) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(value));
  }
  return hex.size() % 2 == 0 ? std::optional(bytes) : std::nullopt;
}

// Version 4.
std::string new_uuid() {
  std::random_device random;
  const auto word = [&random] { return static_cast<uint32_t>(random()); };
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:08x}{:04x}", word(), word() & 0xFFFFU,
                     word() & 0xFFFU, (word() & 0x3FFFU) | 0x8000U, word(), word() & 0xFFFFU);
}

Status bad_head(const std::string& label, const std::string& what) {
  return fail(
      {.kind = ErrorKind::kCorrupt,
       .what = fmt::format("'{}' {}", kHead, what),
       .where = label,
       .next = "take it from a copy of the archive; without one, `restore --allow-partial` still "
               "reads what is not encrypted"});
}

struct Head {
  int version = 0;
  std::string id{};
  std::optional<std::string> check{};  // of an encrypted archive
};

std::optional<Head> parse_head(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (json.at("format") != kFormat) {
      return std::nullopt;
    }
    Head head{.version = json.at("version").get<int>(), .id = json.at("id").get<std::string>()};
    if (const Json& encryption = json.at("encryption"); !encryption.is_null()) {
      head.check = encryption.at("check").get<std::string>();
    }
    return head;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Status no_archive(const std::string& label) {
  return fail({.kind = ErrorKind::kNotFound,
               .what = "there is no archive here",
               .where = label,
               .next = "check the place; `vecferry backup LOC --to ARCHIVE` makes one"});
}

Result<std::string> folder_of(const std::string& collection) {
  ARROW_ASSIGN_OR_RAISE(const auto name, encode_name(collection));
  return kCollections + name + "/";
}

}  // namespace

Result<std::string> manifest_path(const std::string& collection, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto folder, folder_of(collection));
  return folder + id + ".json";
}

Result<std::shared_ptr<Repository>> Repository::open(const std::string& address,
                                                     RepositoryMode mode,
                                                     std::shared_ptr<const ArchiveKey> key,
                                                     StopToken stop) {
  ARROW_RETURN_NOT_OK(poll(stop));
  std::shared_ptr<Repository> repository(new Repository());
  repository->label_ = "archive:" + address;
  auto store = ArchiveStore::open(address, mode == RepositoryMode::kCreate);
  if (!store.ok()) {
    // Of a bucket its own words: nothing here makes one.
    const bool no_folder =
        kind_of(store.status()) == ErrorKind::kNotFound && address.find("://") == std::string::npos;
    return no_folder ? no_archive(repository->label_) : store.status();
  }
  repository->store_ = *std::move(store);
  const auto bytes = repository->store_->get(kHead);
  if (!bytes.ok() && kind_of(bytes.status()) != ErrorKind::kNotFound) {
    return bytes.status();
  }
  if (bytes.ok()) {
    repository->head_ = repository->read_head((*bytes)->ToString(), key);
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto backups, repository->store_->list(kCollections));
    if (backups.empty()) {
      ARROW_RETURN_NOT_OK(mode == RepositoryMode::kCreate ? repository->create(key)
                                                          : no_archive(repository->label_));
      return repository;
    }
    repository->head_ = bad_head(repository->label_, "is missing");
  }
  if (mode != RepositoryMode::kSalvage || kind_of(repository->head_) != ErrorKind::kCorrupt) {
    ARROW_RETURN_NOT_OK(repository->head_);
  }
  return repository;
}

Status Repository::create(const std::shared_ptr<const ArchiveKey>& key) {
  // Something else's folder is not made an archive of.
  ARROW_ASSIGN_OR_RAISE(const auto there, store_->list(""));
  if (!there.empty()) {
    return fail({.kind = ErrorKind::kExists,
                 .what = fmt::format("this is no archive, and not empty: it holds '{}'",
                                     there.front().path),
                 .where = label_,
                 .next = "name an empty or new folder"});
  }
  id_ = new_uuid();
  Json encryption = nullptr;
  if (key != nullptr) {
    ARROW_RETURN_NOT_OK(derive(*key));
    ARROW_ASSIGN_OR_RAISE(const auto check, seal(kCheckText, sealing_key_.get(), kHead));
    encryption = {{"scheme", kScheme}, {"check", hex_of(check)}};
  }
  const Json json = {{"format", kFormat},
                     {"version", kVersion},
                     {"id", id_},
                     {"created", time_of_backup(new_backup_id(std::chrono::system_clock::now()))},
                     {"encryption", std::move(encryption)}};
  ARROW_ASSIGN_OR_RAISE(const auto sealed, seal(json.dump(1), nullptr, kHead));
  return store_->put(kHead, sealed, IfThere::kRefuse);
}

Status Repository::derive(const ArchiveKey& key) {
  ARROW_ASSIGN_OR_RAISE(auto sealing, key.derive(id_, KeyUse::kManifest));
  ARROW_ASSIGN_OR_RAISE(const auto segment, key.derive(id_, KeyUse::kSegment));
  sealing_key_ = std::make_shared<const ArchiveKey>(std::move(sealing));
  segment_key_ = std::make_shared<const arrow::util::SecureString>(segment.bytes());
  return Status::OK();
}

Status Repository::read_head(const std::string& bytes,
                             const std::shared_ptr<const ArchiveKey>& key) {
  const auto text = unseal(bytes, nullptr, kHead);
  if (!text.ok()) {
    return bad_head(label_, failure_of(text.status()).what);
  }
  const auto head = parse_head(*text);
  if (!head) {
    return bad_head(label_, "is not of an archive");
  }
  if (head->version > kVersion) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = fmt::format("this archive is of version {}, this program knows up to {}",
                                     head->version, kVersion),
                 .where = label_,
                 .next = "use a newer vecferry"});
  }
  id_ = head->id;
  if (!head->check) {
    return Status::OK();
  }
  if (key == nullptr) {
    return fail({.kind = ErrorKind::kRefused,
                 .what = "this archive is encrypted",
                 .where = label_,
                 .next = "give its key with --key-file FILE or VECFERRY_KEY"});
  }
  ARROW_RETURN_NOT_OK(derive(*key));
  const auto check = bytes_of(*head->check);
  if (!check) {
    return bad_head(label_, "has no readable check of the key");
  }
  const auto opened = unseal(*check, sealing_key_.get(), kHead);
  if (opened.ok() && *opened == kCheckText) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kRefused,
               .what = "this is not the key of this archive",
               .where = label_,
               .next = "give the key that it was made with"});
}

Result<std::vector<std::string>> Repository::collections(StopToken stop) const {
  ARROW_RETURN_NOT_OK(poll(stop));
  ARROW_ASSIGN_OR_RAISE(const auto files, store_->list(kCollections));
  std::vector<std::string> names;
  for (const auto& file : files) {
    const std::string rest = file.path.substr(std::string_view(kCollections).size());
    const size_t slash = rest.find('/');
    if (slash == std::string::npos || !rest.ends_with(".json") ||
        !is_backup_id(std::string_view(rest).substr(slash + 1, rest.size() - slash - 6))) {
      continue;
    }
    // A folder that no name makes is none of ours; `check` tells of it.
    auto name = decode_name(rest.substr(0, slash));
    if (name.ok() && (names.empty() || names.back() != *name)) {
      names.push_back(*std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Result<std::vector<std::string>> Repository::backups(const std::string& collection,
                                                     StopToken stop) const {
  ARROW_RETURN_NOT_OK(poll(stop));
  ARROW_ASSIGN_OR_RAISE(const auto folder, folder_of(collection));
  ARROW_ASSIGN_OR_RAISE(const auto files, store_->list(folder));
  std::vector<std::string> ids;
  for (const auto& file : files) {
    const std::string name = file.path.substr(folder.size());
    if (name.ends_with(".json") &&
        is_backup_id(std::string_view(name).substr(0, name.size() - 5))) {
      ids.push_back(name.substr(0, name.size() - 5));
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<Manifest> Repository::manifest(const std::string& collection, const std::string& id) const {
  ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(collection, id));
  ARROW_ASSIGN_OR_RAISE(const auto json, get_sealed(path));
  ARROW_ASSIGN_OR_RAISE(auto manifest, parse_manifest(json, path));
  if (manifest.collection != collection || manifest.id != id) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("'{}' is the manifest of {}@{}", path, manifest.collection,
                                     manifest.id),
                 .where = label_,
                 .next = "somebody has moved it here: move it back"});
  }
  return manifest;
}

Result<Manifest> Repository::find(const std::string& collection, std::string_view when,
                                  StopToken stop) const {
  ARROW_ASSIGN_OR_RAISE(const auto ids, backups(collection, stop));
  if (ids.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto names, collections(stop));
    const std::vector<std::string_view> views(names.begin(), names.end());
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no backup of '{}' in this archive{}", collection,
                                     did_you_mean(collection, views)),
                 .where = label_,
                 .next = fmt::format("`vecferry archives {}` lists what there is", label_)});
  }
  ARROW_ASSIGN_OR_RAISE(const auto id, pick_backup(ids, when, label_ + "/" + collection));
  return manifest(collection, id);
}

Status Repository::add(const Manifest& manifest) {
  ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(manifest.collection, manifest.id));
  ARROW_ASSIGN_OR_RAISE(const auto sealed, seal(to_json(manifest), sealing_key_.get(), path));
  VECFERRY_KILL_POINT("archive.manifest");
  ARROW_RETURN_NOT_OK(store_->put(path, sealed, IfThere::kRefuse));
  VECFERRY_KILL_POINT("archive.added");
  return Status::OK();
}

Status Repository::replace(const Manifest& manifest) {
  ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(manifest.collection, manifest.id));
  return put_sealed(path, to_json(manifest));
}

Status Repository::remove(const std::string& collection, const std::string& id) {
  ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(collection, id));
  const Status removed = store_->remove(path);
  return !removed.ok() && kind_of(removed) == ErrorKind::kNotFound ? Status::OK() : removed;
}

Result<std::optional<ArchivedMark>> Repository::mark(const std::string& collection) const {
  ARROW_ASSIGN_OR_RAISE(const auto folder, folder_of(collection));
  const std::string path = folder + kMarkName;
  const auto json = get_sealed(path);
  if (!json.ok()) {
    ARROW_RETURN_NOT_OK(kind_of(json.status()) == ErrorKind::kNotFound ? Status::OK()
                                                                       : json.status());
    return std::optional<ArchivedMark>();
  }
  ARROW_ASSIGN_OR_RAISE(auto mark, parse_archived_mark(*json, path));
  return std::optional(std::move(mark));
}

Status Repository::set_mark(const ArchivedMark& mark) {
  ARROW_ASSIGN_OR_RAISE(const auto folder, folder_of(mark.collection));
  return put_sealed(folder + kMarkName, to_json(mark));
}

Status Repository::clear_mark(const std::string& collection) {
  ARROW_ASSIGN_OR_RAISE(const auto folder, folder_of(collection));
  const Status removed = store_->remove(folder + kMarkName);
  return !removed.ok() && kind_of(removed) == ErrorKind::kNotFound ? Status::OK() : removed;
}

Status Repository::put_segment(const std::shared_ptr<arrow::Buffer>& bytes, SegmentRef* ref) {
  ref->sha256 = sha256_of(*bytes);
  ref->bytes = static_cast<uint64_t>(bytes->size());
  return store_->put(ref->path(), std::string_view(*bytes), IfThere::kReplace);
}

Result<std::shared_ptr<arrow::Buffer>> Repository::get_segment(const SegmentRef& ref) const {
  ARROW_ASSIGN_OR_RAISE(auto bytes, store_->get(ref.path()));
  if (sha256_of(*bytes) != ref.sha256) {
    return fail(
        {.kind = ErrorKind::kCorrupt,
         .what = fmt::format("'{}' is damaged: its bytes are not those of its name", ref.path()),
         .where = label_,
         .next = fmt::format("`vecferry check {}` says which backups need it; "
                             "`restore --allow-partial` takes what is sound",
                             label_)});
  }
  return bytes;
}

Status Repository::check_native(const Manifest& manifest) const {
  ARROW_ASSIGN_OR_RAISE(const auto path, native_path(manifest.collection, manifest.id));
  ARROW_ASSIGN_OR_RAISE(const auto file, store_->open_file(path));
  Sha256 hash;
  for (int64_t at = 0;;) {
    ARROW_ASSIGN_OR_RAISE(const auto block, file->ReadAt(at, kBlockBytes));
    if (block->size() == 0) {
      break;
    }
    hash.add(std::string_view(*block));
    at += block->size();
  }
  return hash.hex() == manifest.native->sha256
             ? Status::OK()
             : fail({.kind = ErrorKind::kCorrupt,
                     .what = fmt::format("'{}' is damaged: its bytes are not those that were "
                                         "written",
                                         path),
                     .where = label_});
}

Status Repository::put_sealed(const std::string& path, const std::string& json) {
  ARROW_ASSIGN_OR_RAISE(const auto sealed, seal(json, sealing_key_.get(), path));
  return store_->put(path, sealed, IfThere::kReplace);
}

Result<std::string> Repository::get_sealed(const std::string& path) const {
  ARROW_ASSIGN_OR_RAISE(const auto bytes, store_->get(path));
  return unseal(bytes->ToString(), sealing_key_.get(), path);
}

}  // namespace vecferry
