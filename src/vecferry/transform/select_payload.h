#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Keep only what these payload paths name. Paths are Qdrant's (`a.b`, `list[].x`, `"odd key"`),
/// and so are the rules: a path through arrays says so with `[]`, and a value that ends before its
/// path does is kept. Errors: kUsage for a text that is not a path, or none at all.
Result<std::unique_ptr<Transform>> keep_payload(const std::vector<std::string>& paths);

/// Remove what these payload paths name, and keep the rest.
Result<std::unique_ptr<Transform>> drop_payload(const std::vector<std::string>& paths);

}  // namespace vecferry
