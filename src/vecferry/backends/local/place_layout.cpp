#include "vecferry/backends/local/place_layout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "vecferry/backend/location.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/log.h"
#include "vecferry/base/near_miss.h"

namespace vecferry::local {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPlaceFile = "vecferry-place.json";
constexpr std::string_view kPlaceFormat = "vecferry.local";
constexpr int kPlaceVersion = 1;
constexpr std::string_view kDropped = ".dropped-";
constexpr size_t kLongestFolder = 200;
constexpr size_t kCutFolder = 160;
constexpr std::string_view kCutMark = "%~";

Status failed(const std::error_code& error, std::string_view what, const fs::path& path) {
  return system_failure(error.value(), fmt::format("{} '{}'", what, path.string()), path.string());
}

Status corrupt(std::string what, const fs::path& file) {
  return fail({.kind = ErrorKind::kCorrupt,
               .what = std::move(what),
               .where = file.string(),
               .next = "restore that file from a backup, or drop the collection"});
}

// Every entry of a folder by name; none when it is missing.
Result<std::vector<std::string>> entries(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator next(folder, error);
  if (error == std::errc::no_such_file_or_directory) {
    return names;
  }
  for (; !error && next != fs::directory_iterator(); next.increment(error)) {
    names.push_back(next->path().filename().string());
  }
  if (error) {
    return failed(error, "cannot read folder", folder);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Json> read_json(const fs::path& file) {
  ARROW_ASSIGN_OR_RAISE(const std::string text, read_file(file));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return corrupt(fmt::format("'{}' is not a JSON object", file.string()), file);
  }
  return json;
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

Status check_place_file(const fs::path& dir) {
  const fs::path file = dir / kPlaceFile;
  ARROW_ASSIGN_OR_RAISE(const Json json, read_json(file));
  const auto format = json.find("format");
  const auto version = json.find("version");
  if (format == json.end() || *format != kPlaceFormat || version == json.end() ||
      !version->is_number_integer()) {
    return corrupt(fmt::format("'{}' does not describe a local place", file.string()), file);
  }
  if (*version > kPlaceVersion) {
    return fail(
        {.kind = ErrorKind::kIncompatible,
         .what = fmt::format("'{}' has version {} of the local place, this program reads {}",
                             dir.string(), version->dump(), kPlaceVersion),
         .where = file.string(),
         .next = "use the newer vecferry that wrote it"});
  }
  return Status::OK();
}

// A folder that is no place, below one: most likely a collection of that place with a slash in it.
Status check_not_inside(const fs::path& dir) {
  std::error_code error;
  for (fs::path parent = fs::weakly_canonical(fs::absolute(dir, error), error);
       !error && parent.has_relative_path();) {
    parent = parent.parent_path();
    if (fs::exists(parent / kPlaceFile, error)) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' would lie inside the local place '{}'", dir.string(),
                                       parent.string()),
                   .where = dir.string(),
                   .next = fmt::format("name a collection of local:{}, or a folder outside it; in "
                                       "a collection's name / is written %2F",
                                       parent.string())});
    }
  }
  return Status::OK();
}

// Gone already is fine: the place is told from its visible files, and the next sweep tries again.
void remove_quietly(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    log(LogLevel::kWarning, "cannot remove a folder that is no longer used",
        {{"folder", folder.string()}, {"error", error.message()}});
  }
}

// What write_durably leaves when it is killed.
Status remove_temporaries(const fs::path& folder) {
  ARROW_ASSIGN_OR_RAISE(const auto names, entries(folder));
  for (const auto& name : names) {
    if (name.find(".json.tmp-") != std::string::npos) {
      remove_quietly(folder / name);
    }
  }
  return Status::OK();
}

}  // namespace

std::string folder_name(std::string_view collection) {
  std::string encoded = percent_encode(collection);
  if (encoded.size() <= kLongestFolder) {
    return encoded;
  }
  size_t cut = kCutFolder;
  for (size_t back = 1; back <= 2; ++back) {
    if (encoded[kCutFolder - back] == '%') {
      cut = kCutFolder - back;
    }
  }
  const XXH128_hash_t hash = XXH3_128bits(collection.data(), collection.size());
  return fmt::format("{}{}{:016x}{:016x}", std::string_view(encoded).substr(0, cut), kCutMark,
                     hash.high64, hash.low64);
}

Status no_collection(std::string_view name, const fs::path& dir,
                     const std::vector<std::string>& names) {
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view near = near_miss(name, candidates);
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("no collection '{}' in local:{}", name, dir.string()),
               .where = fmt::format("local:{}", dir.string()),
               .next = near.empty()
                           ? fmt::format("`vecferry ls local:{}` shows what is there", dir.string())
                           : fmt::format("did you mean '{}'?", near)});
}

Result<PlaceLayout> PlaceLayout::open(const fs::path& dir) {
  PlaceLayout layout(dir);
  std::error_code error;
  const fs::file_status status = fs::status(dir, error);
  if (status.type() == fs::file_type::not_found) {
    ARROW_RETURN_NOT_OK(check_not_inside(dir));
    return layout;
  }
  if (error) {
    return failed(error, "cannot open folder", dir);
  }
  if (!fs::is_directory(status)) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is not a folder", dir.string()),
                 .where = dir.string(),
                 .next = "a local place is a folder; name another one"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto names, entries(dir));
  if (std::find(names.begin(), names.end(), kPlaceFile) != names.end()) {
    ARROW_RETURN_NOT_OK(check_place_file(dir));
    return layout;
  }
  ARROW_RETURN_NOT_OK(check_not_inside(dir));
  for (const auto& name : names) {
    if (!starts_with(name, kPlaceFile)) {  // a temporary of it, left by a crash, is nobody else's
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("'{}' is not a local place of vecferry, and not empty",
                                       dir.string()),
                   .where = (dir / name).string(),
                   .next = "name an empty folder, or one that does not exist yet"});
    }
  }
  return layout;
}

fs::path PlaceLayout::folder(std::string_view collection) const {
  return dir_ / "collections" / folder_name(collection);
}

bool PlaceLayout::exists() const {
  std::error_code ignored;
  return fs::exists(dir_ / kPlaceFile, ignored);
}

Status PlaceLayout::check_exists() const {
  std::error_code ignored;
  if (fs::exists(dir_, ignored)) {
    return Status::OK();
  }
  std::vector<std::string> names;
  if (const auto siblings = entries(dir_.parent_path()); siblings.ok()) {
    names = *siblings;
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return fail({.kind = ErrorKind::kNotFound,
               .what = fmt::format("no folder '{}'", dir_.string()),
               .where = fmt::format("local:{}", dir_.string()),
               .next = fmt::format("check the path{}",
                                   did_you_mean(dir_.filename().string(), candidates))});
}

Status PlaceLayout::make(MadePlace* made) const {
  if (!exists()) {
    std::error_code error;
    std::vector<fs::path> missing;
    for (fs::path path = dir_; !path.empty() && !fs::exists(path, error) && !error;
         path = path.parent_path()) {
      missing.push_back(path);
    }
    *made = {.place = true, .folders = std::move(missing)};
    fs::create_directories(dir_, error);
    if (error) {
      return failed(error, "cannot make folder", dir_);
    }
    const Json json = {{"format", kPlaceFormat}, {"version", kPlaceVersion}};
    if (Status written = write_durably(dir_ / kPlaceFile, json.dump() + "\n"); !written.ok()) {
      unmake(*made);
      return written;
    }
    ARROW_RETURN_NOT_OK(sync_folder(dir_.parent_path()));
  }
  std::error_code error;
  if (fs::create_directory(dir_ / "collections", error)) {
    return sync_folder(dir_);
  }
  return error ? failed(error, "cannot make folder", dir_ / "collections") : Status::OK();
}

void PlaceLayout::unmake(const MadePlace& made) const {
  std::error_code error;
  if (!made.place || fs::exists(dir_ / "aliases.json", error)) {
    return;
  }
  // None of these removes a folder that has something in it. The place file goes last: a crash on
  // the way leaves an empty place, not a folder of somebody else's.
  fs::remove(dir_ / "collections", error);
  if (error) {
    return;
  }
  fs::remove(lock_file(), error);
  fs::remove(dir_ / kPlaceFile, error);
  for (const auto& folder : made.folders) {
    fs::remove(folder, error);
  }
}

Result<std::vector<std::string>> PlaceLayout::collections() const {
  const fs::path parent = dir_ / "collections";
  ARROW_ASSIGN_OR_RAISE(const auto folders, entries(parent));
  std::vector<std::string> names;
  for (const auto& entry : folders) {
    const fs::path file = parent / entry / "collection.json";
    std::error_code ignored;
    if (starts_with(entry, ".") || !fs::exists(file, ignored)) {
      continue;
    }
    if (entry.find(kCutMark) == std::string::npos) {
      auto name = percent_decode(entry);
      if (name.ok()) {
        names.push_back(*std::move(name));
      }
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const Json json, read_json(file));
    const auto name = json.find("name");
    if (name == json.end() || !name->is_string()) {
      return corrupt(fmt::format("'{}' has no name", file.string()), file);
    }
    names.push_back(name->get<std::string>());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool PlaceLayout::finished(std::string_view collection) const {
  std::error_code ignored;
  return fs::exists(folder(collection) / "collection.json", ignored);
}

Result<CollectionRecord> PlaceLayout::read_record(std::string_view collection) const {
  const fs::path file = folder(collection) / "collection.json";
  auto text = read_file(file);
  if (!text.ok()) {
    if (kind_of(text.status()) != ErrorKind::kNotFound) {
      return text.status();
    }
    ARROW_ASSIGN_OR_RAISE(const auto names, collections());
    return no_collection(collection, dir_, names);
  }
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) {
    return corrupt(fmt::format("'{}' is not a JSON object", file.string()), file);
  }
  auto config = parse_collection_config(*text);
  if (!config.ok()) {
    return widen(config.status(), file.string());
  }
  CollectionRecord record{.name = std::string(collection), .config = *std::move(config)};
  record.config.aliases.clear();
  const auto text_of = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  record.created_at = text_of("created_at");
  record.engine_version = text_of("engine_version");
  if (const auto count = json.find("points_count");
      count != json.end() && count->is_number_unsigned()) {
    record.points_count = count->get<uint64_t>();
  }
  return record;
}

Status PlaceLayout::write_record(const CollectionRecord& record) const {
  return write_record(record, folder(record.name));
}

Status PlaceLayout::write_record(const CollectionRecord& record, const fs::path& folder) const {
  CollectionConfig config = record.config;
  config.aliases.clear();
  Json json = Json::parse(to_json(config), nullptr, false);
  json.erase("aliases");
  json["name"] = record.name;
  json["created_at"] = record.created_at;
  json["engine_version"] = record.engine_version;
  if (record.points_count) {
    json["points_count"] = *record.points_count;
  }
  return write_durably(folder / "collection.json", json.dump() + "\n");
}

Result<Aliases> PlaceLayout::read_aliases() const {
  const fs::path file = dir_ / "aliases.json";
  Aliases aliases;
  auto json = read_json(file);
  if (!json.ok()) {
    return kind_of(json.status()) == ErrorKind::kNotFound ? Result<Aliases>(aliases)
                                                          : json.status();
  }
  for (const auto& [alias, collection] : json->items()) {
    if (!collection.is_string()) {
      return corrupt(fmt::format("alias '{}' in '{}' is no text", alias, file.string()), file);
    }
    if (finished(collection.get<std::string>())) {
      aliases[alias] = collection.get<std::string>();
    }
  }
  return aliases;
}

Status PlaceLayout::write_aliases(const Aliases& aliases) const {
  return write_durably(dir_ / "aliases.json", Json(aliases).dump() + "\n");
}

Status PlaceLayout::make_folder(std::string_view collection) const {
  const fs::path path = folder(collection);
  std::error_code error;
  if (!fs::create_directory(path, error)) {
    return error ? failed(error, "cannot make folder", path)
                 : fail({.kind = ErrorKind::kExists,
                         .what = fmt::format("collection '{}' exists in local:{}", collection,
                                             dir_.string()),
                         .where = path.string(),
                         .next = "choose another name, or drop it first"});
  }
  return sync_folder(path.parent_path());
}

Result<fs::path> PlaceLayout::hide_folder(std::string_view collection) const {
  static std::atomic<int> counter{0};
  const fs::path from = folder(collection);
  const fs::path to =
      from.parent_path() /
      fmt::format("{}{}-{}-{}", kDropped, folder_name(collection), ::getpid(), counter++);
  std::error_code error;
  fs::rename(from, to, error);
  if (error) {
    return failed(error, "cannot remove folder", from);
  }
  ARROW_RETURN_NOT_OK(sync_folder(from.parent_path()));
  return to;
}

Result<fs::path> PlaceLayout::scratch_folder() const {
  static std::atomic<int> counter{0};
  const fs::path path =
      dir_ / "collections" / fmt::format("{}new-{}-{}", kDropped, ::getpid(), counter++);
  std::error_code error;
  fs::create_directory(path, error);
  if (error) {
    return failed(error, "cannot make folder", path);
  }
  return path;
}

Status PlaceLayout::move_in(const fs::path& made, std::string_view collection) const {
  const fs::path to = folder(collection);
  std::error_code ignored;
  // An exchange leaves no moment without the collection.
  const unsigned flags = fs::exists(to, ignored) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, to.c_str(), flags) != 0) {
    return failed({errno, std::system_category()}, "cannot move into place folder", made);
  }
  return sync_folder(to.parent_path());
}

Status PlaceLayout::sweep() const {
  const fs::path parent = dir_ / "collections";
  ARROW_ASSIGN_OR_RAISE(const auto folders, entries(parent));
  for (const auto& entry : folders) {
    std::error_code ignored;
    const bool finished = fs::exists(parent / entry / "collection.json", ignored);
    const bool folder = fs::is_directory(parent / entry, ignored);
    if (folder && (starts_with(entry, kDropped) || (!finished && entry[0] != '.'))) {
      remove_quietly(parent / entry);
    } else if (finished) {
      ARROW_RETURN_NOT_OK(remove_temporaries(parent / entry));
    }
  }
  ARROW_RETURN_NOT_OK(remove_temporaries(dir_));
  const fs::path file = dir_ / "aliases.json";
  auto stored = read_json(file);
  if (!stored.ok()) {
    return kind_of(stored.status()) == ErrorKind::kNotFound ? Status::OK() : stored.status();
  }
  ARROW_ASSIGN_OR_RAISE(const Aliases aliases, read_aliases());
  return aliases.size() == stored->size() ? Status::OK() : write_aliases(aliases);
}

}  // namespace vecferry::local
