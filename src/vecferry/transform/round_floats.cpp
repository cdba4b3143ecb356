#include "vecferry/transform/round_floats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "arrow/record_batch.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/transform/payload_text_internal.h"

namespace vecferry {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The parser's table of powers, 1e0 to 1e308, correctly rounded as literals are.
const std::array<double, 309>& powers_of_ten() {
  static const std::array<double, 309> table = [] {
    std::array<double, 309> powers{};
    for (size_t i = 0; i < powers.size(); ++i) {
      powers[i] = std::stod(fmt::format("1e{}", i));
    }
    return powers;
  }();
  return table;
}

bool from_parts(bool positive, uint64_t significand, int64_t exponent, double* value) {
  const auto& powers = powers_of_ten();
  auto result = static_cast<double>(significand);
  while (true) {
    const auto magnitude = static_cast<uint64_t>(exponent < 0 ? -exponent : exponent);
    if (magnitude < powers.size()) {
      if (exponent < 0) {
        result /= powers[magnitude];
      } else {
        result *= powers[magnitude];
        if (std::isinf(result)) {
          return false;
        }
      }
      break;
    }
    if (result == 0.0) {
      break;
    }
    if (exponent >= 0) {
      return false;
    }
    result /= 1e308;
    exponent += 308;
  }
  *value = positive ? result : -result;
  return true;
}

// Reads a number's text from left to right.
struct Cursor {
  std::string_view text{};
  size_t at = 0;

  bool at_digit() const { return at < text.size() && is_digit(text[at]); }
  bool skip(char c) {
    const bool there = at < text.size() && text[at] == c;
    at += there ? 1 : 0;
    return there;
  }
  int64_t skip_digits() {
    const size_t start = at;
    while (at_digit()) {
      ++at;
    }
    return static_cast<int64_t>(at - start);
  }
  // Digits that fit the significand, as many as there are; how many they were.
  int64_t take_digits(uint64_t* significand) {
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    const size_t start = at;
    for (; at_digit(); ++at) {
      const auto digit = static_cast<uint64_t>(text[at] - '0');
      if (*significand > (kMax - digit) / 10) {
        break;
      }
      *significand = *significand * 10 + digit;
    }
    return static_cast<int64_t>(at - start);
  }
  // 0 where there is none; one that is far too large stays so.
  int64_t take_exponent() {
    constexpr int64_t kFarTooLarge = 1'000'000'000'000;
    if (!skip('e') && !skip('E')) {
      return 0;
    }
    const bool negative = skip('-');
    skip('+');
    int64_t exponent = 0;
    for (; at_digit(); ++at) {
      exponent = std::min(exponent * 10 + (text[at] - '0'), kFarTooLarge);
    }
    return negative ? -exponent : exponent;
  }
};

// What a number's text says about the shortcut below.
struct NumberShape {
  size_t size = 0;
  bool floating = false;  // has a dot or an exponent
  int64_t digits = 0;     // of the significand, leading zeros left out
  int64_t exponent = 0;   // of the significand as an integer
};

NumberShape shape_of(std::string_view text) {
  Cursor cursor{text};
  cursor.skip('-');
  const size_t start = cursor.at;
  const int64_t whole = cursor.skip_digits();
  const int64_t fraction = cursor.skip('.') ? cursor.skip_digits() : 0;
  int64_t zeros = 0;
  for (size_t i = start; i < cursor.at && (text[i] == '0' || text[i] == '.'); ++i) {
    zeros += text[i] == '0' ? 1 : 0;
  }
  const size_t mantissa_end = cursor.at;
  const int64_t exponent = cursor.take_exponent() - fraction;
  return {.size = cursor.at,
          .floating = fraction > 0 || cursor.at > mantissa_end,
          .digits = whole + fraction - zeros,
          .exponent = exponent};
}

// The parser is exact where the significand is below 2^53 and the power of ten is exact, too; and
// it keeps integers of 64 bits.
bool surely_exact(const NumberShape& shape, std::string_view text) {
  if (!shape.floating) {
    return shape.digits <= 18 && text != "-0";
  }
  return shape.digits <= 15 && shape.exponent >= -22 && shape.exponent <= 22;
}

// An integer that the parser keeps as one.
bool is_engine_integer(const NumberShape& shape, std::string_view text) {
  if (shape.floating || text == "-0") {
    return false;
  }
  if (shape.digits != 19 && shape.digits != 20) {
    return shape.digits < 19;
  }
  const bool negative = text.front() == '-';
  const std::string_view digits = negative ? text.substr(1) : text;
  const std::string_view limit = negative ? "9223372036854775808" : "18446744073709551615";
  return digits.size() < limit.size() || (digits.size() == limit.size() && digits <= limit);
}

// Into the engine and out of it is two parses. Far more than any float was seen to need is enough
// to settle it.
constexpr int kTrip = 2;
constexpr int kSettled = 64;

class RoundFloats : public Transform {
 public:
  explicit RoundFloats(int parses) : parses_(parses) {}

  std::string describe() const override {
    return parses_ == kTrip ? "rounds payload floats where the target's JSON parser does"
                            : "settles payload floats, which both places' JSON parser may round";
  }

  Result<CollectionConfig> config(const CollectionConfig& before) const override { return before; }

  Result<std::shared_ptr<arrow::RecordBatch>> apply(
      std::shared_ptr<arrow::RecordBatch> batch) override {
    const auto edit = [&](int64_t row, std::string_view before,
                          std::string* after) -> Result<Edit> {
      std::string_view refused;
      const size_t copied = round_all(before, after, &refused);
      if (!refused.empty()) {
        ARROW_ASSIGN_OR_RAISE(const PointsView points, PointsView::make(*batch));
        return fail({.kind = ErrorKind::kIncompatible,
                     .what = fmt::format("the payload has the number {}, which the target's JSON "
                                         "parser refuses as out of range",
                                         refused),
                     .where = "point " + to_string(points.id(row)),
                     .next = "leave its key out with --drop-payload"});
      }
      if (copied == 0) {
        return Edit::kKept;
      }
      after->append(before.substr(copied));
      return Edit::kChanged;
    };
    return edit_payloads(batch, edit, &changed_);
  }

  std::unique_ptr<Transform> clone() const override {
    return std::make_unique<RoundFloats>(parses_);
  }

  std::map<std::string, uint64_t> counts() const override { return {{"floats_rounded", changed_}}; }

 private:
  // Append the payload up to and with the last number that changes, and return where it ends there;
  // 0 when none does.
  size_t round_all(std::string_view json, std::string* out, std::string_view* refused) {
    size_t copied = 0;
    for (size_t i = 0; i < json.size();) {
      const char c = json[i];
      if (c == '"') {
        i = std::min(end_of_string(json, i), json.size());
      } else if (c == '-' || is_digit(c)) {
        const NumberShape shape = shape_of(json.substr(i));
        const std::string_view number = json.substr(i, shape.size);
        if (!surely_exact(shape, number) && !is_engine_integer(shape, number)) {
          if (!round_one(number)) {
            *refused = number;
            return 0;
          }
          if (rounded_ != number) {
            out->append(json.substr(copied, i - copied));
            out->append(rounded_);
            copied = i + shape.size;
          }
        }
        i += shape.size;
      } else {
        ++i;
      }
    }
    return copied;
  }

  // Parsed, stored as text, parsed, printed; and so on until it stays.
  bool round_one(std::string_view number) {
    double value = 0;
    if (!parse_as_engine(number, &value)) {
      return false;
    }
    for (int parse = 1; parse < parses_; ++parse) {
      const double before = value;
      rounded_.clear();
      append_float(before, &rounded_);
      if (!parse_as_engine(rounded_, &value)) {
        return false;
      }
      if (value == before) {
        break;
      }
    }
    rounded_.clear();
    append_float(value, &rounded_);
    return true;
  }

  int parses_;
  std::string rounded_{};
  uint64_t changed_ = 0;
};

}  // namespace

bool parse_as_engine(std::string_view number, double* value) {
  Cursor cursor{number};
  const bool positive = !cursor.skip('-');
  uint64_t significand = 0;
  cursor.take_digits(&significand);
  // Digits that the significand cannot hold are dropped. Those before the dot still count as powers
  // of ten; after it the parser tries again, and a smaller digit may fit.
  int64_t exponent = cursor.skip_digits();
  if (cursor.skip('.')) {
    exponent -= cursor.take_digits(&significand);
    cursor.skip_digits();
  }
  exponent += cursor.take_exponent();
  return from_parts(positive, significand, exponent, value);
}

std::unique_ptr<Transform> round_floats() {
  return std::make_unique<RoundFloats>(kTrip);
}

std::unique_ptr<Transform> settle_floats() {
  return std::make_unique<RoundFloats>(kSettled);
}

}  // namespace vecferry
