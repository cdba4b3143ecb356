// The short form of filters.

#include <cstdint>
#include <string_view>

#include "fuzz/filter_subjects.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vecferry::fuzz::check_filter({reinterpret_cast<const char*>(data), size});
  return 0;
}
