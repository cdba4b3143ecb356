// A collection's configuration as JSON, from files and snapshots. What is read survives its own
// form.

#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "vecferry/model/config.h"
#include "vecferry/model/points_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = vecferry::parse_collection_config(text);
  if (!config.ok()) {
    return 0;
  }
  const auto again = vecferry::parse_collection_config(vecferry::to_json(*config));
  VECFERRY_CHECK(again.ok());
  VECFERRY_CHECK(*again == *config);
  VECFERRY_CHECK(vecferry::config_differences(*config, *again).empty());
  if (config->vectors.size() < 64) {
    VECFERRY_CHECK(vecferry::points_schema(*config).ok());
  }
  return 0;
}
