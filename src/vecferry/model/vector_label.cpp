#include "vecferry/model/vector_label.h"

#include <fmt/format.h>

namespace vecferry {

std::string vector_label(std::string_view name) {
  return name.empty() ? "the vector" : fmt::format("vector '{}'", name);
}

}  // namespace vecferry
