#include "vecferry/model/shard_key.h"

#include <charconv>
#include <optional>

namespace vecferry {
namespace {

// A number as Qdrant prints it; "05" is a string.
std::optional<uint64_t> plain_number(std::string_view text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end ||
      (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return number;
}

bool quoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"';
}

}  // namespace

std::string shard_key_text(const std::variant<std::string, uint64_t>& key) {
  if (const auto* number = std::get_if<uint64_t>(&key)) {
    return std::to_string(*number);
  }
  const auto& text = std::get<std::string>(key);
  return plain_number(text) || quoted(text) ? '"' + text + '"' : text;
}

std::variant<std::string, uint64_t> parse_shard_key(std::string_view text) {
  if (quoted(text)) {
    return std::string(text.substr(1, text.size() - 2));
  }
  if (const auto number = plain_number(text)) {
    return *number;
  }
  return std::string(text);
}

}  // namespace vecferry
