#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "vecferry/model/canonical_number_internal.h"
#include "vecferry/model/canonical_payload.h"

namespace vecferry {
namespace {

// ryu's layout: plain digits while the exponent of the first digit is within these, else `1.5e-7`.
constexpr int kMinPlainExponent = -5;
constexpr int kMaxPlainExponent = 15;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Length of the digits at the front.
size_t digits_at(std::string_view text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  return static_cast<size_t>(end - text.begin());
}

// The parts of a number; `whole` is empty when the token is none.
struct Parts {
  std::string_view whole{};     // without the sign
  std::string_view fraction{};  // without the point
  std::string_view exponent{};  // without the `e`, with its sign
  bool negative = false;

  bool integer() const { return fraction.empty() && exponent.empty(); }
};

Parts split(std::string_view token) {
  Parts parts;
  std::string_view rest = token;
  const auto take = [&rest](size_t length) {
    const std::string_view taken = rest.substr(0, length);
    rest.remove_prefix(length);
    return taken;
  };
  parts.negative = rest.substr(0, 1) == "-";
  take(parts.negative ? 1 : 0);
  const std::string_view whole = take(digits_at(rest));
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) {
    return parts;
  }
  if (rest.substr(0, 1) == ".") {
    take(1);
    parts.fraction = take(digits_at(rest));
    if (parts.fraction.empty()) {
      return parts;
    }
  }
  if (rest.substr(0, 1) == "e" || rest.substr(0, 1) == "E") {
    take(1);
    const size_t sign = rest.substr(0, 1) == "+" || rest.substr(0, 1) == "-" ? 1 : 0;
    const size_t digits = digits_at(rest.substr(sign));
    if (digits == 0) {
      return parts;
    }
    parts.exponent = take(sign + digits);
  }
  if (rest.empty()) {
    parts.whole = whole;
  }
  return parts;
}

bool is_zero(const Parts& parts) {
  const auto zero = [](char c) { return c == '0'; };
  return std::all_of(parts.whole.begin(), parts.whole.end(), zero) &&
         std::all_of(parts.fraction.begin(), parts.fraction.end(), zero);
}

bool fits_64_bits(std::string_view token, const Parts& parts) {
  constexpr size_t kDigitsThatAlwaysFit = 18;
  if (parts.whole.size() <= kDigitsThatAlwaysFit) {
    return true;
  }
  const char* end = token.data() + token.size();
  if (parts.negative) {
    int64_t value = 0;
    return std::from_chars(token.data(), end, value).ec == std::errc();
  }
  uint64_t value = 0;
  return std::from_chars(token.data(), end, value).ec == std::errc();
}

// Is the token just what `append_float` would print? No two decimals of up to 15 digits are the
// same double, so one in the right layout is its double's shortest form, and need not be converted.
bool is_canonical_float(const Parts& parts) {
  constexpr size_t kDigitsOfAnyDouble = 15;
  constexpr size_t kMaxZeros = 4;  // after `0.`, by kMinPlainExponent
  if (!parts.exponent.empty() || parts.fraction.empty() ||
      parts.whole.size() + parts.fraction.size() > kDigitsOfAnyDouble) {
    return false;
  }
  if (parts.fraction.size() > 1 && parts.fraction.back() == '0') {
    return false;
  }
  return parts.whole != "0" || parts.fraction == "0" ||
         parts.fraction.find_first_not_of('0') <= kMaxZeros;
}

// Of a number beyond the range of doubles: is it too small rather than too large?
bool is_tiny(const Parts& parts) {
  constexpr size_t kDigitsOfAnyLength = 11;  // more than a text in memory has digits
  std::string_view digits = parts.exponent;
  const bool negative = digits.substr(0, 1) == "-";
  digits.remove_prefix(std::min(digits.find_first_of("123456789"), digits.size()));
  if (digits.size() > kDigitsOfAnyLength) {
    return negative;
  }
  int64_t exponent = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  exponent = negative ? -exponent : exponent;
  // Now that of the first digit that is not 0.
  if (parts.whole != "0") {
    exponent += static_cast<int64_t>(parts.whole.size());
  } else {
    exponent -= static_cast<int64_t>(parts.fraction.find_first_not_of('0'));
  }
  return exponent < 0;
}

}  // namespace

bool append_number(std::string_view token, std::string* out) {
  const Parts parts = split(token);
  if (parts.whole.empty()) {
    return false;
  }
  const bool minus_zero = token == "-0";  // a float: no integer has that value
  if ((parts.integer() && !minus_zero && fits_64_bits(token, parts)) || is_canonical_float(parts)) {
    out->append(token);
    return true;
  }
  double value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  if (is_zero(parts) || (result.ec == std::errc::result_out_of_range && is_tiny(parts))) {
    value = parts.negative ? -0.0 : 0.0;
  } else if (result.ec != std::errc() || !std::isfinite(value)) {
    return false;
  }
  append_float(value, out);
  return true;
}

void append_float(double value, std::string* out) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
  if (text.front() == '-') {
    out->push_back('-');
    text.remove_prefix(1);
  }
  const size_t mark = text.find('e');
  std::array<char, 24> digits{};
  size_t count = 0;
  for (const char c : text.substr(0, mark)) {
    if (c != '.') {
      digits[count++] = c;
    }
  }
  std::string_view exponent_text = text.substr(mark + 1);
  if (exponent_text.front() == '+') {
    exponent_text.remove_prefix(1);
  }
  int exponent = 0;
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);

  const std::string_view all(digits.data(), count);
  if (exponent < kMinPlainExponent || exponent > kMaxPlainExponent) {
    out->push_back(all.front());
    if (all.size() > 1) {
      out->push_back('.');
      out->append(all.substr(1));
    }
    out->push_back('e');
    std::array<char, 8> number{};
    const auto printed = std::to_chars(number.data(), number.data() + number.size(), exponent);
    out->append(number.data(), printed.ptr);
    return;
  }
  if (exponent < 0) {
    out->append("0.");
    out->append(static_cast<size_t>(-exponent - 1), '0');
    out->append(all);
    return;
  }
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (all.size() <= whole) {
    out->append(all);
    out->append(whole - all.size(), '0');
    out->append(".0");
    return;
  }
  out->append(all.substr(0, whole));
  out->push_back('.');
  out->append(all.substr(whole));
}

}  // namespace vecferry
