#pragma once

#include <memory>
#include <string>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Add to every payload where it came from and when: `imported_from` and `imported_at` (RFC 3339,
/// UTC, whole seconds). What an earlier import wrote there is replaced; a payload with another
/// value under one of these keys is kIncompatible, because it would be lost.
std::unique_ptr<Transform> provenance(std::string imported_from, std::string imported_at);

}  // namespace vecferry
