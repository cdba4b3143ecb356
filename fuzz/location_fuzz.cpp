// Locations and places, as people type them. What is read is printed and read again.

#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "vecferry/backend/location.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto location = vecferry::parse_location(text);
  if (location.ok()) {
    const auto again = vecferry::parse_location(vecferry::to_string(*location));
    VECFERRY_CHECK(again.ok());
    VECFERRY_CHECK(*again == *location);
  } else {
    VECFERRY_CHECK(vecferry::kind_of(location.status()) == vecferry::ErrorKind::kUsage);
  }
  const auto place = vecferry::parse_place(text);
  if (place.ok()) {
    VECFERRY_CHECK(!place->address.empty());
  }
  const auto decoded = vecferry::percent_decode(text);
  if (decoded.ok()) {
    VECFERRY_CHECK(*vecferry::percent_decode(vecferry::percent_encode(*decoded)) == *decoded);
  }
  return 0;
}
