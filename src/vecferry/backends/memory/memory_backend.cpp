#include "vecferry/backends/memory/memory_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/backends/memory/memory_collection_internal.h"
#include "vecferry/model/settings_change.h"

namespace vecferry {
namespace {

using memory::Collection;

Status refuse(std::string_view what) {
  return fail({.kind = ErrorKind::kIncompatible, .what = fmt::format("{} here", what)});
}

Status exists(std::string_view name, std::string_view as) {
  return fail({.kind = ErrorKind::kExists,
               .what = fmt::format("'{}' exists in memory as {}", name, as),
               .next = "choose another name, or drop it first"});
}

class MemoryBackend : public Backend {
 public:
  explicit MemoryBackend(const Capabilities& capabilities) { state_.capabilities = capabilities; }

  Capabilities capabilities() const override { return state_.capabilities; }

  Result<std::vector<CollectionSummary>> list(StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    const std::lock_guard lock(state_.mutex);
    std::vector<CollectionSummary> summaries;
    for (const auto& [name, collection] : state_.collections) {
      if (collection->finished) {
        summaries.push_back({name, collection->rows.size()});
      }
    }
    return summaries;
  }

  Result<CollectionConfig> describe(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    CollectionConfig config = collection->config;
    for (const auto& [alias, target] : state_.aliases) {
      if (target == collection->name) {
        config.aliases.push_back(alias);
      }
    }
    return config;
  }

  Result<uint64_t> count(std::string_view name, const Filter* filter, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_readable());
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    if (filter == nullptr) {
      return collection->rows.size();
    }
    uint64_t matching = 0;
    for (const auto& [key, row] : collection->rows) {
      ARROW_RETURN_NOT_OK(poll(stop));
      ARROW_ASSIGN_OR_RAISE(const bool matches, filter->matches(row.stored->points, row.row));
      matching += matches ? 1 : 0;
    }
    return matching;
  }

  Status create(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_writable());
    ARROW_RETURN_NOT_OK(check_collection_name(name));
    if (config.custom_sharding() && !state_.capabilities.shard_keys) {
      return refuse("shard keys are not kept");
    }
    const std::lock_guard lock(state_.mutex);
    if (state_.collections.count(name) > 0) {
      return exists(name, "a collection");
    }
    if (state_.aliases.count(name) > 0) {
      return exists(name, "an alias");
    }
    if (!state_.capabilities.many_collections && !state_.collections.empty()) {
      return refuse("there is room for one collection only");
    }
    auto collection = std::make_shared<Collection>();
    collection->name = std::string(name);
    set_config(config, collection.get());
    state_.collections.emplace(name, std::move(collection));
    return Status::OK();
  }

  Result<bool> take_over(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    const std::lock_guard lock(state_.mutex);
    const auto found = state_.collections.find(name);
    return found != state_.collections.end() && !found->second->finished;
  }

  Status drop(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_writable());
    const std::lock_guard lock(state_.mutex);
    const auto found = state_.collections.find(name);
    if (found == state_.collections.end()) {
      return not_found(name);  // an alias is not dropped with what it leads to
    }
    found->second->dropped = true;
    std::erase_if(state_.aliases, [&](const auto& alias) { return alias.second == name; });
    state_.collections.erase(found);
    return Status::OK();
  }

  Status finish(std::string_view name, const CollectionConfig& config, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_writable());
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    if (collection->finished) {
      add_indexes(config, collection.get());
    } else {
      set_config(config, collection.get());
    }
    collection->finished = true;
    return Status::OK();
  }

  Status change_settings(std::string_view name, const CollectionConfig& config,
                         StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    if (!state_.capabilities.changes_settings) {
      return refuse("settings are not changed");
    }
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    ARROW_ASSIGN_OR_RAISE(collection->config, with_settings_of(collection->config, config));
    return Status::OK();
  }

  Status change_aliases(std::span<const AliasChange> changes, StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    if (!state_.capabilities.aliases) {
      return refuse("there are no aliases");
    }
    const std::lock_guard lock(state_.mutex);
    auto aliases = state_.aliases;
    for (const AliasChange& change : changes) {
      if (!change.collection) {
        aliases.erase(change.alias);
        continue;
      }
      ARROW_RETURN_NOT_OK(check_collection_name(change.alias));
      const auto target = state_.collections.find(*change.collection);
      if (target == state_.collections.end() || !target->second->finished) {
        return not_found(*change.collection);
      }
      if (state_.collections.count(change.alias) > 0) {
        return exists(change.alias, "a collection");
      }
      aliases[change.alias] = *change.collection;
    }
    state_.aliases = std::move(aliases);
    return Status::OK();
  }

  Result<std::vector<IdRange>> plan_scan(std::string_view name, const Filter* /*filter*/, int parts,
                                         StopToken stop) override {
    ARROW_RETURN_NOT_OK(poll(stop));
    ARROW_RETURN_NOT_OK(check_readable());
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    std::vector<PointId> ids;
    for (const auto& [key, row] : collection->rows) {
      ids.push_back(key.first);
    }
    return split_by_quantiles(std::move(ids), state_.capabilities.splittable ? parts : 1);
  }

  Result<std::unique_ptr<PointReader>> open_reader(std::string_view name,
                                                   const ScanOptions& options,
                                                   StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_readable());
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(const auto collection, find(name));
    return memory::make_reader(state_, *collection, options, std::move(stop));
  }

  Result<std::unique_ptr<PointWriter>> open_writer(std::string_view name, StopToken stop) override {
    ARROW_RETURN_NOT_OK(check_writable());
    const std::lock_guard lock(state_.mutex);
    ARROW_ASSIGN_OR_RAISE(auto collection, find(name));
    return memory::make_writer(state_, std::move(collection), std::move(stop));
  }

 private:
  Status check_writable() const {
    return state_.capabilities.writable ? Status::OK() : refuse("nothing can be written");
  }

  Status check_readable() const {
    return state_.capabilities.readable ? Status::OK() : refuse("nothing can be read back");
  }

  Status not_found(std::string_view name) const {
    std::string names;
    for (const auto& [each, collection] : state_.collections) {
      if (collection->finished) {
        names += (names.empty() ? "'" : ", '") + each + "'";
      }
    }
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("no collection '{}' in memory", name),
                 .next = names.empty() ? "" : "there are " + names});
  }

  // By its name or an alias. Call with the mutex held.
  Result<std::shared_ptr<Collection>> find(std::string_view name) const {
    auto found = state_.collections.find(name);
    if (found == state_.collections.end()) {
      if (const auto alias = state_.aliases.find(name); alias != state_.aliases.end()) {
        found = state_.collections.find(alias->second);
      }
    }
    return found == state_.collections.end() ? Result<std::shared_ptr<Collection>>(not_found(name))
                                             : found->second;
  }

  void set_config(const CollectionConfig& config, Collection* collection) const {
    collection->config = state_.capabilities.settings ? config : default_config(config.vectors);
    collection->config.aliases.clear();
  }

  static void add_indexes(const CollectionConfig& config, Collection* collection) {
    auto& indexes = collection->config.payload_indexes;
    for (const PayloadIndex& index : config.payload_indexes) {
      const auto place = std::lower_bound(
          indexes.begin(), indexes.end(), index,
          [](const PayloadIndex& a, const PayloadIndex& b) { return a.path < b.path; });
      if (place == indexes.end() || place->path != index.path) {
        indexes.insert(place, index);
      }
    }
  }

  memory::State state_{};
};

}  // namespace

std::unique_ptr<Backend> memory_backend(MemoryOptions options) {
  return std::make_unique<MemoryBackend>(options.capabilities);
}

}  // namespace vecferry
