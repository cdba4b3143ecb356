#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <system_error>

#include "vecferry/wire/json_text_internal.h"

namespace vecferry::wire {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  void blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) {
      ++at_;
    }
  }
  bool take(char c) {
    blanks();
    if (at_ == end_ || *at_ != c) {
      return false;
    }
    ++at_;
    return true;
  }
  char peek() {
    blanks();
    return at_ == end_ ? '\0' : *at_;
  }
  bool done() {
    blanks();
    return at_ == end_;
  }

  // A number by JSON's grammar, which from_chars alone does not hold to.
  bool number(float* value) {
    blanks();
    const char* digits = at_ != end_ && *at_ == '-' ? at_ + 1 : at_;
    if (digits == end_ || !digit(*digits) ||
        (*digits == '0' && digits + 1 != end_ && digit(digits[1]))) {
      return false;
    }
    const auto [stop, error] = std::from_chars(at_, end_, *value);
    if (!digit(stop[-1])) {
      return false;  // "1." is no JSON
    }
    if (error == std::errc::result_out_of_range) {
      double wide = 0;
      // Beyond double as well: infinite or zero by the sign of the exponent.
      if (std::from_chars(at_, end_, wide).ec == std::errc::result_out_of_range) {
        const void* minus = std::memchr(at_, 'e', static_cast<size_t>(stop - at_));
        const void* capital = std::memchr(at_, 'E', static_cast<size_t>(stop - at_));
        const auto* exponent = static_cast<const char*>(minus != nullptr ? minus : capital);
        wide = exponent != nullptr && exponent[1] == '-' ? 0.0 : HUGE_VAL;
        wide = *at_ == '-' ? -wide : wide;
      }
      *value = static_cast<float>(wide);
    } else if (error != std::errc()) {
      return false;
    }
    at_ = stop;
    return true;
  }

  bool index(uint32_t* value) {
    blanks();
    const auto [stop, error] = std::from_chars(at_, end_, *value);
    if (error != std::errc() || (stop - at_ > 1 && *at_ == '0')) {
      return false;
    }
    at_ = stop;
    return true;
  }

 private:
  static bool digit(char c) { return c >= '0' && c <= '9'; }

  const char* at_;
  const char* end_;
};

// The numbers of one list, its bracket taken.
NumbersProblem list(Scanner* scanner, std::vector<float>* values) {
  if (scanner->take(']')) {
    return NumbersProblem::kNone;
  }
  do {
    float value = 0;
    if (!scanner->number(&value)) {
      return scanner->peek() == 'n' ? NumbersProblem::kNull : NumbersProblem::kNotNumbers;
    }
    values->push_back(value);
  } while (scanner->take(','));
  return scanner->take(']') ? NumbersProblem::kNone : NumbersProblem::kNotNumbers;
}

NumbersProblem lists(Scanner* scanner, Numbers* out) {
  out->nested = true;
  size_t length = 0;
  do {
    const size_t before = out->values.size();
    if (!scanner->take('[')) {
      return NumbersProblem::kNotNumbers;
    }
    const auto problem = list(scanner, &out->values);
    if (problem != NumbersProblem::kNone) {
      return problem;
    }
    const size_t added = out->values.size() - before;
    if (out->lists++ == 0) {
      length = added;
    } else if (added != length) {
      return NumbersProblem::kUneven;
    }
  } while (scanner->take(','));
  return scanner->take(']') ? NumbersProblem::kNone : NumbersProblem::kNotNumbers;
}

}  // namespace

void parse_numbers(std::string_view text, Numbers* out) {
  out->values.clear();
  out->lists = 0;
  out->nested = false;
  Scanner scanner(text);
  if (!scanner.take('[')) {
    out->problem = NumbersProblem::kNotNumbers;
    return;
  }
  out->problem = scanner.peek() == '[' ? lists(&scanner, out) : list(&scanner, &out->values);
  if (out->problem == NumbersProblem::kNone && !scanner.done()) {
    out->problem = NumbersProblem::kNotNumbers;
  }
}

bool parse_indices(std::string_view text, std::vector<uint32_t>* out) {
  out->clear();
  Scanner scanner(text);
  if (!scanner.take('[')) {
    return false;
  }
  if (!scanner.take(']')) {
    do {
      uint32_t index = 0;
      if (!scanner.index(&index)) {
        return false;
      }
      out->push_back(index);
    } while (scanner.take(','));
    if (!scanner.take(']')) {
      return false;
    }
  }
  return scanner.done();
}

}  // namespace vecferry::wire
