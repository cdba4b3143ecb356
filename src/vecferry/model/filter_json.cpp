#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/filter_json_internal.h"

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
// All keys of all conditions, for the guess at a mistyped one.
constexpr std::array<std::string_view, 17> kConditionKeys = {
    "key",          "match",    "range",   "geo_bounding_box", "geo_radius", "geo_polygon",
    "values_count", "is_empty", "is_null", "has_id",           "has_vector", "slice",
    "nested",       "must",     "should",  "must_not",         "min_should"};

// Reads one filter. Each function gets the place in the tree ("must[0].match") for its errors.
class Reader {
 public:
  explicit Reader(const FilterText& text) : text_(text) {}

  Result<Clause> clause(const Json& json, const std::string& place, int depth) const {
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kClauseKeys));
    if (depth > kMaxDepth) {
      return text_.error(place, fmt::format("filters nested deeper than {}", kMaxDepth));
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
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    if (!has(json, "conditions") || !json["conditions"].is_array()) {
      return text_.error(place, "expected a list of 'conditions'");
    }
    if (!has(json, "min_count") || !json["min_count"].is_number_unsigned() ||
        json["min_count"].get<uint64_t>() == 0) {
      return text_.error(place, "expected 'min_count', a whole number above 0");
    }
    MinShould result{.min_count = json["min_count"].get<uint64_t>()};
    ARROW_ASSIGN_OR_RAISE(result.conditions,
                          conditions(json["conditions"], join(place, "conditions"), depth));
    return result;
  }

  Result<Condition> condition(const Json& json, const std::string& place, int depth) const {
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    if (json.contains("key")) {
      ARROW_ASSIGN_OR_RAISE(auto field_condition, field(json, place));
      return Condition(std::move(field_condition));
    }
    for (const std::string_view name : kOtherConditions) {
      if (json.contains(name)) {
        const std::array<std::string_view, 1> known = {name};
        ARROW_RETURN_NOT_OK(text_.check_keys(json, place, known));
        return other(name, json[std::string(name)], join(place, name), depth);
      }
    }
    for (const auto& item : json.items()) {
      if (!is_one_of(item.key(), kConditionKeys)) {
        return text_.unknown_key(place, item.key(), kConditionKeys);
      }
      if (!is_one_of(item.key(), kClauseKeys)) {
        return text_.error(place,
                           fmt::format("'{}' without 'key', the field it is about", item.key()));
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
        return text_.error(place, "expected the name of a vector, \"\" for the unnamed one");
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
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    return path(json, place);
  }

  // The path under `key` of an object.
  Result<PayloadPath> path(const Json& json, const std::string& place) const {
    if (!has(json, "key") || !json["key"].is_string()) {
      return text_.error(place, "expected 'key', a field such as \"a.b\" or \"list[].x\"");
    }
    const auto& text = json["key"].get_ref<const std::string&>();
    auto parsed = parse_payload_path(text);
    if (!parsed) {
      return text_.error(
          join(place, "key"),
          fmt::format("'{}' is no payload field; other characters than letters, digits, _ "
                      "and - go in quotes, as in \"\\\"a b\\\".c\"",
                      text));
    }
    return std::move(*parsed);
  }

  Result<Condition> has_id(const Json& json, const std::string& place) const {
    if (!json.is_array()) {
      return text_.error(place, "expected a list of ids");
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
        return text_.error(place,
                           fmt::format("{} is no point id, which is an unsigned whole number or a "
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
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    for (const std::string_view key : kKeys) {
      if (!has(json, key) || !json[std::string(key)].is_number_unsigned() ||
          json[std::string(key)].get<uint64_t>() > kMax) {
        return text_.error(place, fmt::format("expected '{}', a whole number below 2^32", key));
      }
    }
    const Slice result{.total = json["total"].get<uint32_t>(),
                       .index = json["index"].get<uint32_t>()};
    if (result.index >= result.total) {
      return text_.error(place, "'index' has to be below 'total'");
    }
    return Condition(result);
  }

  Result<Condition> nested(const Json& json, const std::string& place, int depth) const {
    constexpr std::array<std::string_view, 2> kKeys = {"key", "filter"};
    ARROW_RETURN_NOT_OK(text_.check_object(json, place));
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kKeys));
    Nested result;
    ARROW_ASSIGN_OR_RAISE(result.path, path(json, place));
    if (result.path.steps.back().kind != PathStep::Kind::kEach) {
      result.path.steps.push_back({.kind = PathStep::Kind::kEach});
    }
    if (!has(json, "filter")) {
      return text_.error(place, "expected 'filter'");
    }
    ARROW_ASSIGN_OR_RAISE(auto inner, clause(json["filter"], join(place, "filter"), depth + 1));
    result.clause = std::make_unique<Clause>(std::move(inner));
    return Condition(std::move(result));
  }

  Result<Field> field(const Json& json, const std::string& place) const {
    ARROW_RETURN_NOT_OK(text_.check_keys(json, place, kFieldKeys));
    Field result;
    ARROW_ASSIGN_OR_RAISE(result.path, path(json, place));
    ARROW_ASSIGN_OR_RAISE(result.tests, value_tests(text_, json, place));
    ARROW_RETURN_NOT_OK(append_geo_tests(text_, json, place, &result.tests));
    ARROW_ASSIGN_OR_RAISE(result.values_count, values_count(text_, json, place));
    ARROW_ASSIGN_OR_RAISE(result.is_empty, flag(json, place, "is_empty"));
    ARROW_ASSIGN_OR_RAISE(result.is_null, flag(json, place, "is_null"));
    if (result.tests.empty() && !result.values_count && !result.is_empty && !result.is_null) {
      return text_.error(place, "a field without a condition: 'match', 'range', 'values_count' …");
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
      return text_.error(join(place, key), "expected true or false");
    }
    return std::optional(value.get<bool>());
  }

  FilterText text_;
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
    return Reader(FilterText(text)).clause(Json::parse(*canonical), "", 1);
  } catch (const Json::parse_error& thrown) {
    return syntax_error(text, thrown.byte == 0 ? 0 : thrown.byte - 1, "not valid JSON");
  } catch (const Json::exception&) {  // a number that is not finite
    return syntax_error(text, 0, "not valid JSON");
  }
}

}  // namespace vecferry::filter_tree
