#include "vecferry/model/datetime.h"

#include <algorithm>
#include <charconv>

namespace vecferry {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads a text front to back; what does not fit leaves it where it is.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }

  bool take(char c) {
    if (text_.empty() || text_.front() != c) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }

  bool take_any_of(std::string_view chars) {
    if (text_.empty() || chars.find(text_.front()) == std::string_view::npos) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }

  bool skip_blanks() {
    const size_t before = text_.size();
    while (take_any_of(" \t\n\r")) {
    }
    return text_.size() < before;
  }

  bool take_utc() {
    constexpr std::string_view kUtc = "utc";
    const auto same = [](char a, char b) { return (a | 0x20) == b; };
    if (text_.size() < kUtc.size() || !std::equal(kUtc.begin(), kUtc.end(), text_.begin(),
                                                  [&](char b, char a) { return same(a, b); })) {
      return false;
    }
    text_.remove_prefix(kUtc.size());
    return true;
  }

  // A number of `fewest` to `most` digits.
  std::optional<int64_t> number(size_t fewest, size_t most) {
    size_t count = 0;
    while (count < text_.size() && count < most && is_digit(text_[count])) {
      ++count;
    }
    if (count < fewest) {
      return std::nullopt;
    }
    int64_t value = 0;
    std::from_chars(text_.data(), text_.data() + count, value);
    text_.remove_prefix(count);
    return value;
  }

  // Digits after a point, as microseconds.
  std::optional<int64_t> micros() {
    int64_t value = 0;
    int64_t unit = kMicrosPerSecond / 10;
    bool any = false;
    while (!text_.empty() && is_digit(text_.front())) {
      value += (text_.front() - '0') * unit;
      unit /= 10;
      any = true;
      text_.remove_prefix(1);
    }
    return any ? std::optional(value) : std::nullopt;
  }

 private:
  std::string_view text_;
};

struct Date {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
};

bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool is_valid(const Date& date) {
  constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (date.month < 1 || date.month > 12 || date.day < 1) {
    return false;
  }
  const int64_t leap_day = date.month == 2 && is_leap(date.year) ? 1 : 0;
  return date.day <= kDays[date.month - 1] + leap_day;
}

// Days since 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, so that
// the leap day is the last of its year.
int64_t days_since_epoch(const Date& date) {
  const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t month = (date.month + 9) % 12;
  const int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

std::optional<Date> take_date(Reader* reader) {
  constexpr int64_t kMaxYear = 262142;  // that of the engine's calendar
  const bool negative = reader->take('-');
  const bool signed_year = negative || reader->take('+');
  const auto year = reader->number(signed_year ? 1 : 4, signed_year ? 6 : 4);
  if (!year || *year > kMaxYear || !reader->take('-')) {
    return std::nullopt;
  }
  const auto month = reader->number(1, 2);
  if (!month || !reader->take('-')) {
    return std::nullopt;
  }
  const auto day = reader->number(1, 2);
  if (!day) {
    return std::nullopt;
  }
  const Date date{negative ? -*year : *year, *month, *day};
  return is_valid(date) ? std::optional(date) : std::nullopt;
}

struct Time {
  int64_t micros = 0;  // of the day
  bool has_seconds = false;
};

std::optional<Time> take_time(Reader* reader) {
  const auto hour = reader->number(1, 2);
  if (!hour || *hour > 23 || !reader->take(':')) {
    return std::nullopt;
  }
  const auto minute = reader->number(1, 2);
  if (!minute || *minute > 59) {
    return std::nullopt;
  }
  Time time{.micros = (*hour * 60 + *minute) * 60 * kMicrosPerSecond};
  if (!reader->take(':')) {
    return time;
  }
  const auto second = reader->number(1, 2);
  if (!second || *second > 60) {  // 60 is a leap second
    return std::nullopt;
  }
  time.has_seconds = true;
  time.micros += *second * kMicrosPerSecond;
  if (reader->take('.')) {
    const auto fraction = reader->micros();
    if (!fraction) {
      return std::nullopt;
    }
    time.micros += *fraction;
  }
  return time;
}

// `Z`, `UTC`, `+02`, `+0200`, `+02:00`: the offset in microseconds.
std::optional<int64_t> take_offset(Reader* reader) {
  if (reader->take_any_of("Zz") || reader->take_utc()) {
    return 0;
  }
  const bool negative = reader->take('-');
  if (!negative && !reader->take('+')) {
    return std::nullopt;
  }
  const auto hours = reader->number(2, 2);
  if (!hours || *hours > 23) {
    return std::nullopt;
  }
  const bool colon = reader->take(':');
  const auto minutes = reader->number(2, 2);
  if ((!minutes && (colon || !reader->done())) || minutes.value_or(0) > 59) {
    return std::nullopt;
  }
  const int64_t micros = (*hours * 60 + minutes.value_or(0)) * 60 * kMicrosPerSecond;
  return negative ? -micros : micros;
}

}  // namespace

std::optional<int64_t> parse_datetime(std::string_view text) {
  Reader reader(text);
  const auto date = take_date(&reader);
  if (!date) {
    return std::nullopt;
  }
  const int64_t midnight = days_since_epoch(*date) * 24 * 60 * 60 * kMicrosPerSecond;
  if (reader.done()) {
    return midnight;
  }
  if (!reader.take_any_of("Tt") && !reader.skip_blanks()) {
    return std::nullopt;
  }
  const auto time = take_time(&reader);
  if (!time) {
    return std::nullopt;
  }
  if (reader.done()) {
    return midnight + time->micros;
  }
  // A zone needs a time with seconds, as the engine has it.
  reader.skip_blanks();
  const auto offset = take_offset(&reader);
  if (!time->has_seconds || !offset || !reader.done()) {
    return std::nullopt;
  }
  return midnight + time->micros - *offset;
}

}  // namespace vecferry
