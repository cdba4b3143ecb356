// Filter JSON.

#include <cstdint>
#include <string>

#include "fuzz/filter_subjects.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The brace makes it the JSON form, so that no run is spent on the other one.
  vecferry::fuzz::check_filter("{" + std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
