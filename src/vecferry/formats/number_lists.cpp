#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "vecferry/formats/number_lists_internal.h"

namespace vecferry::formats {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Status bad_list(std::string what) {
  return fail({.kind = ErrorKind::kCorrupt, .what = std::move(what)});
}

// The token at `p` for a message, cut to a readable length.
std::string token_at(const char* p, const char* end) {
  const char* stop = p;
  while (stop != end && !is_blank(*stop) && *stop != ',' && *stop != ']' && stop - p < 24) {
    ++stop;
  }
  return {p, stop};
}

class ListParser {
 public:
  ListParser(std::string_view text, NumberLists* out)
      : begin_(text.data()), p_(text.data()), end_(text.data() + text.size()), out_(*out) {}

  Result<size_t> parse() {
    out_.values.clear();
    out_.lists = 0;
    ++p_;
    skip_blanks();
    if (p_ != end_ && *p_ == '[') {
      ARROW_RETURN_NOT_OK(parse_inner_lists());
    } else {
      ARROW_RETURN_NOT_OK(parse_numbers());
    }
    return static_cast<size_t>(p_ - begin_);
  }

 private:
  void skip_blanks() {
    while (p_ != end_ && is_blank(*p_)) {
      ++p_;
    }
  }

  Status ended() const { return bad_list("the text ends inside a list of numbers"); }

  // After '[' and blanks; leaves p_ behind ']'.
  Status parse_numbers() {
    if (p_ != end_ && *p_ == ']') {
      ++p_;
      return Status::OK();
    }
    for (;;) {
      float value = 0;
      ARROW_RETURN_NOT_OK(parse_number(&value));
      out_.values.push_back(value);
      skip_blanks();
      if (p_ == end_) {
        return ended();
      }
      const char c = *p_++;
      if (c == ']') {
        return Status::OK();
      }
      if (c != ',') {
        return bad_list(fmt::format("expected ',' or ']' after element {}", out_.values.size()));
      }
      skip_blanks();
    }
  }

  Status parse_inner_lists() {
    size_t length = 0;
    for (;;) {
      if (p_ == end_) {
        return ended();
      }
      if (*p_ != '[') {
        return bad_list(fmt::format("element {} is not a list as the first is: {}", out_.lists + 1,
                                    token_at(p_, end_)));
      }
      ++p_;
      skip_blanks();
      const size_t before = out_.values.size();
      ARROW_RETURN_NOT_OK(parse_numbers());
      const size_t count = out_.values.size() - before;
      if (out_.lists == 0) {
        length = count;
      } else if (count != length) {
        return bad_list(fmt::format("inner vector {} has {} values, the first has {}",
                                    out_.lists + 1, count, length));
      }
      ++out_.lists;
      skip_blanks();
      if (p_ == end_) {
        return ended();
      }
      const char c = *p_++;
      if (c == ']') {
        return Status::OK();
      }
      if (c != ',') {
        return bad_list(fmt::format("expected ',' or ']' after inner vector {}", out_.lists));
      }
      skip_blanks();
    }
  }

  Status not_a_number() const {
    if (p_ == end_) {
      return ended();
    }
    return bad_list(fmt::format("element {} is not a finite number: {}", out_.values.size() + 1,
                                token_at(p_, end_)));
  }

  Status parse_number(float* value) {
    // from_chars takes "nan", "inf", "01", "1." and ".5", which JSON does not.
    const char* digits = p_ != end_ && *p_ == '-' ? p_ + 1 : p_;
    if (digits == end_ || !is_digit(*digits)) {
      return not_a_number();
    }
    const auto [next, error] = std::from_chars(p_, end_, *value);
    if (!is_digit(next[-1]) || (*digits == '0' && digits + 1 < next && is_digit(digits[1]))) {
      return not_a_number();
    }
    if (error == std::errc::result_out_of_range) {
      // Too small is a subnormal or zero; too large is refused below.
      *value = std::strtof(std::string(p_, next).c_str(), nullptr);
    }
    if (!std::isfinite(*value)) {
      return bad_list(fmt::format("element {} is beyond the range of a float32: {}",
                                  out_.values.size() + 1, token_at(p_, end_)));
    }
    p_ = next;
    return Status::OK();
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  NumberLists& out_;
};

}  // namespace

Result<size_t> parse_number_lists(std::string_view text, NumberLists* out) {
  return ListParser(text, out).parse();
}

}  // namespace vecferry::formats
