// Canonical payload: never crashes, accepts what another parser accepts and nothing else, keeps the
// meaning, and is its own canonical form.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "vecferry/model/canonical_payload.h"

using vecferry::canonical_payload;

namespace {

// null when the other parser refuses the text
nlohmann::json parsed_by_another(std::string_view text) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception&) {
    return nlohmann::json(nlohmann::json::value_t::discarded);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = canonical_payload(text);
  // The other parser has no limit on depth, skips a byte order mark and stops at a NUL.
  if (vecferry::nesting_depth(text) > vecferry::kMaxReadDepth || text.substr(0, 1) == "\xEF" ||
      text.find('\0') != std::string_view::npos) {
    return 0;
  }
  const auto other = parsed_by_another(text);
  if (!result.ok()) {
    VECFERRY_CHECK(!other.is_object());
    return 0;
  }
  const std::string& canonical = result.ValueUnsafe();
  if (canonical.empty()) {
    VECFERRY_CHECK(!other.is_object() || other.empty());
    return 0;
  }
  VECFERRY_CHECK(other.is_object());
  VECFERRY_CHECK(parsed_by_another(canonical) == other);
  const auto again = canonical_payload(canonical);
  VECFERRY_CHECK(again.ok() && again.ValueUnsafe() == canonical);
  VECFERRY_CHECK(vecferry::nesting_depth(canonical) <= vecferry::kMaxReadDepth);
  return 0;
}
