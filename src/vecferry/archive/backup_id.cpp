#include "vecferry/archive/backup_id.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "vecferry/model/datetime.h"

namespace vecferry {
namespace {

using Micros = std::chrono::microseconds;

// dddddddd T ddddddddd Z - xxxxxxxx
constexpr std::string_view kShape = "00000000T000000000Z-xxxxxxxx";
constexpr size_t kDateDigits = 10;  // of 2026-11-23

bool fits(char letter, char shape) {
  const bool digit = letter >= '0' && letter <= '9';
  switch (shape) {
    case '0':
      return digit;
    case 'x':
      return digit || (letter >= 'a' && letter <= 'f');
    default:
      return letter == shape;
  }
}

std::string newest_of(const std::vector<std::string>& ids) {
  return fmt::format("there are {}, the newest is {}", ids.size(), ids.back());
}

Status none(std::string what, const std::vector<std::string>& ids, const std::string& where) {
  return fail({.kind = ErrorKind::kNotFound,
               .what = std::move(what),
               .where = where,
               .next = newest_of(ids) + "; `vecferry archives` lists them"});
}

Result<std::string> by_prefix(const std::vector<std::string>& ids, std::string_view prefix,
                              const std::string& where) {
  std::vector<std::string> found;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(found),
               [&](const std::string& id) { return id.starts_with(prefix); });
  if (found.size() == 1) {
    return found.front();
  }
  if (found.empty()) {
    return none(fmt::format("no backup '{}'", prefix), ids, where);
  }
  return fail({.kind = ErrorKind::kUsage,
               .what = fmt::format("'{}' may mean {} backups", prefix, found.size()),
               .where = where,
               .next = fmt::format("write more of it, such as {}", found.front())});
}

}  // namespace

std::string new_backup_id(WallTime now) {
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::random_device random;
  return fmt::format("{:%Y%m%dT%H%M%S}{:03}Z-{:08x}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis % 1000,
                     static_cast<uint32_t>(random()));
}

bool is_backup_id(std::string_view text) {
  return text.size() == kShape.size() && std::equal(text.begin(), text.end(), kShape.begin(), fits);
}

std::string time_of_backup(std::string_view id) {
  return fmt::format("{}-{}-{}T{}:{}:{}.{}Z", id.substr(0, 4), id.substr(4, 2), id.substr(6, 2),
                     id.substr(9, 2), id.substr(11, 2), id.substr(13, 2), id.substr(15, 3));
}

WallTime moment_of_backup(std::string_view id) {
  return WallTime(Micros(parse_datetime(time_of_backup(id)).value_or(0)));
}

Result<std::string> pick_backup(const std::vector<std::string>& ids, std::string_view when,
                                const std::string& where) {
  if (ids.empty()) {
    return fail({.kind = ErrorKind::kNotFound,
                 .what = "no backup of this collection",
                 .where = where,
                 .next = "`vecferry archives` lists what there is"});
  }
  if (when.empty() || when == "latest") {
    return ids.back();
  }
  const auto moment = parse_datetime(when);
  if (!moment) {
    if (when.find_first_not_of("0123456789abcdefTZ-") != std::string_view::npos) {
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("'{}' is neither a moment nor the id of a backup", when),
                   .where = where,
                   .next = "write a date (2026-11-23), a moment (2026-11-23T13:20:00Z) or an id"});
    }
    return by_prefix(ids, when, where);
  }
  const bool whole_day = when.size() == kDateDigits;
  const auto limit =
      WallTime(Micros(*moment)) + (whole_day ? std::chrono::hours(24) - Micros(1) : Micros(0));
  const auto after = std::find_if(
      ids.begin(), ids.end(), [&](const std::string& id) { return moment_of_backup(id) > limit; });
  if (after == ids.begin()) {
    return none(fmt::format("no backup as old as {}, the oldest is {}", when, ids.front()), ids,
                where);
  }
  return *std::prev(after);
}

}  // namespace vecferry
