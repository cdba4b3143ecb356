#include "vecferry/server/json_syntax.h"

#include <fmt/format.h>

#include <cctype>

namespace vecferry::server {
namespace {

constexpr int kDeepest = 127;

// A reader that only follows the grammar, and stops at the first fault.
class Syntax {
 public:
  explicit Syntax(std::string_view text) : text_(text) {}

  std::optional<std::string> check() {
    if (value(0)) {
      skip_blanks();
      if (at_ < text_.size()) {
        wrong("trailing characters");
      }
    }
    return std::move(error_);
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool end() const { return at_ >= text_.size(); }

  void skip_blanks() {
    while (!end() && (peek() == ' ' || peek() == '\t' || peek() == '\r' || peek() == '\n')) {
      ++at_;
    }
  }

  // The place is that of the character looked at, or of the last one when there is no more.
  bool wrong(std::string_view what) {
    const size_t seen = end() ? text_.size() : at_ + 1;
    size_t line = 1;
    size_t column = 0;
    for (size_t i = 0; i < seen; ++i) {
      ++column;
      if (text_[i] == '\n') {
        ++line;
        column = 0;
      }
    }
    error_ = fmt::format("{} at line {} column {}", what, line, column);
    return false;
  }

  bool value(int depth) {
    skip_blanks();
    if (end()) {
      return wrong("EOF while parsing a value");
    }
    if (depth > kDeepest) {
      return wrong("recursion limit exceeded");
    }
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool word(std::string_view wanted) {
    for (const char letter : wanted) {
      if (end()) {
        return wrong("EOF while parsing a value");
      }
      if (peek() != letter) {
        return wrong("expected ident");
      }
      ++at_;
    }
    return true;
  }

  bool digits() {
    if (end() || std::isdigit(static_cast<unsigned char>(peek())) == 0) {
      return end() ? wrong("EOF while parsing a value") : wrong("invalid number");
    }
    while (!end() && std::isdigit(static_cast<unsigned char>(peek())) != 0) {
      ++at_;
    }
    return true;
  }

  bool number() {
    const bool minus = peek() == '-';
    if (minus) {
      ++at_;
    }
    if (!minus && std::isdigit(static_cast<unsigned char>(peek())) == 0) {
      return wrong("expected value");
    }
    if (peek() == '0') {
      ++at_;
      if (std::isdigit(static_cast<unsigned char>(peek())) != 0) {
        return wrong("invalid number");
      }
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) {
        return false;
      }
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') {
        ++at_;
      }
      return digits();
    }
    return true;
  }

  bool string() {
    for (++at_; !end(); ++at_) {
      const auto c = static_cast<unsigned char>(peek());
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) {
        return wrong("control character (\\u0000-\\u001F) found while parsing a string");
      }
      if (c == '\\') {
        ++at_;
        if (end()) {
          break;
        }
        if (std::string_view("\"\\/bfnrtu").find(peek()) == std::string_view::npos) {
          return wrong("invalid escape");
        }
      }
    }
    return wrong("EOF while parsing a string");
  }

  bool object(int depth) {
    ++at_;
    skip_blanks();
    if (peek() == '}') {
      ++at_;
      return true;
    }
    while (true) {
      skip_blanks();
      if (end()) {
        return wrong("EOF while parsing an object");
      }
      if (peek() != '"') {
        return wrong("key must be a string");
      }
      if (!string()) {
        return false;
      }
      skip_blanks();
      if (peek() != ':') {
        return end() ? wrong("EOF while parsing an object") : wrong("expected `:`");
      }
      ++at_;
      if (!value(depth + 1)) {
        return false;
      }
      skip_blanks();
      if (peek() == '}') {
        ++at_;
        return true;
      }
      if (peek() != ',') {
        return end() ? wrong("EOF while parsing an object") : wrong("expected `,` or `}`");
      }
      ++at_;
      skip_blanks();
      if (peek() == '}') {
        return wrong("trailing comma");
      }
    }
  }

  bool array(int depth) {
    ++at_;
    skip_blanks();
    if (peek() == ']') {
      ++at_;
      return true;
    }
    while (true) {
      skip_blanks();
      if (end()) {
        return wrong("EOF while parsing a list");
      }
      if (!value(depth + 1)) {
        return false;
      }
      skip_blanks();
      if (peek() == ']') {
        ++at_;
        return true;
      }
      if (peek() != ',') {
        return end() ? wrong("EOF while parsing a list") : wrong("expected `,` or `]`");
      }
      ++at_;
      skip_blanks();
      if (peek() == ']') {
        return wrong("trailing comma");
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::optional<std::string> error_{};
};

}  // namespace

std::optional<std::string> json_syntax_error(std::string_view text) {
  return Syntax(text).check();
}

}  // namespace vecferry::server
