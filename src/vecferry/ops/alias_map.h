#pragma once

#include <map>
#include <string>

#include "vecferry/backend/backend.h"

namespace vecferry {

/// Every alias of a place, and the collection it leads to. Empty for places without aliases.
Result<std::map<std::string, std::string>> alias_map(Backend& backend, StopToken stop);

}  // namespace vecferry
