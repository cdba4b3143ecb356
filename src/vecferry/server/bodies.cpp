#include <fmt/format.h>

#include <utility>

#include "vecferry/model/payload_path.h"
#include "vecferry/server/bodies_internal.h"
#include "vecferry/server/json_syntax.h"

namespace vecferry::server {
namespace {

// serde reports a value of a wrong kind at the end of the body, as it looks at whole values.
Status at_end(std::string what, std::string_view body) {
  return format_error(fmt::format("{} at line 1 column {}", std::move(what), body.size()));
}

std::string found(const Json& json) {
  switch (json.type()) {
    case Json::value_t::string:
      return fmt::format("invalid type: string {}", dump(json));
    case Json::value_t::boolean:
      return fmt::format("invalid type: boolean `{}`", dump(json));
    case Json::value_t::number_float:
      return fmt::format("invalid type: floating point `{}`", dump(json));
    case Json::value_t::number_integer:
      return fmt::format("invalid value: integer `{}`", dump(json));
    case Json::value_t::number_unsigned:
      return fmt::format("invalid type: integer `{}`", dump(json));
    case Json::value_t::array:
      return "invalid type: sequence";
    case Json::value_t::object:
      return "invalid type: map";
    default:
      return "invalid type: null";
  }
}

// The member, or null.
const Json& member(const Json& json, const char* key) {
  static const Json null;
  const auto at = json.find(key);
  return at == json.end() ? null : *at;
}

Result<std::optional<uint64_t>> read_limit(const Json& json, std::string_view request,
                                           std::string_view body) {
  const Json& limit = member(json, "limit");
  if (limit.is_null()) {
    return std::nullopt;
  }
  if (!limit.is_number_unsigned()) {
    return at_end(found(limit) + ", expected usize", body);
  }
  if (limit == 0) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("Validation error in JSON body: [{}.limit: value 0 invalid, "
                                     "must be 1 or larger]",
                                     request)});
  }
  return std::optional(limit.get<uint64_t>());
}

Result<std::vector<std::string>> read_names(const Json& json, std::string_view type) {
  std::vector<std::string> names;
  for (const auto& name : json) {
    if (!name.is_string()) {
      return format_error(fmt::format("data did not match any variant of untagged enum {}", type));
    }
    names.push_back(name.get<std::string>());
  }
  return names;
}

constexpr std::string_view kPayloadType = "WithPayloadInterface";
constexpr std::string_view kVectorType = "WithVector";

Status read_payload(const Json& json, Selection* selection) {
  if (json.is_null()) {
    return Status::OK();
  }
  if (json.is_boolean()) {
    selection->payload = json.get<bool>();
    return Status::OK();
  }
  selection->payload = true;
  const bool list = json.is_array();
  const Json* include = list ? &json : nullptr;
  const Json* exclude = nullptr;
  if (json.is_object() && json.size() == 1) {
    include = json.contains("include") ? &json["include"] : nullptr;
    exclude = json.contains("exclude") ? &json["exclude"] : nullptr;
  }
  const Json* paths = include != nullptr ? include : exclude;
  if (paths == nullptr || !paths->is_array()) {
    return format_error(
        fmt::format("data did not match any variant of untagged enum {}", kPayloadType));
  }
  ARROW_ASSIGN_OR_RAISE(auto names, read_names(*paths, kPayloadType));
  for (const auto& name : names) {
    if (!parse_payload_path(name)) {
      return format_error(fmt::format("Invalid json path: '{}'", name));
    }
  }
  if (include != nullptr && names.empty()) {
    selection->payload = false;
  }
  (include != nullptr ? selection->include : selection->exclude) = std::move(names);
  return Status::OK();
}

Status read_vectors(const Json& json, Selection* selection) {
  if (json.is_null()) {
    return Status::OK();
  }
  if (json.is_boolean()) {
    selection->vectors = json.get<bool>();
    return Status::OK();
  }
  if (!json.is_array()) {
    return format_error(
        fmt::format("data did not match any variant of untagged enum {}", kVectorType));
  }
  ARROW_ASSIGN_OR_RAISE(selection->vector_names, read_names(json, kVectorType));
  selection->vectors = true;
  return Status::OK();
}

Result<std::string> filter_text(const Json& json, const FilterPlace& place) {
  const Json& filter = member(json, "filter");
  if (filter.is_null()) {
    return std::string();
  }
  std::string text = dump(filter);
  ARROW_RETURN_NOT_OK(read_filter(text, place).status());
  return text;
}

}  // namespace

Status format_error(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = "Format error in JSON body: " + std::move(what)});
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Json> parse_body(std::string_view body) {
  if (auto wrong = json_syntax_error(body)) {
    return format_error(*std::move(wrong));
  }
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) {
    return json.is_discarded() ? format_error("number out of range")
                               : format_error(found(json) + ", expected a map");
  }
  return json;
}

Result<Selection> read_selection(const Json& body, Selection otherwise) {
  ARROW_RETURN_NOT_OK(read_payload(member(body, "with_payload"), &otherwise));
  const Json& vectors = member(body, "with_vector");
  ARROW_RETURN_NOT_OK(
      read_vectors(vectors.is_null() ? member(body, "with_vectors") : vectors, &otherwise));
  return otherwise;
}

Result<PointId> read_point_id(const Json& json) {
  if (json.is_number_unsigned()) {
    return PointId::of(json.get<uint64_t>());
  }
  if (json.is_string()) {
    if (const auto uuid = parse_uuid(json.get_ref<const std::string&>())) {
      return PointId::of(*uuid);
    }
  }
  return format_error(fmt::format(
      "value {} is not a valid point ID, valid values are either an unsigned integer or a UUID",
      json.is_string() ? json.get<std::string>() : dump(json)));
}

Result<std::vector<PointId>> read_point_ids(const Json& json) {
  if (!json.is_array()) {
    return format_error(found(json) + ", expected a sequence");
  }
  std::vector<PointId> ids;
  ids.reserve(json.size());
  for (const auto& element : json) {
    ARROW_ASSIGN_OR_RAISE(const PointId id, read_point_id(element));
    ids.push_back(id);
  }
  return ids;
}

Json id_json(const PointId& id) {
  return id.is_uuid ? Json(to_string(id)) : Json(id.number);
}

Result<ScrollArgs> read_scroll(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  ScrollArgs args;
  if (const Json& offset = member(json, "offset"); !offset.is_null()) {
    ARROW_ASSIGN_OR_RAISE(args.offset, read_point_id(offset));
  }
  ARROW_ASSIGN_OR_RAISE(args.limit, read_limit(json, "scroll_request", body));
  ARROW_ASSIGN_OR_RAISE(args.filter, filter_text(json, {"scroll_request.", body}));
  ARROW_ASSIGN_OR_RAISE(args.selection, read_selection(json, {.payload = true}));
  if (const Json& order = member(json, "order_by"); !order.is_null()) {
    args.order_by = dump(order);
  }
  return args;
}

Result<RetrieveArgs> read_retrieve(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  RetrieveArgs args;
  const Json& ids = member(json, "ids");
  if (ids.is_null()) {
    return at_end("missing field `ids`", body);
  }
  ARROW_ASSIGN_OR_RAISE(args.ids, read_point_ids(ids));
  ARROW_ASSIGN_OR_RAISE(args.selection, read_selection(json, {.payload = false}));
  return args;
}

Result<CountArgs> read_count(std::string_view body) {
  ARROW_ASSIGN_OR_RAISE(const Json json, parse_body(body));
  CountArgs args;
  ARROW_ASSIGN_OR_RAISE(args.filter, filter_text(json, {"", body}));
  const Json& exact = member(json, "exact");
  if (!exact.is_null() && !exact.is_boolean()) {
    return at_end(found(exact) + ", expected a boolean", body);
  }
  args.exact = exact != false;
  return args;
}

}  // namespace vecferry::server
