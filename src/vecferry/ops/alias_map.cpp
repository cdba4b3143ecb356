#include "vecferry/ops/alias_map.h"

namespace vecferry {

Result<std::map<std::string, std::string>> alias_map(Backend& backend, StopToken stop) {
  std::map<std::string, std::string> aliases;
  if (!backend.capabilities().aliases) {
    return aliases;
  }
  ARROW_ASSIGN_OR_RAISE(const auto collections, backend.list(stop));
  for (const auto& collection : collections) {
    const auto config = backend.describe(collection.name, stop);
    if (!config.ok() && kind_of(config.status()) == ErrorKind::kNotFound) {
      continue;  // dropped meanwhile
    }
    ARROW_RETURN_NOT_OK(config.status());
    for (const auto& alias : config->aliases) {
      aliases[alias] = collection.name;
    }
  }
  return aliases;
}

}  // namespace vecferry
