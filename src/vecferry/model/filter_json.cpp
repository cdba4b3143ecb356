#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "vecferry/base/near_miss.h"
#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/datetime.h"
#include "vecferry/model/filter_internal.h"

namespace vecferry::filter_tree {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kClauseKeys = {"must", "should", "must_not",
                                                         "min_should"};
constexpr std::array<std::string_view, 9> kFieldKeys = {
    "key",         "match",        "range",    "geo_bounding_box", "geo_radius",
    "geo_polygon", "values_count", "is_empty", "is_null"};
constexpr std::array<std::string_view, 6> kOtherConditions = {"is_empty",   "is_null", "has_id",
                                                              "has_vector", "slice",   "nested"};
constexpr std::array<std::string_view, 8> kMatchKeys = {
    "value", "text", "text_any", "phrase", "prefix", "substring", "any", "except"};
constexpr std::array<std::string_view, 4> kBoundKeys = {"lt", "lte", "gt", "gte"};

// All keys of all conditions, for the guess at a mistyped one.
constexpr std::array<std::string_view, 17> kConditionKeys = {
    "key",          "match",    "range",   "geo_bounding_box", "geo_radius", "geo_polygon",
    "values_count", "is_empty", "is_null", "has_id",           "has_vector", "slice",
    "nested",       "must",     "should",  "must_not",         "min_should"};

bool has(const Json& object, std::string_view key) {
  const auto member = object.find(key);
  return member != object.end() && !member->is_null();
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Reads one filter. Each function gets the place in the tree ("must[0].match") for its errors.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Clause> clause(const Json& json, const std::string& place, int depth) const {
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kClauseKeys));
    if (depth > kMaxDepth) {
      return error(place, fmt::format("filters nested deeper than {}", kMaxDepth));
    }
    Clause clause;
    if (has(json, "must")) {
      ARROW_ASSIGN_OR_RAISE(clause.must, conditions(json["must"], join(place, "must"), depth));
    }
    if (has(json, "should")) {
      ARROW_ASSIGN_OR_RAISE(clause.should,
                            conditions(json["should"], join(place, "should"), depth));
    }
    if (has(json, "must_not")) {
      ARROW_ASSIGN_OR_RAISE(clause.must_not,
                            conditions(json["must_not"], join(place, "must_not"), depth));
    }
    if (has(json, "min_should")) {
      ARROW_ASSIGN_OR_RAISE(clause.min_should,
                            min_should(json["min_should"], join(place, "min_should"), depth));
    }
    return clause;
  }

 private:
  static std::string join(const std::string& place, std::string_view key) {
    return place.empty() ? std::string(key) : fmt::format("{}.{}", place, key);
  }

  // A caret under the last key of `place`, which is where a person looks first; the first of
  // several keys of that name has to do.
  Status error(const std::string& place, std::string_view what) const {
    const size_t dot = place.rfind('.');
    std::string key = dot == std::string::npos ? place : place.substr(dot + 1);
    key = key.substr(0, key.find('['));
    const size_t found = text_.find(fmt::format("\"{}\"", key));
    return syntax_error(text_, found == std::string_view::npos ? 0 : found,
                        place.empty() ? std::string(what) : fmt::format("{}: {}", place, what));
  }

  Status unknown_key(const std::string& place, std::string_view key,
                     std::span<const std::string_view> known) const {
    return error(join(place, key), "unknown key" + did_you_mean(key, known));
  }

  Status check_object(const Json& json, const std::string& place) const {
    return json.is_object() ? Status::OK() : error(place, "expected an object");
  }

  Status check_keys(const Json& json, const std::string& place,
                    std::span<const std::string_view> known) const {
    for (const auto& item : json.items()) {
      if (!is_one_of(item.key(), known)) {
        return unknown_key(place, item.key(), known);
      }
    }
    return Status::OK();
  }

  Result<std::vector<Condition>> conditions(const Json& json, const std::string& place,
                                            int depth) const {
    std::vector<Condition> list;
    if (!json.is_array()) {
      ARROW_ASSIGN_OR_RAISE(auto only, condition(json, place, depth));
      list.push_back(std::move(only));
      return list;
    }
    for (size_t i = 0; i < json.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto next, condition(json[i], fmt::format("{}[{}]", place, i), depth));
      list.push_back(std::move(next));
    }
    return list;
  }

  Result<MinShould> min_should(const Json& json, const std::string& place, int depth) const {
    constexpr std::array<std::string_view, 2> kKeys = {"conditions", "min_count"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    if (!has(json, "conditions") || !json["conditions"].is_array()) {
      return error(place, "expected a list of 'conditions'");
    }
    if (!has(json, "min_count") || !json["min_count"].is_number_unsigned() ||
        json["min_count"].get<uint64_t>() == 0) {
      return error(place, "expected 'min_count', a whole number above 0");
    }
    MinShould result{.min_count = json["min_count"].get<uint64_t>()};
    ARROW_ASSIGN_OR_RAISE(result.conditions,
                          conditions(json["conditions"], join(place, "conditions"), depth));
    return result;
  }

  Result<Condition> condition(const Json& json, const std::string& place, int depth) const {
    ARROW_RETURN_NOT_OK(check_object(json, place));
    if (json.contains("key")) {
      ARROW_ASSIGN_OR_RAISE(auto field_condition, field(json, place));
      return Condition(std::move(field_condition));
    }
    for (const std::string_view name : kOtherConditions) {
      if (json.contains(name)) {
        const std::array<std::string_view, 1> known = {name};
        ARROW_RETURN_NOT_OK(check_keys(json, place, known));
        return other(name, json[std::string(name)], join(place, name), depth);
      }
    }
    for (const auto& item : json.items()) {
      if (!is_one_of(item.key(), kConditionKeys)) {
        return unknown_key(place, item.key(), kConditionKeys);
      }
      if (!is_one_of(item.key(), kClauseKeys)) {
        return error(place, fmt::format("'{}' without 'key', the field it is about", item.key()));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto inner, clause(json, place, depth + 1));
    return Condition(std::make_unique<Clause>(std::move(inner)));
  }

  Result<Condition> other(std::string_view name, const Json& json, const std::string& place,
                          int depth) const {
    if (name == "is_empty") {
      ARROW_ASSIGN_OR_RAISE(auto path, path_in(json, place));
      return Condition(IsEmpty{std::move(path)});
    }
    if (name == "is_null") {
      ARROW_ASSIGN_OR_RAISE(auto path, path_in(json, place));
      return Condition(IsNull{std::move(path)});
    }
    if (name == "has_id") {
      return has_id(json, place);
    }
    if (name == "has_vector") {
      if (!json.is_string()) {
        return error(place, "expected the name of a vector, \"\" for the unnamed one");
      }
      return Condition(HasVector{json.get<std::string>()});
    }
    if (name == "slice") {
      return slice(json, place);
    }
    return nested(json, place, depth);
  }

  Result<PayloadPath> path_in(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 1> kKeys = {"key"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    return path(json, place);
  }

  // The path under `key` of an object.
  Result<PayloadPath> path(const Json& json, const std::string& place) const {
    if (!has(json, "key") || !json["key"].is_string()) {
      return error(place, "expected 'key', a field such as \"a.b\" or \"list[].x\"");
    }
    const auto& text = json["key"].get_ref<const std::string&>();
    auto parsed = parse_payload_path(text);
    if (!parsed) {
      return error(join(place, "key"),
                   fmt::format("'{}' is no payload field; other characters than letters, digits, _ "
                               "and - go in quotes, as in \"\\\"a b\\\".c\"",
                               text));
    }
    return std::move(*parsed);
  }

  Result<Condition> has_id(const Json& json, const std::string& place) const {
    if (!json.is_array()) {
      return error(place, "expected a list of ids");
    }
    HasId result;
    for (const Json& id : json) {
      if (id.is_number_unsigned()) {
        result.ids.push_back(PointId::of(id.get<uint64_t>()));
        continue;
      }
      const auto uuid =
          id.is_string() ? parse_uuid(id.get_ref<const std::string&>()) : std::optional<Uuid>();
      if (!uuid) {
        return error(place, fmt::format("{} is no point id, which is an unsigned whole number or a "
                                        "UUID in quotes",
                                        printed(id)));
      }
      result.ids.push_back(PointId::of(*uuid));
    }
    std::sort(result.ids.begin(), result.ids.end());
    return Condition(std::move(result));
  }

  Result<Condition> slice(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"total", "index"};
    constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    for (const std::string_view key : kKeys) {
      if (!has(json, key) || !json[std::string(key)].is_number_unsigned() ||
          json[std::string(key)].get<uint64_t>() > kMax) {
        return error(place, fmt::format("expected '{}', a whole number below 2^32", key));
      }
    }
    const Slice result{.total = json["total"].get<uint32_t>(),
                       .index = json["index"].get<uint32_t>()};
    if (result.index >= result.total) {
      return error(place, "'index' has to be below 'total'");
    }
    return Condition(result);
  }

  Result<Condition> nested(const Json& json, const std::string& place, int depth) const {
    constexpr std::array<std::string_view, 2> kKeys = {"key", "filter"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    Nested result;
    ARROW_ASSIGN_OR_RAISE(result.path, path(json, place));
    if (result.path.steps.back().kind != PathStep::Kind::kEach) {
      result.path.steps.push_back({.kind = PathStep::Kind::kEach});
    }
    if (!has(json, "filter")) {
      return error(place, "expected 'filter'");
    }
    ARROW_ASSIGN_OR_RAISE(auto inner, clause(json["filter"], join(place, "filter"), depth + 1));
    result.clause = std::make_unique<Clause>(std::move(inner));
    return Condition(std::move(result));
  }

  Result<Field> field(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(check_keys(json, place, kFieldKeys));
    Field result;
    ARROW_ASSIGN_OR_RAISE(result.path, path(json, place));
    if (has(json, "match")) {
      ARROW_ASSIGN_OR_RAISE(auto test, match(json["match"], join(place, "match")));
      result.tests.push_back(std::move(test));
    }
    if (has(json, "range")) {
      ARROW_ASSIGN_OR_RAISE(auto test, range(json["range"], join(place, "range")));
      result.tests.push_back(std::move(test));
    }
    ARROW_RETURN_NOT_OK(add_geo(json, place, &result));
    if (has(json, "values_count")) {
      ARROW_ASSIGN_OR_RAISE(result.values_count,
                            counts(json["values_count"], join(place, "values_count")));
    }
    ARROW_ASSIGN_OR_RAISE(result.is_empty, flag(json, place, "is_empty"));
    ARROW_ASSIGN_OR_RAISE(result.is_null, flag(json, place, "is_null"));
    if (result.tests.empty() && !result.values_count && !result.is_empty && !result.is_null) {
      return error(place, "a field without a condition: 'match', 'range', 'values_count' …");
    }
    return result;
  }

  Result<std::optional<bool>> flag(const Json& json, const std::string& place,
                                   std::string_view key) const {
    if (!has(json, key)) {
      return std::optional<bool>();
    }
    const Json& value = json[std::string(key)];
    if (!value.is_boolean()) {
      return error(join(place, key), "expected true or false");
    }
    return std::optional(value.get<bool>());
  }

  Result<ValueTest> match(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kMatchKeys));
    if (json.size() != 1) {
      return error(place,
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
      return error(inner, "expected a string");
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
      return error(place, fmt::format("{} cannot be matched, only strings, true, false and whole "
                                      "numbers below 2^63; use 'range' for other numbers",
                                      printed(json)));
    }
    return json.get<int64_t>();
  }

  Result<ValueTest> match_set(const Json& json, const std::string& place, bool except) const {
    if (!json.is_array()) {
      return error(place, "expected a list of strings or of whole numbers");
    }
    // An empty list counts as one of strings, as the server has it.
    if (std::all_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); })) {
      auto values = json.get<std::vector<std::string>>();
      std::sort(values.begin(), values.end());
      return ValueTest(MatchSet{except, std::move(values)});
    }
    if (std::any_of(json.begin(), json.end(), [](const Json& j) { return j.is_string(); })) {
      return error(place, "strings and numbers in one list");
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

  Result<ValueTest> range(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kBoundKeys));
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
          return error(inner, fmt::format("{} is no date, such as \"2014-01-01T00:00:00Z\" or "
                                          "\"2014-01-01\"",
                                          printed(value)));
        }
        bound(&moments.bounds, item.key()) = moment;
        continue;
      }
      if (!value.is_number()) {
        return error(inner, "expected a number, or a date as a string");
      }
      bound(&numbers.bounds, item.key()) = value.get<double>();
    }
    return times ? ValueTest(moments) : ValueTest(numbers);
  }

  Result<Bounds<uint64_t>> counts(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kBoundKeys));
    Bounds<uint64_t> bounds;
    for (const auto& item : json.items()) {
      if (item.value().is_null()) {
        continue;
      }
      if (!item.value().is_number_unsigned()) {
        return error(join(place, item.key()), "expected a whole number");
      }
      bound(&bounds, item.key()) = item.value().get<uint64_t>();
    }
    return bounds;
  }

  Status add_geo(const Json& json, const std::string& place, Field* field) const {
    if (has(json, "geo_bounding_box")) {
      ARROW_ASSIGN_OR_RAISE(auto box,
                            geo_box(json["geo_bounding_box"], join(place, "geo_bounding_box")));
      field->tests.emplace_back(box);
    }
    if (has(json, "geo_radius")) {
      ARROW_ASSIGN_OR_RAISE(auto radius, geo_radius(json["geo_radius"], join(place, "geo_radius")));
      field->tests.emplace_back(radius);
    }
    if (has(json, "geo_polygon")) {
      ARROW_ASSIGN_OR_RAISE(auto polygon,
                            geo_polygon(json["geo_polygon"], join(place, "geo_polygon")));
      field->tests.emplace_back(std::move(polygon));
    }
    return Status::OK();
  }

  // The point under `key` of `json`, or `json` itself when the key is empty.
  Result<GeoPoint> geo_point(const Json& json, const std::string& place,
                             std::string_view key) const {
    constexpr std::array<std::string_view, 2> kKeys = {"lon", "lat"};
    const std::string inner = key.empty() ? place : join(place, key);
    const Json* found = &json;
    if (!key.empty()) {
      if (!has(json, key)) {
        return error(place, fmt::format("expected '{}'", key));
      }
      found = &json[std::string(key)];
    }
    ARROW_RETURN_NOT_OK(check_object(*found, inner));
    ARROW_RETURN_NOT_OK(check_keys(*found, inner, kKeys));
    const auto number = [&](const char* name) {
      return has(*found, name) && (*found)[name].is_number() ? (*found)[name].get<double>()
                                                             : std::nan("");
    };
    const GeoPoint point{number("lon"), number("lat")};
    if (!(std::abs(point.lon) <= 180) || !(std::abs(point.lat) <= 90)) {
      return error(inner, "expected 'lon' within -180..180 and 'lat' within -90..90");
    }
    return point;
  }

  Result<GeoBox> geo_box(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"top_left", "bottom_right"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    GeoBox box;
    ARROW_ASSIGN_OR_RAISE(box.top_left, geo_point(json, place, "top_left"));
    ARROW_ASSIGN_OR_RAISE(box.bottom_right, geo_point(json, place, "bottom_right"));
    return box;
  }

  Result<GeoRadius> geo_radius(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"center", "radius"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    GeoRadius circle;
    ARROW_ASSIGN_OR_RAISE(circle.center, geo_point(json, place, "center"));
    if (!has(json, "radius") || !json["radius"].is_number()) {
      return error(place, "expected 'radius', in meters");
    }
    circle.meters = json["radius"].get<double>();
    return circle;
  }

  Result<GeoPolygon> geo_polygon(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 2> kKeys = {"exterior", "interiors"};
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    if (!has(json, "exterior")) {
      return error(place, "expected 'exterior'");
    }
    GeoPolygon polygon;
    ARROW_ASSIGN_OR_RAISE(polygon.exterior, geo_ring(json["exterior"], join(place, "exterior")));
    if (!has(json, "interiors")) {
      return polygon;
    }
    const std::string inner = join(place, "interiors");
    if (!json["interiors"].is_array()) {
      return error(inner, "expected a list of rings");
    }
    for (const Json& ring : json["interiors"]) {
      ARROW_ASSIGN_OR_RAISE(auto interior, geo_ring(ring, inner));
      polygon.interiors.push_back(std::move(interior));
    }
    return polygon;
  }

  Result<GeoRing> geo_ring(const Json& json, const std::string& place) const {
    constexpr std::array<std::string_view, 1> kKeys = {"points"};
    constexpr double kSame = std::numeric_limits<double>::epsilon();
    ARROW_RETURN_NOT_OK(check_object(json, place));
    ARROW_RETURN_NOT_OK(check_keys(json, place, kKeys));
    if (!has(json, "points") || !json["points"].is_array()) {
      return error(place, "expected a list of 'points'");
    }
    GeoRing ring;
    for (const Json& item : json["points"]) {
      ARROW_ASSIGN_OR_RAISE(const auto point, geo_point(item, place, ""));
      ring.push_back(point);
    }
    if (ring.size() < 4 || std::abs(ring.front().lon - ring.back().lon) > kSame ||
        std::abs(ring.front().lat - ring.back().lat) > kSame) {
      return error(place, "expected at least 4 points, the last the same as the first");
    }
    if (ring.front() != ring.back()) {
      ring.push_back(ring.front());
    }
    return ring;
  }

  static std::string printed(const Json& json) {
    constexpr size_t kMost = 60;
    if (json.is_structured()) {
      return json.is_array() ? "a list" : "an object";
    }
    const std::string text = json.dump();
    return text.size() <= kMost ? text : json.type_name();
  }

  std::string_view text_;
};

}  // namespace

Result<Clause> parse_json(std::string_view text, std::string* canonical) {
  // Conditions nest two levels of JSON a filter, and end in a few of their own.
  if (nesting_depth(text) > 3 * kMaxDepth) {
    return syntax_error(text, 0, fmt::format("filters nested deeper than {}", kMaxDepth));
  }
  try {
    // The text itself is parsed for the place of a mistake; the canonical form for the numbers,
    // because a server takes `-0` for a float, and nlohmann does not.
    const Json checked = Json::parse(text);
    PayloadCanonicaliser canonicaliser;
    canonical->clear();
    if (!canonicaliser.append(text, canonical).ok()) {  // nlohmann stops at a NUL
      return syntax_error(text, text.find('\0'), "not valid JSON");
    }
    if (canonical->empty()) {
      *canonical = "{}";
    }
    return Reader(text).clause(Json::parse(*canonical), "", 1);
  } catch (const Json::parse_error& thrown) {
    return syntax_error(text, thrown.byte == 0 ? 0 : thrown.byte - 1, "not valid JSON");
  } catch (const Json::exception&) {  // a number that is not finite
    return syntax_error(text, 0, "not valid JSON");
  }
}

}  // namespace vecferry::filter_tree
