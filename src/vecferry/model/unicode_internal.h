#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What the engine's text conditions and payload paths need of Unicode, exactly as Rust's `char`
/// classifies it, so that both give the same answer.
namespace vecferry {

struct CodePoint {
  char32_t value = 0;
  size_t length = 0;  ///< bytes; at least 1
};

/// The first code point of a text that is not empty. A byte that is not UTF-8 comes as U+FFFD.
CodePoint decode_utf8(std::string_view text);

bool is_alphanumeric(char32_t c);

/// The lower-case form of a word, appended.
void append_lowercase(std::string_view word, std::string* out);

}  // namespace vecferry
