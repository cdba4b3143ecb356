#pragma once

#include <set>
#include <string>
#include <vector>

#include "vecferry/archive/backup_id.h"

namespace vecferry {

/// Which backups of a collection are kept: the last ones, and the newest of each of the last days,
/// ISO weeks and months that have any (UTC). 0: that rule keeps none.
struct Retention {
  int last = 0;
  int daily = 0;
  int weekly = 0;
  int monthly = 0;

  bool empty() const { return last + daily + weekly + monthly == 0; }
};

/// Those of `ids` (in their order) that the rules keep; the newest always.
std::set<std::string> kept_by(const Retention& rules, const std::vector<std::string>& ids);

}  // namespace vecferry
