#include "vecferry/backends/local/local_shelf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdio>
#include <system_error>

#include "vecferry/base/durable_file.h"
#include "vecferry/base/kill_point.h"

namespace vecferry::local {
namespace {

// Both folders durably; never over something that is there.
Status move_folder(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    return system_failure(errno, fmt::format("cannot move '{}'", from.string()), to.string());
  }
  ARROW_RETURN_NOT_OK(sync_folder(to.parent_path()));
  return sync_folder(from.parent_path());
}

}  // namespace

bool LocalShelf::reaches(const fs::path& folder) const {
  std::error_code error;
  fs::path there = fs::absolute(folder, error);
  while (!error && !fs::exists(there, error) && there.has_relative_path()) {
    there = there.parent_path();
  }
  struct stat one {};
  struct stat other {};
  return !error && ::stat(there.c_str(), &one) == 0 &&
         ::stat(place_.layout().dir().c_str(), &other) == 0 && one.st_dev == other.st_dev;
}

bool LocalShelf::holds(std::string_view name, const fs::path& folder) const {
  const auto shelf = PlaceLayout::open(folder);
  return shelf.ok() && shelf->finished(name);
}

Status LocalShelf::put(std::string_view name, const fs::path& folder) {
  ARROW_ASSIGN_OR_RAISE(const auto shelf, PlaceLayout::open(folder));
  MadePlace made;
  ARROW_RETURN_NOT_OK(shelf.make(&made));
  return place_.give_away(
      name, [&](const fs::path& from) { return move_folder(from, shelf.folder(name)); });
}

Status LocalShelf::take_back(std::string_view name, const fs::path& folder) {
  if (!holds(name, folder)) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = fmt::format("the files of '{}' are no longer where they were kept", name),
                 .where = folder.string(),
                 .next = "they were moved or removed by hand; put them back, then run the same "
                         "command again"});
  }
  ARROW_ASSIGN_OR_RAISE(const auto shelf, PlaceLayout::open(folder));
  return place_.take_in(name,
                        [&](const fs::path& to) { return move_folder(shelf.folder(name), to); });
}

}  // namespace vecferry::local
