#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"

/// Canonical payload: the one text of a payload that digests and comparisons use. Keys sorted
/// bytewise at every level (of duplicates the last wins), no blanks, integers as integers, floats
/// in shortest round-trip form with a dot or an exponent (as ryu prints them: `1.0`, `1e-7`,
/// `1e16`), `1` and `1.0` kept apart, strings with the fewest escapes (`\"` `\\` `\b` `\f` `\n`
/// `\r` `\t`, other control characters as `\u00xx`, everything else as UTF-8). Null and `{}` are
/// the empty text.
namespace vecferry {

/// A payload nested deeper than a Qdrant server can read again is refused on write.
inline constexpr int kMaxPayloadDepth = 123;

/// Deepest payload that our own parsers read.
inline constexpr int kMaxReadDepth = 1000;

/// Canonical text of one JSON object, null, or nothing, appended to `*out`.
/// Errors: kCorrupt: not JSON (with the offset), not an object, nested deeper than kMaxReadDepth, a
/// number that is not finite, text that is not UTF-8.
/// Thread: safe; keep one `PayloadCanonicaliser` a thread to reuse its buffers.
class PayloadCanonicaliser {
 public:
  PayloadCanonicaliser();
  ~PayloadCanonicaliser();
  PayloadCanonicaliser(PayloadCanonicaliser&&) noexcept;
  PayloadCanonicaliser& operator=(PayloadCanonicaliser&&) noexcept;
  Status append(std::string_view json, std::string* out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// One-off form.
Result<std::string> canonical_payload(std::string_view json);

/// Levels of nesting: `{}` has 1. For text that is known to be JSON.
int nesting_depth(std::string_view json);

/// A float as the canonical form prints it; `value` is finite.
void append_float(double value, std::string* out);

}  // namespace vecferry
