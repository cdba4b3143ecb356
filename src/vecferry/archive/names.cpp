#include "vecferry/archive/names.h"

#include <fmt/format.h>

#include "arrow/util/utf8.h"
#include "vecferry/base/percent.h"

namespace vecferry {
namespace {

constexpr size_t kLongest = 255;  // of a folder's name, in most file systems

}  // namespace

Result<std::string> encode_name(std::string_view name) {
  if (name.empty()) {
    return fail({.kind = ErrorKind::kUsage, .what = "a collection needs a name"});
  }
  arrow::util::InitializeUTF8();
  if (!arrow::util::ValidateUTF8(name)) {  // manifests are JSON, and hold the name
    return fail({.kind = ErrorKind::kUsage,
                 .what = "the name of a collection in an archive must be UTF-8",
                 .next = "give it another name in the archive with --name"});
  }
  auto encoded = percent_encode(name);
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
  const auto name = percent_decode(encoded);
  const auto again = name.ok() ? encode_name(*name) : name;
  if (!again.ok() || *again != encoded) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("'{}' is no encoded name of a collection", encoded)});
  }
  return name;
}

}  // namespace vecferry
