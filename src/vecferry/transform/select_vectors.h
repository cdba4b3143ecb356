#pragma once

#include <memory>
#include <string>
#include <vector>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Keep only the vectors of these names; the unnamed one is the empty name. None at all leaves
/// points without vectors. `config` says kNotFound for a name that is not there.
std::unique_ptr<Transform> select_vectors(std::vector<std::string> names);

}  // namespace vecferry
