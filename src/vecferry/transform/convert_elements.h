#pragma once

#include <map>
#include <memory>
#include <string>

#include "vecferry/transform/transform.h"

namespace vecferry {

/// Store dense and multivectors with other elements, as a Qdrant server converts them: float16
/// rounds to nearest even (beyond 65504 it is infinite), uint8 drops the fraction and stops at 0
/// and 255 (NaN is 0). `config` says kNotFound for a name that is not there.
std::unique_ptr<Transform> convert_elements(std::map<std::string, ElementType> elements);

}  // namespace vecferry
