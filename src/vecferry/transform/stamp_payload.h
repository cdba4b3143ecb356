#pragma once

#include <memory>
#include <string>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Add `key: "value"` to every payload. A string that is there already stays, because it says where
/// an earlier operation took the point from; those points are counted as `KEY_kept`. A value of
/// another kind is kIncompatible. Applied twice it changes nothing more.
std::unique_ptr<Transform> stamp_payload(std::string key, std::string value);

}  // namespace vecferry
