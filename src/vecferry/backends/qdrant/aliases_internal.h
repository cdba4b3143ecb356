#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/backend/backend.h"
#include "vecferry/backends/qdrant/connection_internal.h"

namespace vecferry::remote {

/// Alias to collection, of all that the key may see.
Result<std::map<std::string, std::string>> all_aliases(const Connection& connection,
                                                       const StopToken& stop);

/// Those that lead to a collection, which may be named by one of them.
Result<std::vector<std::string>> aliases_of(const Connection& connection, std::string_view name,
                                            const StopToken& stop);

/// All or none, as far as a server allows: it keeps the actions before one that fails, so what can
/// fail is looked at first, and after a failure the old aliases are set again.
/// Errors: kNotFound for a collection, kExists for an alias with a collection's name.
Status set_aliases(const Connection& connection, std::span<const AliasChange> changes,
                   const StopToken& stop);

}  // namespace vecferry::remote
