#include "vecferry/archive/names.h"

#include <fmt/format.h>

#include <charconv>

namespace vecferry {
namespace {

constexpr size_t kLongest = 255;  // of a folder's name, in most file systems

bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
}

}  // namespace

Result<std::string> encode_name(std::string_view name) {
  if (name.empty()) {
    return fail({.kind = ErrorKind::kUsage, .what = "a collection needs a name"});
  }
  std::string encoded;
  for (size_t i = 0; i < name.size(); ++i) {
    if (is_plain(name[i]) && !(i == 0 && name[i] == '.')) {
      encoded += name[i];
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(name[i]));
    }
  }
  if (encoded.size() > kLongest) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("'{}' is too long for the name of a folder ({} bytes encoded, "
                                     "{} are possible)",
                                     name, encoded.size(), kLongest),
                 .next = "give it a shorter name in the archive with --name"});
  }
  return encoded;
}

Result<std::string> decode_name(std::string_view encoded) {
  std::string name;
  for (size_t i = 0; i < encoded.size(); ++i) {
    unsigned value = static_cast<unsigned char>(encoded[i]);
    if (encoded[i] == '%' && i + 2 < encoded.size()) {
      const auto* end = encoded.data() + i + 3;
      value = std::from_chars(encoded.data() + i + 1, end, value, 16).ptr == end ? value : '%';
      i += 2;
    }
    name += static_cast<char>(value);
  }
  const auto again = encode_name(name);
  if (!again.ok() || *again != encoded) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("'{}' is no encoded name of a collection", encoded)});
  }
  return name;
}

}  // namespace vecferry
