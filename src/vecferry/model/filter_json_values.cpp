#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/datetime.h"
#include "vecferry/model/filter_json_internal.h"

namespace vecferry::filter_tree {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 8> kMatchKeys = {
    "value", "text", "text_any", "phrase", "prefix", "substring", "any", "except"};
constexpr std::array<std::string_view, 4> kBoundKeys = {"lt", "lte", "gt", "gte"};

class TestReader {
 public:
  explicit TestReader(const FilterText& text) : text_(text) {}

  Result<ValueTest> match(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kMatchKeys));
    if (json.size() != 1) {
      return text_.error(place,
                         "expected exactly one of 'value', 'text', 'text_any', 'phrase', "
                         "'prefix', 'substring', 'any' and 'except'");
    }
    const std::string name = json.begin().key();
    const Json& value = json.begin().value();
    const std::string inner = join(place, name);
    if (name == "value") {
      return match_value(value, inner);
    }
    if (name == "any" || name == "except") {
      return match_set(value, inner, name == "except");
    }
    if (!value.is_string()) {
      return text_.error(inner, "expected a string");
    }
    const auto& text = value.get_ref<const std::string&>();
    if (name == "prefix") {
      return ValueTest(MatchPrefix{text});
    }
    if (name == "substring") {
      return ValueTest(MatchSubstring{text});
    }
    using Mode = MatchWords::Mode;
    const Mode mode = name == "text" ? Mode::kAll : name == "phrase" ? Mode::kPhrase : Mode::kAny;
    return ValueTest(MatchWords{mode, words_of(text)});
  }

  Result<ValueTest> range(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kBoundKeys));
    const bool times =
        std::any_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); });
    NumberRange numbers;
    TimeRange moments;
    for (const auto& item : json.items()) {
      const Json& value = item.value();
      const std::string inner = join(place, item.key());
      if (value.is_null()) {
        continue;
      }
      if (times) {
        const auto moment = value.is_string() ? parse_datetime(value.get_ref<const std::string&>())
                                              : std::optional<int64_t>();
        if (!moment) {
          return text_.error(inner,
                             fmt::format("{} is no date, such as \"2014-01-01T00:00:00Z\" or "
                                         "\"2014-01-01\"",
                                         printed(value)));
        }
        bound(&moments.bounds, item.key()) = moment;
        continue;
      }
      if (!value.is_number()) {
        return text_.error(inner, "expected a number, or a date as a string");
      }
      bound(&numbers.bounds, item.key()) = value.get<double>();
    }
    return times ? ValueTest(moments) : ValueTest(numbers);
  }

  Result<Bounds<uint64_t>> counts(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kBoundKeys));
    Bounds<uint64_t> bounds;
    for (const auto& item : json.items()) {
      if (item.value().is_null()) {
        continue;
      }
      if (!item.value().is_number_unsigned()) {
        return text_.error(join(place, item.key()), "expected a whole number");
      }
      bound(&bounds, item.key()) = item.value().get<uint64_t>();
    }
    return bounds;
  }

 private:
  Result<ValueTest> match_value(const Json& json, const std::string& place) const {
    if (json.is_string()) {
      return ValueTest(MatchValue{json.get<std::string>()});
    }
    if (json.is_boolean()) {
      return ValueTest(MatchValue{json.get<bool>()});
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t number, integer(json, place));
    return ValueTest(MatchValue{number});
  }

  Result<int64_t> integer(const Json& json, const std::string& place) const {
    const bool too_large =
        json.is_number_unsigned() && json.get<uint64_t>() > std::numeric_limits<int64_t>::max();
    if (!json.is_number_integer() || too_large) {
      return text_.error(place,
                         fmt::format("{} cannot be matched, only strings, true, false and whole "
                                     "numbers below 2^63; use 'range' for other numbers",
                                     printed(json)));
    }
    return json.get<int64_t>();
  }

  Result<ValueTest> match_set(const Json& json, const std::string& place, bool except) const {
    if (!json.is_array()) {
      return text_.error(place, "expected a list of strings or of whole numbers");
    }
    // An empty list counts as one of strings, as the server has it.
    if (std::all_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); })) {
      auto values = json.get<std::vector<std::string>>();
      std::sort(values.begin(), values.end());
      return ValueTest(MatchSet{except, std::move(values)});
    }
    if (std::any_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); })) {
      return text_.error(place, "strings and numbers in one list");
    }
    std::vector<int64_t> values;
    for (const Json& value : json) {
      ARROW_ASSIGN_OR_RAISE(const int64_t number, integer(value, place));
      values.push_back(number);
    }
    std::sort(values.begin(), values.end());
    return ValueTest(MatchSet{except, std::move(values)});
  }

  template <typename T>
  static std::optional<T>& bound(Bounds<T>* bounds, std::string_view key) {
    if (key == "lt") {
      return bounds->lt;
    }
    if (key == "lte") {
      return bounds->lte;
    }
    return key == "gt" ? bounds->gt : bounds->gte;
  }

  FilterText text_;
};

}  // namespace

Result<std::vector<ValueTest>> value_tests(const FilterText& text, const Json& field,
                                           const std::string& place) {
  const TestReader reader(text);
  std::vector<ValueTest> tests;
  if (has(field, "match")) {
    ARROW_ASSIGN_OR_RAISE(auto test, reader.match(field["match"], join(place, "match")));
    tests.push_back(std::move(test));
  }
  if (has(field, "range")) {
    ARROW_ASSIGN_OR_RAISE(auto test, reader.range(field["range"], join(place, "range")));
    tests.push_back(std::move(test));
  }
  return tests;
}

Result<std::optional<Bounds<uint64_t>>> values_count(const FilterText& text, const Json& field,
                                                     const std::string& place) {
  if (!has(field, "values_count")) {
    return std::optional<Bounds<uint64_t>>();
  }
  ARROW_ASSIGN_OR_RAISE(const auto bounds, TestReader(text).counts(field["values_count"],
                                                                   join(place, "values_count")));
  return std::optional(bounds);
}

}  // namespace vecferry::filter_tree
