#include "vecferry/server/collections.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "vecferry/server/bodies_internal.h"
#include "vecferry/server/optimiser.h"
#include "vecferry/server/words.h"
#include "vecferry/wire/rest_settings.h"

namespace vecferry::server {
namespace {

namespace fs = std::filesystem;

Status exists(std::string_view name) {
  return fail({.kind = ErrorKind::kExists,
               .what = fmt::format("Wrong input: Collection `{}` already exists!", name)});
}

// The engine goes on with an indexing that a drop interrupted, and keeps the folder of its name
// until that is built: up to minutes on a slow machine.
template <typename Try>
Status until_free(Try&& attempt) {
  constexpr int kAttempts = 6000;
  constexpr std::chrono::milliseconds kPause{50};
  Status status = attempt();
  for (int i = 1; i < kAttempts && !status.ok() && kind_of(status) == ErrorKind::kConflict; ++i) {
    std::this_thread::sleep_for(kPause);
    status = attempt();
  }
  return status;
}

Result<std::string> text_member(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) {
    return format_error("data did not match any variant of untagged enum AliasOperations");
  }
  return found->get<std::string>();
}

}  // namespace

Collections::Collections(std::vector<Place> places, CollectionsOptions options)
    : options_(std::move(options)), places_(std::move(places)) {}

Collections::~Collections() {
  optimiser_.reset();
  for (const auto& [name, collection] : collections_) {
    discard(collection->flush(), "what was written is in the engine's log");
  }
}

Result<std::unique_ptr<Collections>> Collections::open(const std::vector<fs::path>& places,
                                                       const CollectionsOptions& options) {
  if (places.empty() && options.read_only_places.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = "no place to serve",
                 .next = "name a folder, as in `vecferry serve local:DIR`"});
  }
  std::vector<Place> opened;
  for (const auto& place : places) {
    ARROW_ASSIGN_OR_RAISE(auto local, local::LocalPlace::get(place));
    ARROW_RETURN_NOT_OK(local->hold(options.read_only));
    opened.push_back(std::move(local));
  }
  for (const auto& place : options.read_only_places) {
    ARROW_ASSIGN_OR_RAISE(auto local, local::LocalPlace::get(place));
    ARROW_RETURN_NOT_OK(local->hold(true));
    opened.push_back(std::move(local));
  }
  CollectionsOptions chosen = options;
  chosen.read_only = options.read_only || places.empty();
  std::unique_ptr<Collections> collections(new Collections(std::move(opened), std::move(chosen)));
  ARROW_RETURN_NOT_OK(collections->load());
  if (options.optimise && !collections->read_only()) {
    auto* self = collections.get();
    collections->optimiser_ = std::make_unique<Optimiser>([self] {
      std::vector<std::shared_ptr<Collection>> all;
      const std::shared_lock guard(self->mutex_);
      for (const auto& [name, collection] : self->collections_) {
        all.push_back(collection);
      }
      return all;
    });
    collections->optimiser_->start();
  }
  return collections;
}

Status Collections::load() {
  for (const auto& place : places_) {
    ARROW_ASSIGN_OR_RAISE(const auto names, place->layout().collections());
    for (const auto& name : names) {
      ARROW_ASSIGN_OR_RAISE(auto config, place->config(name));
      const auto made = collections_.emplace(
          name, std::make_shared<Collection>(place, name, std::move(config), !writable(place)));
      if (!made.second) {
        return fail({.kind = ErrorKind::kConflict,
                     .what = fmt::format("collection '{}' is in two of the places", name),
                     .where = place->where(name),
                     .next = "serve the places apart, or drop one of the two"});
      }
    }
  }
  for (const auto& place : places_) {
    ARROW_ASSIGN_OR_RAISE(const auto aliases, place->layout().read_aliases());
    for (const auto& [alias, collection] : aliases) {
      if (collections_.contains(alias) || !aliases_.emplace(alias, collection).second) {
        return fail({.kind = ErrorKind::kConflict,
                     .what = fmt::format("'{}' is a name in two of the places", alias),
                     .where = place->where(collection),
                     .next = "serve the places apart, or remove one of the two"});
      }
    }
  }
  return Status::OK();
}

std::vector<std::string> Collections::names() const {
  const std::shared_lock guard(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, collection] : collections_) {
    names.push_back(name);
  }
  return names;
}

Result<std::shared_ptr<Collection>> Collections::find(std::string_view name) const {
  const std::shared_lock guard(mutex_);
  const auto alias = aliases_.find(name);
  const auto found = collections_.find(alias == aliases_.end() ? name : alias->second);
  if (found == collections_.end()) {
    return no_collection(name);
  }
  return found->second;
}

bool Collections::exists(std::string_view name) const {
  return find(name).ok();
}

Status Collections::check_writable() const {
  return options_.read_only ? refused("this server is read-only") : Status::OK();
}

bool Collections::writable(const Place& place) const {
  const auto behind = places_.end() - static_cast<ptrdiff_t>(options_.read_only_places.size());
  return !options_.read_only && std::find(places_.begin(), behind, place) != behind;
}

Status Collections::create(std::string_view name, std::string_view body) {
  ARROW_RETURN_NOT_OK(parse_body(body).status());
  ARROW_ASSIGN_OR_RAISE(const auto config, in_qdrants_words(wire::config_of_create(body)));
  return create(name, config);
}

Status Collections::create(std::string_view name, const CollectionConfig& config) {
  ARROW_RETURN_NOT_OK(check_writable());
  const std::lock_guard one(changes_);
  {
    const std::shared_lock guard(mutex_);
    if (collections_.contains(name)) {
      return server::exists(name);
    }
    if (aliases_.contains(name)) {
      return wrong_input(fmt::format(
          "Can't create collection with name {}. Alias with the same name already exists", name));
    }
  }
  if (config.custom_sharding()) {
    return not_served("custom sharding");
  }
  const auto& place = places_.front();
  ARROW_RETURN_NOT_OK(in_qdrants_words(until_free([&] { return place->create(name, config); })));
  const Status finished = place->finish(name, config, {}, StopToken::Unstoppable());
  if (!finished.ok()) {
    discard(place->drop(name), "the first error says more");
    return in_qdrants_words(finished);
  }
  auto made = std::make_shared<Collection>(place, std::string(name), config, false);
  made->start_numbers();
  const std::unique_lock guard(mutex_);
  collections_.emplace(name, std::move(made));
  return Status::OK();
}

Result<bool> Collections::drop(std::string_view name) {
  ARROW_RETURN_NOT_OK(check_writable());
  const std::lock_guard one(changes_);
  std::shared_ptr<Collection> dropped;
  {
    const std::unique_lock guard(mutex_);
    const auto found = collections_.find(name);
    if (found == collections_.end()) {
      return false;
    }
    dropped = found->second;
    ARROW_RETURN_NOT_OK(dropped->check_writable());
    collections_.erase(found);
    std::erase_if(aliases_, [&](const auto& alias) { return alias.second == name; });
  }
  dropped->retire();
  ARROW_RETURN_NOT_OK(in_qdrants_words(dropped->place()->drop(name)));
  return true;
}

std::vector<std::pair<std::string, std::string>> Collections::aliases(
    std::optional<std::string_view> of) const {
  const std::shared_lock guard(mutex_);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [alias, collection] : aliases_) {
    if (!of || *of == collection) {
      pairs.emplace_back(alias, collection);
    }
  }
  return pairs;
}

Status Collections::change_alias(const std::string& alias,
                                 const std::optional<std::string>& collection) {
  Place from;
  Place to;
  {
    const std::shared_lock guard(mutex_);
    if (collection) {
      const auto target = collections_.find(*collection);
      if (target == collections_.end()) {
        return no_collection(*collection);
      }
      if (collections_.contains(alias)) {
        return server::exists(alias);
      }
      ARROW_RETURN_NOT_OK(target->second->check_writable());
      to = target->second->place();
    }
    if (const auto old = aliases_.find(alias); old != aliases_.end()) {
      const auto& holder = collections_.find(old->second)->second;
      ARROW_RETURN_NOT_OK(holder->check_writable());
      from = holder->place();
    }
  }
  if (from != nullptr && from != to) {
    const std::array changes{AliasChange{.alias = alias}};
    ARROW_RETURN_NOT_OK(in_qdrants_words(from->change_aliases(changes)));
  }
  if (to != nullptr) {
    const std::array changes{AliasChange{.alias = alias, .collection = collection}};
    ARROW_RETURN_NOT_OK(in_qdrants_words(to->change_aliases(changes)));
  }
  const std::unique_lock guard(mutex_);
  if (collection) {
    aliases_[alias] = *collection;
  } else {
    aliases_.erase(alias);
  }
  return Status::OK();
}

Status Collections::change_aliases(std::string_view body) {
  ARROW_RETURN_NOT_OK(check_writable());
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  const auto actions = json.find("actions");
  if (actions == json.end() || !actions->is_array()) {
    return format_error("missing field `actions`");
  }
  const std::lock_guard one(changes_);
  for (const auto& action : *actions) {
    if (!action.is_object() || action.size() != 1 || !action.begin()->is_object()) {
      return format_error("data did not match any variant of untagged enum AliasOperations");
    }
    const std::string kind = action.begin().key();
    const Json& what = *action.begin();
    if (kind == "create_alias") {
      ARROW_ASSIGN_OR_RAISE(const auto collection, text_member(what, "collection_name"));
      ARROW_ASSIGN_OR_RAISE(const auto alias, text_member(what, "alias_name"));
      ARROW_RETURN_NOT_OK(change_alias(alias, collection));
    } else if (kind == "delete_alias") {
      ARROW_ASSIGN_OR_RAISE(const auto alias, text_member(what, "alias_name"));
      ARROW_RETURN_NOT_OK(change_alias(alias, std::nullopt));
    } else if (kind == "rename_alias") {
      ARROW_ASSIGN_OR_RAISE(const auto old, text_member(what, "old_alias_name"));
      ARROW_ASSIGN_OR_RAISE(const auto alias, text_member(what, "new_alias_name"));
      std::string collection;
      {
        const std::shared_lock guard(mutex_);
        const auto found = aliases_.find(old);
        if (found == aliases_.end()) {
          return fail({.kind = ErrorKind::kNotFound,
                       .what = fmt::format("Not found: Alias {} does not exists!", old)});
        }
        collection = found->second;
      }
      // The new name first: a crash between the two loses none.
      ARROW_RETURN_NOT_OK(change_alias(alias, collection));
      if (alias != old) {
        ARROW_RETURN_NOT_OK(change_alias(old, std::nullopt));
      }
    } else {
      return format_error("data did not match any variant of untagged enum AliasOperations");
    }
  }
  return Status::OK();
}

Collections::Place Collections::place_of(std::string_view name) const {
  const std::shared_lock guard(mutex_);
  const auto found = collections_.find(name);
  return found == collections_.end() ? places_.front() : found->second->place();
}

Result<fs::path> Collections::scratch_folder(std::string_view name) const {
  ARROW_RETURN_NOT_OK(check_writable());
  return in_qdrants_words(place_of(name)->layout().scratch_folder());
}

fs::path Collections::snapshots_folder(std::string_view name) const {
  return place_of(name)->layout().dir() / "snapshots" / local::folder_name(name);
}

Status Collections::adopt(std::string_view name, const CollectionConfig& config,
                          const fs::path& made) {
  ARROW_RETURN_NOT_OK(check_writable());
  const std::lock_guard one(changes_);
  std::shared_ptr<Collection> old;
  {
    const std::shared_lock guard(mutex_);
    if (aliases_.contains(name)) {
      return wrong_input(fmt::format(
          "Can't create collection with name {}. Alias with the same name already exists", name));
    }
    const auto found = collections_.find(name);
    old = found == collections_.end() ? nullptr : found->second;
  }
  if (old != nullptr) {
    ARROW_RETURN_NOT_OK(old->check_writable());
  }
  const Place place = place_of(name);
  const auto adopt = [&] { return place->adopt(name, config, made); };
  if (old != nullptr) {
    return in_qdrants_words(old->replace(adopt));
  }
  ARROW_RETURN_NOT_OK(in_qdrants_words(until_free(adopt)));
  const std::unique_lock guard(mutex_);
  collections_.emplace(name, std::make_shared<Collection>(place, std::string(name), config, false));
  return Status::OK();
}

}  // namespace vecferry::server
