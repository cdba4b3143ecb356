#include "vecferry/ops/check_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "vecferry/archive/names.h"
#include "vecferry/archive/sweep.h"
#include "vecferry/ops/back_up.h"
#include "vecferry/pipeline/lane_pool.h"

namespace vecferry {
namespace {

constexpr int kLanes = 2;
constexpr const char* kHead = "vecferry-archive.json";

bool is_damage(const Status& status) {
  const auto kind = kind_of(status);
  return kind == ErrorKind::kCorrupt || kind == ErrorKind::kNotFound ||
         kind == ErrorKind::kIncompatible || kind == ErrorKind::kRefused || kind == ErrorKind::kIo;
}

class Check {
 public:
  Check(const Repository& repository, const CheckOptions& options, Progress& progress,
        StopToken stop)
      : repository_(repository), options_(options), progress_(progress), stop_(std::move(stop)) {}

  Result<CheckReport> carry_out() {
    ARROW_ASSIGN_OR_RAISE(const auto files, repository_.store().list(""));
    for (const auto& file : files) {
      sizes_[file.path] = file.bytes;
    }
    ARROW_RETURN_NOT_OK(look_at_collections());
    ARROW_RETURN_NOT_OK(note_unless(kHead, repository_.head(), all_backups_));
    ARROW_RETURN_NOT_OK(look_at_marks());
    ARROW_RETURN_NOT_OK(read_segments());
    ARROW_RETURN_NOT_OK(prove_newest());
    look_at_the_rest();
    std::sort(report_.damage.begin(), report_.damage.end(),
              [](const Damage& a, const Damage& b) { return a.file < b.file; });
    return std::move(report_);
  }

 private:
  // A segment, and the backups that need it.
  struct Needed {
    SegmentRef ref{};
    std::vector<std::string> backups{};
    CollectionConfig config{};
    bool bad = false;
  };

  Status note(const std::string& file, const Status& error, std::vector<std::string> backups) {
    if (!is_damage(error)) {
      return error;
    }
    const std::lock_guard lock(mutex_);
    report_.damage.push_back(
        {.file = file, .what = failure_of(error).what, .backups = std::move(backups)});
    return Status::OK();
  }

  Status look_at_collections() {
    ARROW_ASSIGN_OR_RAISE(const auto names, repository_.collections(stop_));
    report_.collections = names.size();
    for (const auto& name : names) {
      ARROW_ASSIGN_OR_RAISE(const auto ids, repository_.backups(name, stop_));
      for (const auto& id : ids) {
        ++report_.backups;
        ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(name, id));
        known_.insert(path);
        const std::string backup = name + "@" + id;
        all_backups_.push_back(backup);
        auto manifest = repository_.manifest(name, id);
        if (!manifest.ok()) {
          ARROW_RETURN_NOT_OK(note(path, manifest.status(), {backup}));
          any_unread_ = true;
          continue;
        }
        for (const auto& segment : manifest->segments) {
          auto& needed = needed_[segment.path()];
          needed.ref = segment;
          needed.config = manifest->config;
          needed.backups.push_back(backup);
        }
        ARROW_RETURN_NOT_OK(look_at_native(*manifest, backup));
        if (id == ids.back()) {
          newest_.push_back(*std::move(manifest));
        }
      }
    }
    report_.segments = needed_.size();
    return Status::OK();
  }

  Status look_at_native(const Manifest& manifest, const std::string& backup) {
    if (!manifest.native) {
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto path, native_path(manifest.collection, manifest.id));
    known_.insert(path);
    return note_unless(path, repository_.check_native(manifest), {backup});
  }

  Status note_unless(const std::string& file, const Status& status,
                     std::vector<std::string> backups) {
    return status.ok() ? status : note(file, status, std::move(backups));
  }

  Status look_at_marks() {
    for (const auto& [path, bytes] : sizes_) {
      constexpr std::string_view kFolder = "collections/";
      constexpr std::string_view kMark = "/archived.json";
      if (!path.starts_with(kFolder) || !path.ends_with(kMark)) {
        continue;
      }
      known_.insert(path);
      const auto name =
          decode_name(path.substr(kFolder.size(), path.size() - kFolder.size() - kMark.size()));
      if (!name.ok()) {
        ARROW_RETURN_NOT_OK(note(path, name.status(), {}));
        continue;
      }
      const auto mark = repository_.mark(*name);
      if (!mark.ok()) {
        ARROW_RETURN_NOT_OK(note(path, mark.status(), {*name}));
      } else if (*mark && !repository_.manifest(*name, (*mark)->backup).ok()) {
        ARROW_RETURN_NOT_OK(note(
            path,
            fail({.kind = ErrorKind::kCorrupt,
                  .what =
                      fmt::format("the backup {} that it names cannot be read", (*mark)->backup)}),
            {*name + "@" + (*mark)->backup}));
      }
    }
    return Status::OK();
  }

  Status read_segments() {
    std::vector<Needed*> chosen;
    for (auto& [path, needed] : needed_) {
      known_.insert(path);
      const auto size = sizes_.find(path);
      if (size == sizes_.end() || size->second != needed.ref.bytes) {
        needed.bad = true;
        ARROW_RETURN_NOT_OK(note(
            path,
            fail({.kind = ErrorKind::kCorrupt,
                  .what = size == sizes_.end() ? std::string("it is missing")
                                               : fmt::format("it has {} bytes, {} were written",
                                                             size->second, needed.ref.bytes)}),
            needed.backups));
      } else {
        chosen.push_back(&needed);
      }
    }
    std::shuffle(chosen.begin(), chosen.end(), std::mt19937_64{std::random_device{}()});
    // Of however few, one at least.
    const double some =
        std::ceil(std::min(options_.share, 1.0) * static_cast<double>(chosen.size()));
    chosen.resize(static_cast<size_t>(some));
    progress_.begin(Phase::kVerifying, 0);
    return run_side_by_side(
        chosen.size(), kLanes, stop_, [&](size_t index, const StopToken& stop) -> Status {
          Needed& needed = *chosen[index];
          const Manifest alone{.config = needed.config, .segments = {needed.ref}};
          const Status proved = prove_segments(repository_, alone, progress_, stop);
          {
            const std::lock_guard lock(mutex_);
            ++report_.read;
            report_.bytes += needed.ref.bytes;
          }
          if (proved.ok()) {
            return proved;
          }
          needed.bad = true;
          return note(needed.ref.path(), proved, needed.backups);
        });
  }

  // Sound segments may still not be those that belong together.
  Status prove_newest() {
    for (const auto& manifest : newest_) {
      const bool sound =
          std::none_of(manifest.segments.begin(), manifest.segments.end(),
                       [&](const SegmentRef& segment) { return needed_.at(segment.path()).bad; });
      if (!sound || options_.share < 1) {
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto path, manifest_path(manifest.collection, manifest.id));
      ARROW_RETURN_NOT_OK(note_unless(path, prove_backup(repository_, manifest, progress_, stop_),
                                      {manifest.collection + "@" + manifest.id}));
    }
    return Status::OK();
  }

  // What nobody knows is said, and left alone.
  void look_at_the_rest() {
    known_.insert(kHead);
    for (const auto& [path, bytes] : sizes_) {
      if (known_.count(path) > 0 || path.starts_with("writers/")) {
        continue;
      }
      const bool ours = path.starts_with("segments/") || path.starts_with("native/");
      // What an unreadable manifest needs is not known.
      (ours && !any_unread_ ? report_.unneeded : report_.strange).push_back(path);
    }
  }

  const Repository& repository_;
  const CheckOptions& options_;
  Progress& progress_;
  StopToken stop_;
  std::map<std::string, uint64_t> sizes_{};
  std::map<std::string, Needed> needed_{};
  std::vector<Manifest> newest_{};
  std::vector<std::string> all_backups_{};
  std::set<std::string> known_{};
  bool any_unread_ = false;
  std::mutex mutex_{};
  CheckReport report_{};
};

}  // namespace

Result<CheckReport> check_archive(const Repository& repository, const CheckOptions& options,
                                  Progress& progress, StopToken stop) {
  return Check(repository, options, progress, std::move(stop)).carry_out();
}

}  // namespace vecferry
