#include "vecferry/archive/writer_mark.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "vecferry/archive/sweep.h"
#include "vecferry/base/kill_point.h"
#include "vecferry/base/process_identity.h"

namespace vecferry {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFolder = "writers/";

std::string path_of(const std::string& id) {
  return kFolder + id + ".json";
}

// Another writer, as its mark says.
struct Other {
  std::string path{};
  std::string what{};
  ProcessIdentity process{};
  bool alone = false;
  bool left = false;  ///< it writes no more, and could not tidy up
  std::string since{};

  bool gone() const { return left || has_died(process); }
};

Status not_understood(const std::string& path) {
  return fail({.kind = ErrorKind::kConflict,
               .what = fmt::format("'{}' cannot be understood", path),
               .where = path,
               .next = "remove it if nobody writes to this archive"});
}

Result<Other> parse(const std::string& text, const std::string& path) {
  try {
    const Json json = Json::parse(text);
    const Json& process = json.at("process");
    return Other{.path = path,
                 .what = json.value("what", "writer"),
                 .process = {.host = process.at("host").get<std::string>(),
                             .boot_id = process.at("boot_id").get<std::string>(),
                             .pid_namespace = process.at("pid_namespace").get<std::string>(),
                             .pid = process.at("pid").get<int64_t>(),
                             .started = process.at("started").get<uint64_t>()},
                 .alone = json.at("alone").get<bool>(),
                 .left = json.value("left", false),
                 .since = json.value("since", "")};
  } catch (const Json::exception&) {
    return not_understood(path);
  }
}

// Those who write besides us, the dead included.
Result<std::vector<Other>> others(const Repository& repository, const std::string& own) {
  ARROW_ASSIGN_OR_RAISE(const auto files, repository.store().list(kFolder));
  std::vector<Other> found;
  for (const auto& file : files) {
    if (file.path == own) {
      continue;
    }
    const auto text = repository.get_sealed(file.path);
    if (!text.ok() && kind_of(text.status()) == ErrorKind::kNotFound) {
      continue;  // it has just ended
    }
    if (!text.ok()) {
      return kind_of(text.status()) == ErrorKind::kCorrupt ? not_understood(file.path)
                                                           : text.status();
    }
    ARROW_ASSIGN_OR_RAISE(auto other, parse(*text, file.path));
    found.push_back(std::move(other));
  }
  return found;
}

Status in_the_way(const Other& other, const std::string& label) {
  return fail({.kind = ErrorKind::kConflict,
               .what = fmt::format("a {} is running on this archive (process {} on {}, since {})",
                                   other.what, other.process.pid, other.process.host, other.since),
               .where = label,
               .next = fmt::format("wait until it has ended; if that machine is gone for good, "
                                   "remove '{}' from the archive",
                                   other.path)});
}

}  // namespace

WriterMark::WriterMark(std::shared_ptr<Repository> repository, std::string what)
    : repository_(std::move(repository)),
      id_(new_backup_id(std::chrono::system_clock::now())),
      what_(std::move(what)) {}

WriterMark::~WriterMark() {
  if (stays_) {
    return;
  }
  discard(repository_->store().remove(path_of(id_)),
          "the next writer finds that this process has ended");
}

Status WriterMark::say(Access access) const {
  const auto process = this_process();
  const Json json = {{"format", "vecferry-writer"},
                     {"version", 1},
                     {"what", what_},
                     {"alone", access == Access::kAlone},
                     {"left", stays_},
                     {"since", time_of_backup(id_)},
                     {"process",
                      {{"host", process.host},
                       {"boot_id", process.boot_id},
                       {"pid_namespace", process.pid_namespace},
                       {"pid", process.pid},
                       {"started", process.started}}}};
  return repository_->put_sealed(path_of(id_), json.dump(1));
}

Result<std::unique_ptr<WriterMark>> WriterMark::take(std::shared_ptr<Repository> repository,
                                                     Access access, std::string what,
                                                     StopToken stop) {
  std::unique_ptr<WriterMark> mark(new WriterMark(std::move(repository), std::move(what)));
  // First say, then look: of two that do so at once, one at least sees the other.
  ARROW_RETURN_NOT_OK(mark->say(access));
  VECFERRY_KILL_POINT("archive.marked");
  ARROW_ASSIGN_OR_RAISE(const auto found, others(*mark->repository_, path_of(mark->id_)));
  std::vector<std::string> dead;
  for (const auto& other : found) {
    if (other.gone()) {
      dead.push_back(other.path);
    } else if (other.alone || access == Access::kAlone) {
      return in_the_way(other, mark->repository_->label());
    }
  }
  if (!dead.empty()) {
    ARROW_RETURN_NOT_OK(mark->tidy(dead, stop).status());
    ARROW_RETURN_NOT_OK(mark->say(access));
  }
  return mark;
}

void WriterMark::tidy_up() {
  // Another writer may just have written the very same segment, or an older backup may need it.
  const auto tidied = tidy({}, StopToken::Unstoppable());
  stays_ = !tidied.ok() || !*tidied;
  if (stays_) {
    discard(say(Access::kShared), "then it is in the others' way until this process ends");
  }
}

Result<bool> WriterMark::tidy(const std::vector<std::string>& dead, const StopToken& stop) const {
  ARROW_RETURN_NOT_OK(say(Access::kAlone));
  ARROW_ASSIGN_OR_RAISE(const auto found, others(*repository_, path_of(id_)));
  for (const auto& other : found) {
    if (!other.gone()) {
      return false;  // it will be done when nobody writes
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto files, find_unreferenced(*repository_, stop));
  for (const auto& file : files) {
    ARROW_RETURN_NOT_OK(repository_->store().remove(file.path));
  }
  ARROW_RETURN_NOT_OK(repository_->store().remove_half_written());
  for (const auto& path : dead) {
    const Status removed = repository_->store().remove(path);
    if (!removed.ok() && kind_of(removed) != ErrorKind::kNotFound) {
      return removed;
    }
  }
  return true;
}

}  // namespace vecferry
