// Files of JSON Lines.

#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/text_file_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  vecferry::fuzz::check_text_file({reinterpret_cast<const char*>(data), size},
                                  vecferry::JsonForm::kLines);
  return 0;
}
