#include "vecferry/model/point_id.h"

#include <openssl/evp.h>

#include <charconv>
#include <limits>

namespace vecferry {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

bool is_hyphen_position(size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

std::optional<Uuid> parse_hex_digits(std::string_view text, bool hyphenated) {
  Uuid uuid{};
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (hyphenated && is_hyphen_position(i)) {
      if (text[i] != '-') {
        return std::nullopt;
      }
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0 || nibble >= 32) {
      return std::nullopt;
    }
    uuid[nibble / 2] = static_cast<uint8_t>(uuid[nibble / 2] * 16 + value);
    ++nibble;
  }
  return nibble == 32 ? std::optional(uuid) : std::nullopt;
}

// RFC 4122 namespace for names that are not ids: UUIDv5(DNS, "vecferry"). Fixed for ever, since ids
// made with it are stored.
constexpr Uuid kNameSpace = {0x5b, 0x0c, 0x2e, 0x6d, 0x43, 0x7a, 0x5f, 0x19,
                             0x9e, 0x61, 0x7c, 0x05, 0xd1, 0x8b, 0x3a, 0x42};

}  // namespace

std::string to_string(const PointId& id) {
  if (!id.is_uuid) {
    return std::to_string(id.number);
  }
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < id.uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text.push_back('-');
    }
    text.push_back(kHexDigits[id.uuid[i] >> 4U]);
    text.push_back(kHexDigits[id.uuid[i] & 0xFU]);
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, 36);
  } else if (text.size() == 45 && text.substr(0, 9) == "urn:uuid:") {
    text.remove_prefix(9);
  }
  if (text.size() == 36) {
    return parse_hex_digits(text, true);
  }
  return text.size() == 32 ? parse_hex_digits(text, false) : std::nullopt;
}

std::optional<PointId> parse_point_id(std::string_view text) {
  // 32 decimal digits are a UUID, not a number: a number has 20 digits at most.
  if (!text.empty() && text.size() <= 20) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
      return PointId::of(number);
    }
    return std::nullopt;
  }
  const auto uuid = parse_uuid(text);
  return uuid ? std::optional(PointId::of(*uuid)) : std::nullopt;
}

Uuid uuid_of_name(std::string_view name) {
  std::string input(reinterpret_cast<const char*>(kNameSpace.data()), kNameSpace.size());
  input.append(name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int length = 0;
  EVP_Digest(input.data(), input.size(), hash.data(), &length, EVP_sha1(), nullptr);
  Uuid uuid{};
  for (size_t i = 0; i < uuid.size(); ++i) {
    uuid[i] = hash[i];
  }
  uuid[6] = static_cast<uint8_t>((uuid[6] & 0x0FU) | 0x50U);
  uuid[8] = static_cast<uint8_t>((uuid[8] & 0x3FU) | 0x80U);
  return uuid;
}

std::optional<PointId> successor(const PointId& id) {
  if (!id.is_uuid) {
    return id.number == std::numeric_limits<uint64_t>::max() ? PointId::of(Uuid{})
                                                             : PointId::of(id.number + 1);
  }
  Uuid next = id.uuid;
  for (size_t i = next.size(); i-- > 0;) {
    if (++next[i] != 0) {
      return PointId::of(next);
    }
  }
  return std::nullopt;
}

}  // namespace vecferry
