#include "vecferry/wire/grpc_filter.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/util/time_util.h>
#include <qdrant_common.pb.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "vecferry/model/datetime.h"
#include "vecferry/model/point_id.h"
#include "vecferry/wire/fields_internal.h"

namespace vecferry::wire {
namespace {

using Json = nlohmann::json;
using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

// Sub-filters in one another, on both ways.
constexpr int kMaxDepth = 100;

Status cannot_say(const std::string& what) {
  return fail({.kind = ErrorKind::kIncompatible,
               .what = "gRPC cannot say this filter: " + what,
               .next = "use REST with --transport rest"});
}

Status bad_filter(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what)});
}

bool has(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && !json[key].is_null();
}

// ---- JSON to message ----

// One side of a range, in whichever message it is.
template <typename Message, typename Value>
void set_bound(std::string_view key, const Value& value, Message* range) {
  if (key == "lt") {
    range->set_lt(value);
  } else if (key == "lte") {
    range->set_lte(value);
  } else if (key == "gt") {
    range->set_gt(value);
  } else {
    range->set_gte(value);
  }
}
void set_bound(std::string_view key, const Timestamp& value, qdrant::DatetimeRange* range) {
  if (key == "lt") {
    *range->mutable_lt() = value;
  } else if (key == "lte") {
    *range->mutable_lte() = value;
  } else if (key == "gt") {
    *range->mutable_gt() = value;
  } else {
    *range->mutable_gte() = value;
  }
}

Status read_bound(std::string_view key, const Json& bound, qdrant::DatetimeRange* range) {
  const auto microseconds =
      bound.is_string() ? parse_datetime(bound.get<std::string>()) : std::nullopt;
  if (!microseconds) {
    return cannot_say(bound.dump() + " is no date");
  }
  set_bound(key, TimeUtil::MicrosecondsToTimestamp(*microseconds), range);
  return Status::OK();
}
Status read_bound(std::string_view key, const Json& bound, qdrant::ValuesCount* range) {
  if (!bound.is_number_unsigned()) {
    return cannot_say(bound.dump() + " as a count");
  }
  set_bound(key, bound.get<uint64_t>(), range);
  return Status::OK();
}
Status read_bound(std::string_view key, const Json& bound, qdrant::Range* range) {
  if (!bound.is_number()) {
    return cannot_say(bound.dump() + " as a bound");
  }
  set_bound(key, bound.get<double>(), range);
  return Status::OK();
}

template <typename Message>
Status read_bounds(const Json& json, Message* range) {
  for (const auto& item : json.items()) {
    if (!item.value().is_null()) {
      ARROW_RETURN_NOT_OK(read_bound(item.key(), item.value(), range));
    }
  }
  return Status::OK();
}

bool fits_integer(const Json& json) {
  return json.is_number_integer() &&
         (!json.is_number_unsigned() ||
          json.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
}

// Numbers or strings; a list of none is of strings.
Status read_set(const Json& values, bool except, qdrant::Match* match) {
  if (values.empty() || !fits_integer(values[0])) {
    auto* strings = except ? match->mutable_except_keywords() : match->mutable_keywords();
    for (const auto& value : values) {
      if (!value.is_string()) {
        return cannot_say("match of " + value.dump());
      }
      strings->add_strings(value.get<std::string>());
    }
    return Status::OK();
  }
  auto* integers = except ? match->mutable_except_integers() : match->mutable_integers();
  for (const auto& value : values) {
    if (!fits_integer(value)) {
      return cannot_say("match of " + value.dump());
    }
    integers->add_integers(value.get<int64_t>());
  }
  return Status::OK();
}

Status read_match(const Json& json, qdrant::Match* match) {
  for (const auto& [key, set] : {std::pair("text", &qdrant::Match::mutable_text),
                                 std::pair("text_any", &qdrant::Match::mutable_text_any),
                                 std::pair("phrase", &qdrant::Match::mutable_phrase),
                                 std::pair("prefix", &qdrant::Match::mutable_prefix),
                                 std::pair("substring", &qdrant::Match::mutable_substring)}) {
    if (has(json, key) && json[key].is_string()) {
      *(match->*set)() = json[key].get<std::string>();
      return Status::OK();
    }
  }
  if (has(json, "value")) {
    const Json& value = json["value"];
    if (value.is_string()) {
      match->set_keyword(value.get<std::string>());
    } else if (value.is_boolean()) {
      match->set_boolean(value.get<bool>());
    } else if (fits_integer(value)) {
      match->set_integer(value.get<int64_t>());
    } else {
      return cannot_say("match of " + value.dump());
    }
    return Status::OK();
  }
  for (const bool except : {false, true}) {
    const char* key = except ? "except" : "any";
    if (has(json, key) && json[key].is_array()) {
      return read_set(json[key], except, match);
    }
  }
  return cannot_say("match " + json.dump());
}

void read_point(const Json& json, qdrant::GeoPoint* point) {
  point->set_lon(json.at("lon").get<double>());
  point->set_lat(json.at("lat").get<double>());
}

void read_ring(const Json& json, qdrant::GeoLineString* ring) {
  for (const auto& point : json.at("points")) {
    read_point(point, ring->add_points());
  }
}

Status read_field(const Json& json, qdrant::FieldCondition* field) {
  field->set_key(json.at("key").get<std::string>());
  if (has(json, "match")) {
    ARROW_RETURN_NOT_OK(read_match(json["match"], field->mutable_match()));
  }
  if (has(json, "range")) {
    const Json& range = json["range"];
    bool dates = false;
    for (const auto& bound : range) {
      dates = dates || bound.is_string();
    }
    ARROW_RETURN_NOT_OK(dates ? read_bounds(range, field->mutable_datetime_range())
                              : read_bounds(range, field->mutable_range()));
  }
  if (has(json, "values_count")) {
    ARROW_RETURN_NOT_OK(read_bounds(json["values_count"], field->mutable_values_count()));
  }
  if (has(json, "geo_bounding_box")) {
    auto* box = field->mutable_geo_bounding_box();
    read_point(json["geo_bounding_box"].at("top_left"), box->mutable_top_left());
    read_point(json["geo_bounding_box"].at("bottom_right"), box->mutable_bottom_right());
  }
  if (has(json, "geo_radius")) {
    read_point(json["geo_radius"].at("center"), field->mutable_geo_radius()->mutable_center());
    field->mutable_geo_radius()->set_radius(
        static_cast<float>(json["geo_radius"].at("radius").get<double>()));
  }
  if (has(json, "geo_polygon")) {
    auto* polygon = field->mutable_geo_polygon();
    read_ring(json["geo_polygon"].at("exterior"), polygon->mutable_exterior());
    if (has(json["geo_polygon"], "interiors")) {
      for (const auto& ring : json["geo_polygon"]["interiors"]) {
        read_ring(ring, polygon->add_interiors());
      }
    }
  }
  if (has(json, "is_empty")) {
    field->set_is_empty(json["is_empty"].get<bool>());
  }
  if (has(json, "is_null")) {
    field->set_is_null(json["is_null"].get<bool>());
  }
  return Status::OK();
}

Status read_clause(const Json& json, int depth, qdrant::Filter* filter);

Status read_condition(const Json& json, int depth, qdrant::Condition* condition) {
  if (has(json, "key")) {
    return read_field(json, condition->mutable_field());
  }
  if (has(json, "is_empty")) {
    condition->mutable_is_empty()->set_key(json["is_empty"].at("key").get<std::string>());
  } else if (has(json, "is_null")) {
    condition->mutable_is_null()->set_key(json["is_null"].at("key").get<std::string>());
  } else if (has(json, "has_vector")) {
    condition->mutable_has_vector()->set_has_vector(json["has_vector"].get<std::string>());
  } else if (has(json, "has_id")) {
    auto* ids = condition->mutable_has_id();
    for (const auto& id : json["has_id"]) {
      if (id.is_number_unsigned()) {
        ids->add_has_id()->set_num(id.get<uint64_t>());
      } else {
        ids->add_has_id()->set_uuid(id.get<std::string>());
      }
    }
  } else if (has(json, "slice")) {
    condition->mutable_slice()->set_total(json["slice"].at("total").get<uint32_t>());
    condition->mutable_slice()->set_index(json["slice"].at("index").get<uint32_t>());
  } else if (has(json, "nested")) {
    auto* nested = condition->mutable_nested();
    nested->set_key(json["nested"].at("key").get<std::string>());
    return read_clause(json["nested"].at("filter"), depth + 1, nested->mutable_filter());
  } else {
    return read_clause(json, depth + 1, condition->mutable_filter());
  }
  return Status::OK();
}

Status read_clause(const Json& json, int depth, qdrant::Filter* filter) {
  if (depth > kMaxDepth || !json.is_object()) {
    return cannot_say(depth > kMaxDepth ? "nested too deep" : json.dump().substr(0, 100));
  }
  for (const auto& item : json.items()) {
    const Json& value = item.value();
    if (value.is_null()) {
      continue;
    }
    const std::string& key = item.key();
    google::protobuf::RepeatedPtrField<qdrant::Condition>* into = nullptr;
    const Json* conditions = &value;
    if (key == "must") {
      into = filter->mutable_must();
    } else if (key == "should") {
      into = filter->mutable_should();
    } else if (key == "must_not") {
      into = filter->mutable_must_not();
    } else if (key == "min_should") {
      filter->mutable_min_should()->set_min_count(value.at("min_count").get<uint64_t>());
      into = filter->mutable_min_should()->mutable_conditions();
      conditions = &value.at("conditions");
    } else {
      return cannot_say("'" + key + "'");
    }
    if (conditions->is_object()) {  // a lone condition needs no list
      ARROW_RETURN_NOT_OK(read_condition(*conditions, depth, into->Add()));
      continue;
    }
    for (const auto& condition : *conditions) {
      ARROW_RETURN_NOT_OK(read_condition(condition, depth, into->Add()));
    }
  }
  return Status::OK();
}

// ---- message to JSON ----

Json json_of(const qdrant::GeoPoint& point) {
  return {{"lon", point.lon()}, {"lat", point.lat()}};
}

Json json_of(const qdrant::GeoLineString& ring) {
  Json points = Json::array();
  for (const auto& point : ring.points()) {
    points.push_back(json_of(point));
  }
  return {{"points", std::move(points)}};
}

Json bound(double value) {
  return value;
}
Json bound(uint64_t value) {
  return value;
}
Json bound(const Timestamp& value) {
  return TimeUtil::ToString(value);
}

template <typename Range>
Json bounds_json(const Range& range) {
  Json json = Json::object();
  if (range.has_lt()) {
    json["lt"] = bound(range.lt());
  }
  if (range.has_lte()) {
    json["lte"] = bound(range.lte());
  }
  if (range.has_gt()) {
    json["gt"] = bound(range.gt());
  }
  if (range.has_gte()) {
    json["gte"] = bound(range.gte());
  }
  return json;
}

template <typename Values>
Json list_json(const Values& values) {
  Json list = Json::array();
  for (const auto& value : values) {
    list.push_back(value);
  }
  return list;
}

Result<Json> json_of(const qdrant::Match& match) {
  switch (match.match_value_case()) {
    case qdrant::Match::kKeyword:
      return Json{{"value", match.keyword()}};
    case qdrant::Match::kInteger:
      return Json{{"value", match.integer()}};
    case qdrant::Match::kBoolean:
      return Json{{"value", match.boolean()}};
    case qdrant::Match::kText:
      return Json{{"text", match.text()}};
    case qdrant::Match::kTextAny:
      return Json{{"text_any", match.text_any()}};
    case qdrant::Match::kPhrase:
      return Json{{"phrase", match.phrase()}};
    case qdrant::Match::kPrefix:
      return Json{{"prefix", match.prefix()}};
    case qdrant::Match::kSubstring:
      return Json{{"substring", match.substring()}};
    case qdrant::Match::kKeywords:
      return Json{{"any", list_json(match.keywords().strings())}};
    case qdrant::Match::kIntegers:
      return Json{{"any", list_json(match.integers().integers())}};
    case qdrant::Match::kExceptKeywords:
      return Json{{"except", list_json(match.except_keywords().strings())}};
    case qdrant::Match::kExceptIntegers:
      return Json{{"except", list_json(match.except_integers().integers())}};
    case qdrant::Match::MATCH_VALUE_NOT_SET:
      break;
  }
  return bad_filter("Malformed Match condition");
}

Result<Json> json_of(const qdrant::FieldCondition& field) {
  Json json = {{"key", field.key()}};
  if (field.has_match()) {
    ARROW_ASSIGN_OR_RAISE(json["match"], json_of(field.match()));
  }
  if (field.has_range()) {
    json["range"] = bounds_json(field.range());
  }
  if (field.has_datetime_range()) {
    json["range"] = bounds_json(field.datetime_range());
  }
  if (field.has_values_count()) {
    json["values_count"] = bounds_json(field.values_count());
  }
  if (field.has_geo_bounding_box()) {
    json["geo_bounding_box"] = {{"top_left", json_of(field.geo_bounding_box().top_left())},
                                {"bottom_right", json_of(field.geo_bounding_box().bottom_right())}};
  }
  if (field.has_geo_radius()) {
    json["geo_radius"] = {{"center", json_of(field.geo_radius().center())},
                          {"radius", static_cast<double>(field.geo_radius().radius())}};
  }
  if (field.has_geo_polygon()) {
    json["geo_polygon"]["exterior"] = json_of(field.geo_polygon().exterior());
    for (const auto& ring : field.geo_polygon().interiors()) {
      json["geo_polygon"]["interiors"].push_back(json_of(ring));
    }
  }
  if (field.has_is_empty()) {
    json["is_empty"] = field.is_empty();
  }
  if (field.has_is_null()) {
    json["is_null"] = field.is_null();
  }
  if (json.size() == 1) {
    return bad_filter(
        "Validation error in body: [filter: At least one field condition must be "
        "specified]");
  }
  return json;
}

Result<Json> clause_json(const qdrant::Filter& filter, int depth);

Result<Json> json_of(const qdrant::Condition& condition, int depth) {
  switch (condition.condition_one_of_case()) {
    case qdrant::Condition::kField:
      return json_of(condition.field());
    case qdrant::Condition::kIsEmpty:
      return Json{{"is_empty", {{"key", condition.is_empty().key()}}}};
    case qdrant::Condition::kIsNull:
      return Json{{"is_null", {{"key", condition.is_null().key()}}}};
    case qdrant::Condition::kHasVector:
      return Json{{"has_vector", condition.has_vector().has_vector()}};
    case qdrant::Condition::kSlice:
      return Json{
          {"slice", {{"total", condition.slice().total()}, {"index", condition.slice().index()}}}};
    case qdrant::Condition::kHasId: {
      Json ids = Json::array();
      for (const auto& id : condition.has_id().has_id()) {
        if (id.has_num()) {
          ids.push_back(id.num());
        } else if (parse_uuid(id.uuid())) {
          ids.push_back(id.uuid());
        } else {
          return bad_filter(id.has_uuid() ? "Unable to parse UUID: " + id.uuid()
                                          : "Empty ID is not allowed");
        }
      }
      return Json{{"has_id", std::move(ids)}};
    }
    case qdrant::Condition::kNested: {
      ARROW_ASSIGN_OR_RAISE(Json inner, clause_json(condition.nested().filter(), depth + 1));
      return Json{{"nested", {{"key", condition.nested().key()}, {"filter", std::move(inner)}}}};
    }
    case qdrant::Condition::kFilter:
      return clause_json(condition.filter(), depth + 1);
    case qdrant::Condition::CONDITION_ONE_OF_NOT_SET:
      break;
  }
  return bad_filter("Malformed Condition type");
}

Status add_conditions(const google::protobuf::RepeatedPtrField<qdrant::Condition>& conditions,
                      int depth, Json* list) {
  *list = Json::array();
  for (const auto& condition : conditions) {
    ARROW_ASSIGN_OR_RAISE(Json json, json_of(condition, depth));
    list->push_back(std::move(json));
  }
  return Status::OK();
}

Result<Json> clause_json(const qdrant::Filter& filter, int depth) {
  if (depth > kMaxDepth) {
    return bad_filter("Validation error in body: [filter: nested too deep]");
  }
  Json json = Json::object();
  if (filter.must_size() > 0) {
    ARROW_RETURN_NOT_OK(add_conditions(filter.must(), depth, &json["must"]));
  }
  if (filter.should_size() > 0) {
    ARROW_RETURN_NOT_OK(add_conditions(filter.should(), depth, &json["should"]));
  }
  if (filter.must_not_size() > 0) {
    ARROW_RETURN_NOT_OK(add_conditions(filter.must_not(), depth, &json["must_not"]));
  }
  if (filter.has_min_should()) {
    ARROW_RETURN_NOT_OK(
        add_conditions(filter.min_should().conditions(), depth, &json["min_should"]["conditions"]));
    json["min_should"]["min_count"] = filter.min_should().min_count();
  }
  return json;
}

}  // namespace

Status read_filter(std::string_view json, qdrant::Filter* message) {
  try {
    return read_clause(Json::parse(json), 1, message);
  } catch (const Json::exception& error) {
    return cannot_say(error.what());
  }
}

Result<std::string> filter_json_of(const qdrant::Filter& message) {
  ARROW_ASSIGN_OR_RAISE(const Json json, clause_json(message, 1));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> filter_json_of(std::string_view message) {
  if (message.empty()) {
    return std::string();
  }
  qdrant::Filter filter;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  in.SetRecursionLimit(10 * kMaxDepth);  // a sub-filter is three messages
  if (!filter.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage()) {
    return malformed("a filter");
  }
  return filter_json_of(filter);
}

}  // namespace vecferry::wire
