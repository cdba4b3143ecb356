#include "vecferry/archive/retention.h"

#include <functional>

namespace vecferry {
namespace {

using Days = std::chrono::sys_days;

Days day_of(const std::string& id) {
  return std::chrono::floor<std::chrono::days>(moment_of_backup(id));
}

// A number that all days of an ISO week share: that of its Monday.
int week_of(const std::string& id) {
  const Days day = day_of(id);
  const auto since_monday = std::chrono::weekday(day).iso_encoding() - 1;
  return static_cast<int>((day - std::chrono::days(since_monday)).time_since_epoch().count());
}

int month_of(const std::string& id) {
  const std::chrono::year_month_day date(day_of(id));
  return static_cast<int>(date.year()) * 12 + static_cast<int>(static_cast<unsigned>(date.month()));
}

// The newest of each of the last `count` periods.
void keep(const std::vector<std::string>& ids, int count,
          const std::function<int(const std::string&)>& period, std::set<std::string>* kept) {
  std::set<int> seen;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    const int its = period(*id);
    if (seen.count(its) > 0) {
      continue;
    }
    if (static_cast<int>(seen.size()) == count) {
      return;
    }
    seen.insert(its);
    kept->insert(*id);
  }
}

}  // namespace

std::set<std::string> kept_by(const Retention& rules, const std::vector<std::string>& ids) {
  std::set<std::string> kept;
  if (ids.empty()) {
    return kept;
  }
  kept.insert(ids.back());
  for (size_t i = 0; i < ids.size() && i < static_cast<size_t>(rules.last); ++i) {
    kept.insert(ids[ids.size() - 1 - i]);
  }
  keep(
      ids, rules.daily,
      [](const std::string& id) { return static_cast<int>(day_of(id).time_since_epoch().count()); },
      &kept);
  keep(ids, rules.weekly, week_of, &kept);
  keep(ids, rules.monthly, month_of, &kept);
  return kept;
}

}  // namespace vecferry
