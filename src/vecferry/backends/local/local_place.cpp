#include "vecferry/backends/local/local_place.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <system_error>
#include <utility>

#include "vecferry/backends/local/copy_tree.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/base/log.h"
#include "vecferry/model/settings_change.h"

namespace vecferry::local {
namespace {

// The engine allocates its files in parts of 32 MiB and writes through maps: see
// docs/local-place.md.
constexpr int64_t kSmallestReserve = int64_t{96} << 20;
constexpr int64_t kReserve = int64_t{64} << 20;

// Places that are open in this process, by canonical folder.
class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  Result<std::shared_ptr<LocalPlace>> get(const fs::path& dir,
                                          const std::function<Result<LocalPlace*>()>& make) {
    std::unique_lock lock(mutex_);
    while (true) {
      const auto found = places_.find(dir);
      if (found == places_.end()) {
        break;
      }
      if (auto place = found->second.lock()) {
        return place;
      }
      changed_.wait(lock);  // its last owner is closing shards; the lock is free after that
    }
    ARROW_ASSIGN_OR_RAISE(LocalPlace * made, make());
    std::shared_ptr<LocalPlace> place(made, [this, dir](LocalPlace* old) {
      delete old;
      const std::lock_guard erase(mutex_);
      places_.erase(dir);
      changed_.notify_all();
    });
    places_[dir] = place;
    return place;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<fs::path, std::weak_ptr<LocalPlace>> places_;
};

std::string utc_now() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

Status exists(std::string what) {
  return fail({.kind = ErrorKind::kExists,
               .what = std::move(what),
               .next = "choose another name, or drop it first"});
}

// Make a tree durable, contents first. What the engine has flushed costs a system call a file.
Status sync_tree(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator next(folder, error);
  for (; !error && next != fs::directory_iterator(); next.increment(error)) {
    if (next->is_directory(error)) {
      ARROW_RETURN_NOT_OK(sync_tree(next->path()));
    } else if (next->is_regular_file(error)) {
      ARROW_RETURN_NOT_OK(sync_file(next->path()));
    }
  }
  if (error) {
    return system_failure(error.value(), fmt::format("cannot read folder '{}'", folder.string()),
                          folder.string());
  }
  return sync_folder(folder);
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) {
    log(LogLevel::kWarning, "cannot remove a folder that is no longer used; a later write will",
        {{"folder", folder.string()}, {"error", error.message()}});
  }
}

// Indexes of `more` are added; one for the same path is replaced.
void add_indexes(const std::vector<PayloadIndex>& more, std::vector<PayloadIndex>* indexes) {
  for (const auto& index : more) {
    const auto same = std::find_if(indexes->begin(), indexes->end(),
                                   [&](const auto& old) { return old.path == index.path; });
    if (same != indexes->end()) {
      *same = index;
    } else {
      indexes->push_back(index);
    }
  }
  std::sort(indexes->begin(), indexes->end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
}

}  // namespace

Result<std::shared_ptr<LocalPlace>> LocalPlace::get(const fs::path& dir) {
  std::error_code error;
  fs::path canonical = fs::absolute(dir, error);  // of a missing folder, canonical alone is not
  if (!error) {
    canonical = fs::weakly_canonical(canonical, error);
  }
  if (error) {
    return system_failure(error.value(), fmt::format("cannot open folder '{}'", dir.string()),
                          dir.string());
  }
  ARROW_ASSIGN_OR_RAISE(auto layout, PlaceLayout::open(canonical));
  return Registry::instance().get(
      canonical, [&]() -> Result<LocalPlace*> { return new LocalPlace(std::move(layout)); });
}

LocalPlace::~LocalPlace() {
  open_.clear();
  if (lock_) {
    layout_.unmake(made_);
  }
}

std::string LocalPlace::where(std::string_view collection) const {
  return fmt::format("collection '{}' in local:{}", collection, layout_.dir().string());
}

Status LocalPlace::at(std::string_view collection, const Status& status) const {
  if (status.ok()) {
    return status;
  }
  Failure failure = failure_of(widen(status, where(collection)));
  if (failure.next.empty() && failure.kind == ErrorKind::kCorrupt) {
    failure.next = "restore the collection's folder from a backup, or drop the collection";
  }
  if (failure.next.empty() && failure.kind == ErrorKind::kIo) {
    failure.next = "check space (`df -h`), file size limit (`ulimit -f`) and rights there";
  }
  return fail(std::move(failure));
}

bool LocalPlace::loading(std::string_view collection) const {
  const auto found = open_.find(collection);
  return found != open_.end() && found->second.load.has_value();
}

Result<std::string> LocalPlace::resolve(std::string_view name) const {
  {
    const std::lock_guard guard(mutex_);
    if (loading(name) || layout_.finished(name)) {
      return std::string(name);
    }
  }
  ARROW_RETURN_NOT_OK(layout_.check_exists());
  ARROW_ASSIGN_OR_RAISE(const auto aliases, layout_.read_aliases());
  if (const auto alias = aliases.find(name); alias != aliases.end()) {
    return alias->second;
  }
  ARROW_ASSIGN_OR_RAISE(auto names, layout_.collections());
  for (const auto& alias : aliases) {
    names.push_back(alias.first);
  }
  return no_collection(name, layout_.dir(), names);
}

Result<CollectionConfig> LocalPlace::config(std::string_view collection) const {
  {
    const std::lock_guard guard(mutex_);
    if (loading(collection)) {
      return open_.find(collection)->second.load->config;
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto record, layout_.read_record(collection));
  ARROW_ASSIGN_OR_RAISE(const auto aliases, layout_.read_aliases());
  for (const auto& [alias, target] : aliases) {
    if (target == collection) {
      record.config.aliases.push_back(alias);
    }
  }
  return std::move(record.config);
}

std::optional<uint64_t> LocalPlace::points_count(std::string_view collection) const {
  const auto record = layout_.read_record(collection);
  return record.ok() ? record->points_count : std::nullopt;
}

Status LocalPlace::lock() {
  if (lock_) {
    return Status::OK();
  }
  const fs::path file = layout_.lock_file();
  auto acquired = FileLock::acquire(file, fmt::format("local:{}", layout_.dir().string()));
  if (!acquired.ok()) {
    Failure failure = failure_of(acquired.status());
    const auto holder = read_file(file);
    if (failure.kind == ErrorKind::kConflict && holder.ok() && !holder->empty()) {
      failure.what += fmt::format(" ({})", *holder);
    }
    return fail(std::move(failure));
  }
  lock_ = *std::move(acquired);
  // Only for the message above: a lock without its process is as good.
  if (std::FILE* text = std::fopen(file.c_str(), "we"); text != nullptr) {
    static_cast<void>(std::fputs(fmt::format("process {}", ::getpid()).c_str(), text));
    static_cast<void>(std::fclose(text));
  }
  return Status::OK();
}

Status LocalPlace::lock_to_write() {
  ARROW_RETURN_NOT_OK(layout_.make(&made_));
  ARROW_RETURN_NOT_OK(lock());
  if (!swept_) {
    ARROW_RETURN_NOT_OK(layout_.sweep());
    swept_ = true;
  }
  return Status::OK();
}

Result<LocalPlace::Open*> LocalPlace::open(std::string_view collection) {
  if (const auto found = open_.find(collection); found != open_.end()) {
    return &found->second;
  }
  ARROW_ASSIGN_OR_RAISE(const auto record, layout_.read_record(collection));
  ARROW_RETURN_NOT_OK(lock());
  auto shard = engine::Shard::open(layout_.shard(collection), record.config, {.wal = true});
  if (!shard.ok()) {
    // Its record says that it is finished, so what is not there is lost.
    const Status& status = shard.status();
    return at(collection, kind_of(status) == ErrorKind::kNotFound
                              ? fail({.kind = ErrorKind::kCorrupt, .what = status.message()})
                              : status);
  }
  Open opened{.shard = *std::move(shard)};
  return &open_.emplace(std::string(collection), std::move(opened)).first->second;
}

Status LocalPlace::close(std::string_view collection) {
  const auto found = open_.find(collection);
  if (found == open_.end()) {
    return Status::OK();
  }
  if (found->second.shard.use_count() > 1) {
    return fail({.kind = ErrorKind::kConflict,
                 .what = fmt::format("collection '{}' is being read or written", collection),
                 .where = where(collection),
                 .next = "end that first, then run the same command again",
                 .retryable = true});
  }
  const SharedShard shard = std::move(found->second.shard);
  open_.erase(found);
  return at(collection, shard->close());
}

Result<SharedShard> LocalPlace::shard(std::string_view collection) {
  const std::lock_guard guard(mutex_);
  ARROW_ASSIGN_OR_RAISE(const Open* opened, open(collection));
  return opened->shard;
}

Result<SharedShard> LocalPlace::shard_to_write(std::string_view collection) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(const Open* opened, open(collection));
  if (opened->load) {
    return opened->shard;
  }
  // A load whose readers outlived `finish` is still open without a log.
  if (opened->bulk && opened->shard.use_count() == 1) {
    ARROW_RETURN_NOT_OK(close(collection));
    ARROW_ASSIGN_OR_RAISE(opened, open(collection));
  }
  ARROW_ASSIGN_OR_RAISE(auto record, layout_.read_record(collection));
  if (record.points_count) {
    record.points_count.reset();
    ARROW_RETURN_NOT_OK(layout_.write_record(record));
  }
  return opened->shard;
}

Status LocalPlace::check_new_name(std::string_view collection) const {
  ARROW_RETURN_NOT_OK(check_collection_name(collection));
  if (loading(collection) || layout_.finished(collection)) {
    return widen(exists(fmt::format("collection '{}' exists", collection)), where(collection));
  }
  ARROW_ASSIGN_OR_RAISE(const auto aliases, layout_.read_aliases());
  if (const auto alias = aliases.find(collection); alias != aliases.end()) {
    return widen(
        exists(fmt::format("'{}' is an alias of collection '{}'", collection, alias->second)),
        where(collection));
  }
  return Status::OK();
}

Status LocalPlace::create(std::string_view collection, const CollectionConfig& config) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(check_new_name(collection));
  if (config.custom_sharding()) {
    return fail({.kind = ErrorKind::kIncompatible,
                 .what = "a local place does not keep shard keys",
                 .where = where(collection),
                 .next = "copy it to a place that does, or one shard key at a time"});
  }
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_RETURN_NOT_OK(check_space(0));
  ARROW_RETURN_NOT_OK(layout_.make_folder(collection));
  VECFERRY_KILL_POINT("local.folder_made");
  CollectionConfig bare = config;
  bare.payload_indexes.clear();  // built once, by `finish`
  auto shard = engine::Shard::create(layout_.shard(collection), bare, {.wal = false});
  if (!shard.ok()) {
    remove_folder(layout_.folder(collection));
    return at(collection, shard.status());
  }
  Open opened{.shard = *std::move(shard),
              .load = CollectionRecord{.name = std::string(collection),
                                       .config = config,
                                       .created_at = utc_now(),
                                       .engine_version = engine::engine_version()},
              .bulk = true};
  opened.load->config.aliases.clear();
  open_.emplace(std::string(collection), std::move(opened));
  VECFERRY_KILL_POINT("local.created");
  return Status::OK();
}

bool LocalPlace::is_loading(std::string_view collection) const {
  const std::lock_guard guard(mutex_);
  return loading(collection);
}

Status LocalPlace::duplicate(std::string_view from, std::string_view collection,
                             const StopToken& stop) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(check_new_name(collection));
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(auto record, layout_.read_record(from));
  // Closed, its files are all there is of it. Whoever writes through us waits for the lock.
  ARROW_RETURN_NOT_OK(close(from));
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, size_of_tree(layout_.folder(from)));
  ARROW_RETURN_NOT_OK(check_space(bytes / 4));  // which reserves for four times what is written
  ARROW_RETURN_NOT_OK(layout_.make_folder(collection));
  VECFERRY_KILL_POINT("local.duplicating");
  const Status copied = copy_tree(layout_.shard(from), layout_.shard(collection), stop);
  auto shard = copied.ok()
                   ? engine::Shard::open(layout_.shard(collection), record.config, {.wal = true})
                   : Result<SharedShard>(copied);
  if (!shard.ok()) {
    remove_folder(layout_.folder(collection));
    return at(collection, shard.status());
  }
  Open opened{.shard = *std::move(shard),
              .load = CollectionRecord{.name = std::string(collection),
                                       .config = std::move(record.config),
                                       .created_at = utc_now(),
                                       .engine_version = engine::engine_version()}};
  opened.load->config.aliases.clear();
  open_.emplace(std::string(collection), std::move(opened));
  VECFERRY_KILL_POINT("local.duplicated");
  return Status::OK();
}

Status LocalPlace::finish(std::string_view collection, const CollectionConfig& config,
                          const LocalOptions& options, const StopToken& stop) {
  SharedShard shard;
  CollectionRecord record;
  {
    const std::lock_guard guard(mutex_);
    ARROW_RETURN_NOT_OK(lock_to_write());
    ARROW_ASSIGN_OR_RAISE(const Open* opened, open(collection));
    shard = opened->shard;
    if (opened->load) {
      record = *opened->load;
    } else {
      ARROW_ASSIGN_OR_RAISE(record, layout_.read_record(collection));
    }
  }
  add_indexes(config.payload_indexes, &record.config.payload_indexes);
  // The lock is not held: other collections go on meanwhile.
  const auto build = [&]() -> Status {
    for (const auto& index : record.config.payload_indexes) {
      ARROW_RETURN_NOT_OK(poll(stop));
      ARROW_RETURN_NOT_OK(check_space(0));
      ARROW_RETURN_NOT_OK(shard->create_index(index));
    }
    if (options.build_index) {
      ARROW_RETURN_NOT_OK(shard->optimise(options.index_progress, stop));
    }
    ARROW_ASSIGN_OR_RAISE(record.points_count, shard->count(nullptr));
    ARROW_RETURN_NOT_OK(shard->flush());
    return poll(stop);
  };
  ARROW_RETURN_NOT_OK(at(collection, build()));
  VECFERRY_KILL_POINT("local.flushed");
  shard.reset();
  const std::lock_guard guard(mutex_);
  return publish(record);
}

Status LocalPlace::publish(const CollectionRecord& record) {
  const auto found = open_.find(record.name);
  if (found == open_.end()) {
    return no_collection(record.name, layout_.dir(), {});  // dropped meanwhile
  }
  const bool sole = found->second.shard.use_count() == 1;
  if (found->second.load && sole) {
    // Opened again it has the engine's log; and memory that loading took is given back.
    const SharedShard shard = std::exchange(found->second.shard, nullptr);
    const Status closed = shard->close();
    if (!closed.ok()) {
      open_.erase(found);
      return at(record.name, closed);
    }
  }
  ARROW_RETURN_NOT_OK(sync_tree(layout_.folder(record.name)));
  VECFERRY_KILL_POINT("local.synced");
  ARROW_RETURN_NOT_OK(layout_.write_record(record));
  VECFERRY_KILL_POINT("local.published");
  if (found->second.shard == nullptr) {
    open_.erase(found);
  } else {
    found->second.load.reset();
  }
  return Status::OK();
}

Status LocalPlace::change_settings(std::string_view collection, const CollectionConfig& config,
                                   const StopToken& stop) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(auto record, layout_.read_record(collection));
  ARROW_ASSIGN_OR_RAISE(const auto wanted, with_settings_of(record.config, config));
  ARROW_ASSIGN_OR_RAISE(const Open* opened, open(collection));
  const auto has = [](const std::vector<PayloadIndex>& indexes, const PayloadIndex& index) {
    return std::find(indexes.begin(), indexes.end(), index) != indexes.end();
  };
  const auto change = [&]() -> Status {
    for (const auto& index : record.config.payload_indexes) {
      if (!has(wanted.payload_indexes, index)) {
        ARROW_RETURN_NOT_OK(poll(stop));
        ARROW_RETURN_NOT_OK(opened->shard->delete_index(index.path));
      }
    }
    for (const auto& index : wanted.payload_indexes) {
      if (!has(record.config.payload_indexes, index)) {
        ARROW_RETURN_NOT_OK(poll(stop));
        ARROW_RETURN_NOT_OK(check_space(0));
        ARROW_RETURN_NOT_OK(opened->shard->create_index(index));
      }
    }
    return opened->shard->flush();
  };
  ARROW_RETURN_NOT_OK(at(collection, change()));
  VECFERRY_KILL_POINT("local.settings_changing");
  record.config = wanted;
  record.config.aliases.clear();
  ARROW_RETURN_NOT_OK(layout_.write_record(record));
  return close(collection);
}

Status LocalPlace::drop(std::string_view collection) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(layout_.check_exists());
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(const auto aliases, layout_.read_aliases());
  std::error_code ignored;
  if (!fs::exists(layout_.folder(collection), ignored)) {
    if (const auto alias = aliases.find(collection); alias != aliases.end()) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("'{}' is an alias, not a collection", collection),
                   .where = where(collection),
                   .next = fmt::format("drop '{}', which it leads to", alias->second)});
    }
    ARROW_ASSIGN_OR_RAISE(const auto names, layout_.collections());
    return no_collection(collection, layout_.dir(), names);
  }
  if (Status closed = close(collection); !closed.ok()) {
    if (kind_of(closed) == ErrorKind::kConflict) {
      return closed;
    }
    discard(closed, "what could not be flushed is dropped");
  }
  ARROW_ASSIGN_OR_RAISE(const fs::path hidden, layout_.hide_folder(collection));
  VECFERRY_KILL_POINT("local.hidden");
  ARROW_RETURN_NOT_OK(write_aliases_without(collection, aliases));
  VECFERRY_KILL_POINT("local.unaliased");
  remove_folder(hidden);
  return Status::OK();
}

// `aliases` as they were read while the collection was there: afterwards its own are not told.
Status LocalPlace::write_aliases_without(std::string_view collection, Aliases aliases) {
  const size_t before = aliases.size();
  std::erase_if(aliases, [&](const auto& alias) { return alias.second == collection; });
  return aliases.size() == before ? Status::OK() : layout_.write_aliases(aliases);
}

Status LocalPlace::give_away(std::string_view collection,
                             const std::function<Status(const fs::path& folder)>& move) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(lock_to_write());
  if (!layout_.finished(collection)) {
    ARROW_ASSIGN_OR_RAISE(const auto names, layout_.collections());
    return no_collection(collection, layout_.dir(), names);
  }
  ARROW_RETURN_NOT_OK(close(collection));
  ARROW_ASSIGN_OR_RAISE(auto aliases, layout_.read_aliases());
  ARROW_RETURN_NOT_OK(move(layout_.folder(collection)));
  VECFERRY_KILL_POINT("local.given_away");
  return write_aliases_without(collection, std::move(aliases));
}

Status LocalPlace::take_in(std::string_view collection,
                           const std::function<Status(const fs::path& folder)>& move) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_RETURN_NOT_OK(check_new_name(collection));
  ARROW_RETURN_NOT_OK(move(layout_.folder(collection)));
  VECFERRY_KILL_POINT("local.taken_in");
  return Status::OK();
}

Status LocalPlace::change_aliases(std::span<const AliasChange> changes) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(layout_.check_exists());
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(auto aliases, layout_.read_aliases());
  for (const auto& change : changes) {
    if (!change.collection) {
      aliases.erase(change.alias);
      continue;
    }
    if (!layout_.finished(*change.collection)) {
      ARROW_ASSIGN_OR_RAISE(const auto names, layout_.collections());
      return no_collection(*change.collection, layout_.dir(), names);
    }
    if (loading(change.alias) || layout_.finished(change.alias)) {
      return widen(exists(fmt::format("'{}' is a collection and cannot be an alias", change.alias)),
                   where(*change.collection));
    }
    ARROW_RETURN_NOT_OK(check_collection_name(change.alias));
    aliases[change.alias] = *change.collection;
  }
  return layout_.write_aliases(aliases);
}

Status LocalPlace::hold(bool read_only) {
  const std::lock_guard guard(mutex_);
  if (!read_only) {
    return lock_to_write();
  }
  ARROW_RETURN_NOT_OK(layout_.check_exists());
  return lock();
}

Status LocalPlace::set_config(std::string_view collection, const CollectionConfig& config) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_ASSIGN_OR_RAISE(auto record, layout_.read_record(collection));
  record.config = config;
  return layout_.write_record(record);
}

Status LocalPlace::close_shard(std::string_view collection) {
  const std::lock_guard guard(mutex_);
  return close(collection);
}

Status LocalPlace::adopt(std::string_view collection, const CollectionConfig& config,
                         const fs::path& made) {
  const std::lock_guard guard(mutex_);
  ARROW_RETURN_NOT_OK(check_collection_name(collection));
  ARROW_RETURN_NOT_OK(lock_to_write());
  ARROW_RETURN_NOT_OK(close(collection));
  const CollectionRecord record{.name = std::string(collection),
                                .config = config,
                                .created_at = utc_now(),
                                .engine_version = engine::engine_version()};
  ARROW_RETURN_NOT_OK(sync_tree(made));
  ARROW_RETURN_NOT_OK(layout_.write_record(record, made));
  VECFERRY_KILL_POINT("local.adopting");
  ARROW_RETURN_NOT_OK(layout_.move_in(made, collection));
  VECFERRY_KILL_POINT("local.adopted");
  remove_folder(made);  // the collection that was there before
  return Status::OK();
}

Status LocalPlace::check_space(int64_t bytes) const {
  std::error_code error;
  const fs::space_info space = fs::space(layout_.dir(), error);
  if (error) {
    return system_failure(error.value(), "cannot ask for free space", layout_.dir().string());
  }
  const int64_t needed = std::max(kSmallestReserve, kReserve + 4 * bytes);
  if (space.available >= static_cast<uintmax_t>(needed)) {
    return Status::OK();
  }
  return fail({.kind = ErrorKind::kIo,
               .what = fmt::format("not enough space in '{}': {} MiB free, {} MiB needed",
                                   layout_.dir().string(), space.available >> 20, needed >> 20),
               .where = layout_.dir().string(),
               .next = "free some space there (`df -h`), then run the same command again"});
}

}  // namespace vecferry::local
