#pragma once

#include <string>
#include <string_view>

namespace vecferry {

/// A vector in a sentence: `the vector` for the unnamed one, else `vector 'title'`.
std::string vector_label(std::string_view name);

}  // namespace vecferry
