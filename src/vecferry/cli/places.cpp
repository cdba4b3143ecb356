#include "vecferry/cli/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "vecferry/backends/archive/archive_backend.h"
#include "vecferry/backends/files/open_file.h"
#include "vecferry/backends/local/local_backend.h"
#include "vecferry/backends/qdrant/qdrant_backend.h"
#include "vecferry/backends/snapshot/snapshot_backend.h"
#include "vecferry/base/durable_file.h"
#include "vecferry/base/log.h"
#include "vecferry/base/near_miss.h"
#include "vecferry/cli/memory.h"

namespace vecferry {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultUrl = "http://localhost:6333";

// The file to read, empty when there is none; one that was named must be there.
std::string find_config(const std::string& named) {
  if (!named.empty()) {
    return named;
  }
  std::string folder = environment_variable("XDG_CONFIG_HOME");
  if (folder.empty()) {
    folder = environment_variable("HOME") + "/.config";
  }
  for (const auto& candidate : {std::string("vecferry.toml"), folder + "/vecferry/vecferry.toml"}) {
    std::error_code ignored;
    if (fs::exists(candidate, ignored)) {
      return candidate;
    }
  }
  return {};
}

bool is_snapshot(std::string_view path) {
  return path.ends_with(".snapshot") || path.ends_with(".snapshot.zst");
}

// Whether a file has ids of other kinds shows only when all of it is read.
std::string about_ids(const std::string& id_key) {
  return fmt::format(
      "an id that is neither a number nor a UUID becomes a UUID made from it, and is kept in the "
      "payload under '{}'",
      id_key.empty() ? kDefaultOriginalIdKey : id_key);
}

// A file, and the name of the one collection in it.
Result<OpenedLocation> open_file_place(const std::string& path, const PlaceOptions& options) {
  OpenedLocation opened{.place = path, .label = path};
  if (is_snapshot(path)) {
    opened.backend = open_snapshot(path);
    opened.collection = collection_of_snapshot(path);
    return opened;
  }
  const FileOptions file_options{.format = options.format,
                                 .collection_name = options.collection_name,
                                 .distance = options.distance,
                                 .original_id_key = options.original_id_key,
                                 .points_count = options.points_count,
                                 .write = options.write};
  ARROW_ASSIGN_OR_RAISE(opened.backend, open_file(path, file_options));
  if (options.write) {
    opened.collection = options.collection_name;
    return opened;
  }
  opened.reading_notes = {about_ids(options.original_id_key)};
  ARROW_ASSIGN_OR_RAISE(opened.collection,
                        collection_name_of(*opened.backend, path, file_options, options.stop));
  return opened;
}

// The same place from any folder.
Status make_absolute(Place* place) {
  if (place->kind == PlaceKind::kQdrant || place->address == "-" ||
      place->address.find("://") != std::string::npos) {
    return Status::OK();
  }
  std::error_code error;
  const fs::path absolute = fs::absolute(place->address, error);
  const fs::path canonical = fs::weakly_canonical(absolute, error);
  if (error) {
    return system_failure(error.value(), fmt::format("cannot find '{}'", place->address),
                          place->address);
  }
  place->address = canonical.string();
  return Status::OK();
}

bool is_bare_name(const std::string& text) {
  return !text.empty() && text != "-" && text.find_first_of("/:.") == std::string::npos;
}

}  // namespace

Result<PlaceNames> PlaceNames::load(const std::string& config_file, NetworkOptions network) {
  PlaceNames names;
  names.network_ = std::move(network);
  names.default_place_ = environment_variable("QDRANT_URL");
  if (names.default_place_.empty()) {
    names.default_place_ = kDefaultUrl;
  }
  const std::string path = find_config(config_file);
  names.config_file_ = path;
  if (path.empty()) {
    ARROW_RETURN_NOT_OK(names.protect());
    return names;
  }
  ARROW_ASSIGN_OR_RAISE(const auto text, read_file(path));
  ARROW_ASSIGN_OR_RAISE(auto configuration, parse_configuration(text, path));
  names.environments_ = std::move(configuration.environments);
  names.journal_ = std::move(configuration.journal);
  names.archive_ = std::move(configuration.archive);
  if (names.network_.key_file.empty()) {
    names.network_.key_file = std::move(configuration.key_file);
  }
  if (!configuration.default_place.empty()) {
    names.default_place_ = std::move(configuration.default_place);
  }
  ARROW_RETURN_NOT_OK(names.protect());
  return names;
}

// What --protect names.
Status PlaceNames::protect() {
  std::vector<std::string_view> known;
  for (const auto& environment : environments_) {
    known.push_back(environment.name);
  }
  for (const auto& name : network_.protect) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      return fail(
          {.kind = ErrorKind::kUsage,
           .what = fmt::format("--protect: no environment '{}'{}", name, did_you_mean(name, known)),
           .where = config_file_.empty() ? "no vecferry.toml was found" : config_file_,
           .next = fmt::format("add [env.{}] with its url to vecferry.toml", name)});
    }
    environments_[static_cast<size_t>(found - known.begin())].protect = true;
  }
  return Status::OK();
}

Result<std::shared_ptr<const ArchiveKey>> PlaceNames::archive_key() const {
  constexpr const char* kVariable = "VECFERRY_KEY";
  if (!network_.key_file.empty()) {
    if (is_open_to_others(network_.key_file)) {
      log(LogLevel::kWarning,
          fmt::format("'{}' can be read by others: chmod 600 it", network_.key_file));
    }
    ARROW_ASSIGN_OR_RAISE(auto key, ArchiveKey::read(network_.key_file));
    return std::make_shared<const ArchiveKey>(std::move(key));
  }
  const std::string text = environment_variable(kVariable);
  if (text.empty()) {
    return std::shared_ptr<const ArchiveKey>();
  }
  ARROW_ASSIGN_OR_RAISE(auto key, ArchiveKey::parse(text, kVariable));
  return std::make_shared<const ArchiveKey>(std::move(key));
}

std::string PlaceNames::resolve_place(const std::string& text) const {
  if (text.empty()) {
    return resolve_place(default_place_);
  }
  for (const auto& environment : environments_) {
    if (text == environment.name) {
      return environment.url;
    }
  }
  return text;
}

std::string PlaceNames::resolve(const std::string& text) const {
  const size_t slash = text.find('/');
  if (slash != std::string::npos) {
    const std::string place = text.substr(0, slash);
    const std::string url = resolve_place(place);
    return place.empty() || url == place ? text : url + text.substr(slash);
  }
  return is_bare_name(text) ? resolve_place("") + "/" + text : text;
}

std::string PlaceNames::protecting(const std::string& address) const {
  for (const auto& environment : environments_) {
    auto place = parse_place(environment.url);
    if (!environment.protect || !place.ok() || !make_absolute(&*place).ok()) {
      continue;
    }
    const std::string its = to_string(*place);
    if (address.starts_with(its) && (address.size() == its.size() || address[its.size()] == '/')) {
      return environment.name;
    }
  }
  return {};
}

Result<QdrantOptions> PlaceNames::server(const std::string& url) const {
  for (const auto& environment : environments_) {
    std::string_view named = environment.url;
    while (!named.empty() && named.back() == '/') {
      named.remove_suffix(1);
    }
    if (url == named) {
      return qdrant_options(url, &environment, network_);
    }
  }
  return qdrant_options(url, nullptr, network_);
}

Result<std::shared_ptr<Backend>> open_place(const PlaceNames& names, const Place& place,
                                            const PlaceOptions& options) {
  switch (place.kind) {
    case PlaceKind::kLocal: {
      ARROW_ASSIGN_OR_RAISE(auto backend,
                            open_local(place.address, {.build_index = options.build_index,
                                                       .index_progress = options.index_progress}));
      return std::shared_ptr<Backend>(std::move(backend));
    }
    case PlaceKind::kFile: {
      ARROW_ASSIGN_OR_RAISE(auto file, open_file_place(place.address, options));
      return file.backend;
    }
    case PlaceKind::kQdrant: {
      ARROW_ASSIGN_OR_RAISE(auto server, names.server(place.address));
      server.index_progress = options.index_progress;
      share_memory_between_lanes();
      ARROW_ASSIGN_OR_RAISE(auto backend, open_qdrant(std::move(server), options.stop));
      return std::shared_ptr<Backend>(std::move(backend));
    }
    case PlaceKind::kArchive:
      break;
  }
  const auto mode = options.allow_partial ? RepositoryMode::kSalvage : RepositoryMode::kOpen;
  ARROW_ASSIGN_OR_RAISE(auto repository,
                        open_repository(names, to_string(place), mode, options.stop));
  OnDamage on_damage;
  if (options.allow_partial) {
    on_damage = [](const SegmentRef& segment, const Status& error) {
      log(LogLevel::kWarning,
          fmt::format("left out {}: {}", segment.path(), failure_of(error).what));
      return Status::OK();
    };
  }
  return archive_backend(std::move(repository), std::move(on_damage));
}

Result<std::string> archive_address(const std::string& text) {
  constexpr std::string_view kScheme = "archive:";
  ARROW_ASSIGN_OR_RAISE(
      auto place, parse_place(text.starts_with(kScheme) ? text : std::string(kScheme) + text));
  ARROW_RETURN_NOT_OK(make_absolute(&place));
  return to_string(place);
}

Result<std::shared_ptr<Repository>> open_repository(const PlaceNames& names,
                                                    const std::string& address, RepositoryMode mode,
                                                    StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto place, parse_place(address));
  ARROW_ASSIGN_OR_RAISE(auto key, names.archive_key());
  return Repository::open(place.address, mode, std::move(key), std::move(stop));
}

Result<OpenedLocation> open_location(const PlaceNames& names, const std::string& text,
                                     const PlaceOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto location, parse_location(names.resolve(text)));
  if (location.place.kind == PlaceKind::kFile) {
    return open_file_place(location.place.address, options);
  }
  OpenedLocation opened{.place = to_string(location.place), .label = to_string(location)};
  ARROW_ASSIGN_OR_RAISE(opened.backend, open_place(names, location.place, options));
  opened.collection = std::move(location.collection);
  return opened;
}

Result<std::string> address_of(const PlaceNames& names, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(auto location, parse_location(names.resolve(text)));
  ARROW_RETURN_NOT_OK(make_absolute(&location.place));
  return to_string(location);
}

Status with_nearest_name(const Status& status, Backend& backend, const std::string& collection,
                         const StopToken& stop) {
  if (status.ok() || kind_of(status) != ErrorKind::kNotFound) {
    return status;
  }
  const auto collections = backend.list(stop);
  if (!collections.ok()) {
    return status;
  }
  std::vector<std::string> names;
  for (const auto& summary : *collections) {
    if (summary.name == collection) {
      return status;  // the collection is there: something in it was not found
    }
    names.push_back(summary.name);
  }
  Failure failure = failure_of(status);
  if (failure.next.find("did you mean") != std::string::npos) {
    return status;  // the place has said so itself
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  failure.what += did_you_mean(collection, views);
  if (failure.next.empty()) {
    failure.next = "`vecferry ls PLACE` shows what is there";
  }
  return fail(std::move(failure));
}

}  // namespace vecferry
