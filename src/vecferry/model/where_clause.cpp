#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/base/near_miss.h"
#include "vecferry/model/datetime.h"
#include "vecferry/model/filter_internal.h"
#include "vecferry/model/unicode_internal.h"

// The short form of filters (docs/filters.md, "The short form"), by recursive descent:
//
//   either    := both ("or" both)*
//   both      := single ("and" single)*
//   single    := "not" single | "(" either ")" | "has" FIELD | FIELD test
//   test      := OPERATOR value | ["not"] "in" "(" value ("," value)* ")"
//              | "is" ["not"] ("null" | "empty")
namespace vecferry::filter_tree {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kBlanks = " \t\r\n";

// Longest first, so that `>=` is not read as `>`.
constexpr std::array<std::string_view, 10> kOperators = {
    "==", "!=", "<>", ">=", "<=", "!~", "=", ">", "<", "~"};

constexpr std::array<std::string_view, 3> kTestWords = {"in", "not", "is"};
constexpr std::array<std::string_view, 2> kJoinWords = {"and", "or"};
constexpr std::array<std::string_view, 3> kStateWords = {"null", "empty", "not"};

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A number as JSON spells it; `007` and `1.` are words.
std::optional<Json> number_of(std::string_view word) {
  const std::string_view unsigned_part = word.substr(word.substr(0, 1) == "-" ? 1 : 0);
  if (unsigned_part.empty() || !is_digit(unsigned_part.front()) || !is_digit(word.back()) ||
      (unsigned_part.size() > 1 && unsigned_part[0] == '0' && is_digit(unsigned_part[1])) ||
      word.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    return std::nullopt;
  }
  const char* end = word.data() + word.size();
  int64_t integer = 0;
  const auto whole = std::from_chars(word.data(), end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) {
    return Json(integer);
  }
  double real = 0;
  const auto parsed = std::from_chars(word.data(), end, real);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(real)) {
    return std::nullopt;
  }
  return Json(real);
}

struct Value {
  Json json{};         // string, number, true, false or null
  std::string text{};  // as written, without quotes
  size_t offset = 0;   // in the filter
  bool quoted = false;
};

Json on_field(const std::string& key, std::string_view condition, Json argument) {
  return Json{{"key", key}, {std::string(condition), std::move(argument)}};
}

Json negated(Json condition) {
  Json filter = Json::object();
  filter["must_not"] = Json::array({std::move(condition)});
  return filter;
}

class WhereParser {
 public:
  explicit WhereParser(std::string_view text) : text_(text) {}

  Result<Json> parse() {
    skip_blanks();
    if (place_ == text_.size()) {
      return error(place_, "the filter is empty");
    }
    ARROW_ASSIGN_OR_RAISE(Json condition, either(0));
    if (place_ < text_.size()) {
      if (text_[place_] == ')') {
        return error(place_, "a closing bracket without an opening one");
      }
      return error(place_, "expected 'and' or 'or'" + did_you_mean(peek_word(), kJoinWords));
    }
    // On its own a condition on a field is no filter yet.
    const bool filter = condition.contains("must") || condition.contains("should") ||
                        condition.contains("must_not");
    return filter ? condition : Json{{"must", Json::array({condition})}};
  }

 private:
  Status error(size_t offset, std::string_view what) const {
    return syntax_error(text_, offset, what);
  }

  void skip_blanks() {
    const size_t next = text_.find_first_not_of(kBlanks, place_);
    place_ = next == std::string_view::npos ? text_.size() : next;
  }

  // The lower-case word at the place, not taken.
  std::string peek_word() const {
    size_t end = place_;
    while (end < text_.size()) {
      const CodePoint next = decode_utf8(text_.substr(end));
      if (next.value != '_' && !is_alphanumeric(next.value)) {
        break;
      }
      end += next.length;
    }
    return lower_ascii(text_.substr(place_, end - place_));
  }

  bool take_word(std::string_view word) {
    if (peek_word() != word) {
      return false;
    }
    place_ += word.size();
    skip_blanks();
    return true;
  }

  bool take(char c) {
    if (place_ == text_.size() || text_[place_] != c) {
      return false;
    }
    ++place_;
    skip_blanks();
    return true;
  }

  std::string_view take_operator() {
    for (const std::string_view candidate : kOperators) {
      if (text_.substr(place_, candidate.size()) == candidate) {
        place_ += candidate.size();
        skip_blanks();
        return candidate;
      }
    }
    return {};
  }

  Result<Json> either(int depth) {
    ARROW_ASSIGN_OR_RAISE(Json first, both(depth));
    Json should = Json::array({std::move(first)});
    while (take_word("or")) {
      ARROW_ASSIGN_OR_RAISE(Json next, both(depth));
      should.push_back(std::move(next));
    }
    if (should.size() == 1) {
      return std::move(should[0]);
    }
    return Json{{"should", std::move(should)}};
  }

  Result<Json> both(int depth) {
    ARROW_ASSIGN_OR_RAISE(Json first, single(depth));
    Json conditions = Json::array({std::move(first)});
    while (take_word("and")) {
      ARROW_ASSIGN_OR_RAISE(Json next, single(depth));
      conditions.push_back(std::move(next));
    }
    if (conditions.size() == 1) {
      return std::move(conditions[0]);
    }
    // `a and not b` as a person would write it in JSON.
    Json filter = Json::object();
    for (Json& condition : conditions) {
      const bool inverted = condition.size() == 1 && condition.contains("must_not");
      Json& list = filter[inverted ? "must_not" : "must"];
      list.push_back(inverted ? std::move(condition["must_not"][0]) : std::move(condition));
    }
    return filter;
  }

  Result<Json> single(int depth) {
    constexpr int kMaxBrackets = 45;  // each makes up to two levels of filters
    const size_t begin = place_;
    if (depth > kMaxBrackets) {
      return error(begin, fmt::format("brackets nested deeper than {}", kMaxBrackets));
    }
    if (take('(')) {
      ARROW_ASSIGN_OR_RAISE(Json inner, either(depth + 1));
      if (!take(')')) {
        return error(place_, "expected ')'");
      }
      return inner;
    }
    if (peek_word() == "not" && !is_field_of_that_name("not")) {
      take_word("not");
      ARROW_ASSIGN_OR_RAISE(Json inner, single(depth + 1));
      return negated(std::move(inner));
    }
    if (peek_word() == "has" && !is_field_of_that_name("has")) {
      take_word("has");
      ARROW_ASSIGN_OR_RAISE(const std::string key, field());
      return negated(Json{{"is_empty", {{"key", key}}}});
    }
    const bool is_id = peek_word() == "id";
    ARROW_ASSIGN_OR_RAISE(const std::string key, field());
    if (is_id && key == "id") {
      return id_test();
    }
    return field_test(key);
  }

  // Is the word at the place (`not`, `has`) a field, because a test follows it?
  bool is_field_of_that_name(std::string_view word) const {
    WhereParser ahead(*this);
    ahead.place_ += word.size();
    ahead.skip_blanks();
    if (!ahead.take_operator().empty()) {
      return true;
    }
    const std::string next = ahead.peek_word();
    return next == "in" || next == "is" || next == "not";
  }

  Result<std::string> field() {
    const size_t begin = place_;
    while (place_ < text_.size()) {
      if (text_[place_] == '"') {
        const size_t end = text_.find('"', place_ + 1);
        if (end == std::string_view::npos) {
          return error(place_, "a quote that is not closed");
        }
        place_ = end + 1;
        continue;
      }
      const CodePoint next = decode_utf8(text_.substr(place_));
      const bool fits =
          is_alphanumeric(next.value) ||
          (next.value < 0x80 &&
           std::string_view("_-.[]").find(static_cast<char>(next.value)) != std::string_view::npos);
      if (!fits) {
        break;
      }
      place_ += next.length;
    }
    const std::string_view text = text_.substr(begin, place_ - begin);
    if (text.empty()) {
      return error(begin, "expected a field");
    }
    const auto path = parse_payload_path(text);
    if (!path) {
      return error(begin, fmt::format("'{}' is no payload field, such as a.b, list[].x or "
                                      "\"two words\"",
                                      text));
    }
    skip_blanks();
    return to_string(*path);
  }

  Result<Value> value() {
    Value result{.offset = place_};
    if (place_ < text_.size() && (text_[place_] == '"' || text_[place_] == '\'')) {
      ARROW_ASSIGN_OR_RAISE(result.text, quoted());
      result.quoted = true;
      result.json = result.text;
      return result;
    }
    const size_t stop = text_.find_first_of(" \t\r\n(),=<>!~\"'", place_);
    const size_t end = stop == std::string_view::npos ? text_.size() : stop;
    if (end == place_) {
      return error(place_, "expected a value; strings with blanks or signs go in quotes");
    }
    result.text = text_.substr(place_, end - place_);
    place_ = end;
    skip_blanks();
    const std::string word = lower_ascii(result.text);
    if (word == "true" || word == "false") {
      result.json = word == "true";
    } else if (word == "null") {
      result.json = nullptr;
    } else if (auto number = number_of(result.text)) {
      result.json = std::move(*number);
    } else {
      result.json = result.text;
    }
    return result;
  }

  Result<std::string> quoted() {
    const size_t begin = place_;
    const char quote = text_[place_++];
    std::string text;
    while (place_ < text_.size() && text_[place_] != quote) {
      if (text_[place_] == '\\' && place_ + 1 < text_.size()) {
        ++place_;  // the next character, whatever it is, stands for itself
      }
      text.push_back(text_[place_++]);
    }
    if (place_ == text_.size()) {
      return error(begin, "a quote that is not closed");
    }
    ++place_;
    skip_blanks();
    return text;
  }

  // The list after `in`.
  Result<std::vector<Value>> values() {
    if (!take('(')) {
      return error(place_, "expected a list in brackets after 'in'");
    }
    std::vector<Value> list;
    do {
      ARROW_ASSIGN_OR_RAISE(Value next, value());
      list.push_back(std::move(next));
    } while (take(','));
    if (!take(')')) {
      return error(place_, "expected ',' or ')'");
    }
    return list;
  }

  Result<Json> id_test() {
    const size_t begin = place_;
    const std::string_view sign = take_operator();
    std::vector<Value> list;
    bool inverted = sign == "!=" || sign == "<>";
    if (sign == "=" || sign == "==" || inverted) {
      ARROW_ASSIGN_OR_RAISE(Value only, value());
      list.push_back(std::move(only));
    } else {
      inverted = sign.empty() && take_word("not");
      if (!sign.empty() || !take_word("in")) {
        return error(begin,
                     "the point's id takes =, !=, in and not in; a payload field of that "
                     "name is written \"id\"");
      }
      ARROW_ASSIGN_OR_RAISE(list, values());
    }
    Json ids = Json::array();
    for (const Value& one : list) {
      const auto id = parse_point_id(one.text);
      if (!id) {
        return error(one.offset, fmt::format("'{}' is no point id, which is an unsigned whole "
                                             "number or a UUID",
                                             one.text));
      }
      ids.push_back(id->is_uuid ? Json(to_string(*id)) : Json(id->number));
    }
    Json condition{{"has_id", std::move(ids)}};
    return inverted ? negated(std::move(condition)) : condition;
  }

  Result<Json> field_test(const std::string& key) {
    const size_t begin = place_;
    const std::string_view sign = take_operator();
    if (!sign.empty()) {
      ARROW_ASSIGN_OR_RAISE(const Value argument, value());
      return comparison(key, sign, argument);
    }
    if (take_word("is")) {
      return state(key);
    }
    const bool inverted = take_word("not");
    if (!take_word("in")) {
      return error(inverted ? place_ : begin,
                   inverted ? "expected 'in' after 'not'"
                            : fmt::format("expected a test after '{}': = != > >= < <= ~ in, is{}",
                                          key, did_you_mean(peek_word(), kTestWords)));
    }
    ARROW_ASSIGN_OR_RAISE(const auto list, values());
    Json condition = one_of(key, list);
    return inverted ? negated(std::move(condition)) : condition;
  }

  Result<Json> state(const std::string& key) {
    const bool inverted = take_word("not");
    Json condition;
    if (take_word("null")) {
      condition["is_null"]["key"] = key;
    } else if (take_word("empty")) {
      condition["is_empty"]["key"] = key;
    } else {
      return error(place_, "expected 'null' or 'empty'" + did_you_mean(peek_word(), kStateWords));
    }
    return inverted ? negated(std::move(condition)) : condition;
  }

  Result<Json> comparison(const std::string& key, std::string_view sign,
                          const Value& argument) const {
    if (sign == "=" || sign == "==") {
      return equal(key, argument);
    }
    if (sign == "!=" || sign == "<>") {
      return negated(equal(key, argument));
    }
    if (sign == "~" || sign == "!~") {
      Json condition = on_field(key, "match", {{"text", argument.text}});
      return sign == "~" ? condition : negated(std::move(condition));
    }
    const bool date = argument.json.is_string() && parse_datetime(argument.text);
    if (!argument.json.is_number() && !date) {
      return error(argument.offset,
                   fmt::format("'{}' is neither a number nor a date, which is what "
                               "{} compares with",
                               argument.text, sign));
    }
    const char* bound = sign == ">" ? "gt" : sign == ">=" ? "gte" : sign == "<" ? "lt" : "lte";
    return on_field(key, "range", {{bound, argument.json}});
  }

  static Json equal(const std::string& key, const Value& argument) {
    if (argument.json.is_null()) {
      return Json{{"is_null", {{"key", key}}}};
    }
    if (argument.json.is_number_float()) {  // `match` has no floats
      return on_field(key, "range", {{"gte", argument.json}, {"lte", argument.json}});
    }
    return on_field(key, "match", {{"value", argument.json}});
  }

  // Strings go in one `any`, whole numbers in another; what `any` cannot hold stands alone.
  static Json one_of(const std::string& key, const std::vector<Value>& list) {
    Json strings = Json::array();
    Json integers = Json::array();
    Json should = Json::array();
    for (const Value& one : list) {
      if (one.json.is_string()) {
        strings.push_back(one.json);
      } else if (one.json.is_number_integer()) {
        integers.push_back(one.json);
      } else {
        should.push_back(equal(key, one));
      }
    }
    for (Json* values : {&integers, &strings}) {
      if (!values->empty()) {
        should.insert(should.begin(), on_field(key, "match", {{"any", std::move(*values)}}));
      }
    }
    return should.size() == 1 ? Json(should[0]) : Json{{"should", std::move(should)}};
  }

  std::string_view text_;
  size_t place_ = 0;
};

}  // namespace

Result<std::string> json_of_where(std::string_view text) {
  try {
    ARROW_ASSIGN_OR_RAISE(const Json filter, WhereParser(text).parse());
    return filter.dump();
  } catch (const Json::exception&) {  // dump refuses bytes that are not UTF-8
    return syntax_error(text, 0, "the filter is not UTF-8");
  }
}

}  // namespace vecferry::filter_tree
