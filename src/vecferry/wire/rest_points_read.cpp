#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/json_text_internal.h"
#include "vecferry/wire/rest_points.h"
#include "vecferry/wire/vector_sink_internal.h"

namespace vecferry::wire {
namespace {

namespace ondemand = simdjson::ondemand;

Status format_error(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = "Format error in JSON body: " + std::move(what)});
}

Status validation_error(size_t point, std::string_view what) {
  return fail(
      {.kind = ErrorKind::kUsage,
       .what = fmt::format("Validation error in JSON body: [points[{}].vector.{}]", point, what)});
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_null(std::string_view text) {
  return text == "null";
}

// The text of any value, which is thereby taken.
simdjson::error_code raw_text(ondemand::value value, std::string_view* text) {
  ondemand::json_type type{};
  if (const auto error = value.type().get(type)) {
    return error;
  }
  simdjson::error_code error = simdjson::SUCCESS;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    error = value.get_object().get(object);
    if (error == simdjson::SUCCESS) {
      error = object.raw_json().get(*text);
    }
  } else if (type == ondemand::json_type::array) {
    ondemand::array array;
    error = value.get_array().get(array);
    if (error == simdjson::SUCCESS) {
      error = array.raw_json().get(*text);
    }
  } else {
    *text = value.raw_json_token();
  }
  *text = trimmed(*text);
  return error;
}

// One point, its parts still text.
struct RawPoint {
  std::string_view id{};
  std::string_view vector{};
  std::string_view payload{};
  std::string_view shard_key{};
};

}  // namespace

class RestPointsReader::Impl {
 public:
  Impl(PointsBuilder* builder, Direction direction)
      : builder_(*builder), sink_(builder, direction), direction_(direction) {}

  Result<PointsReply> reply(std::string* body) {
    PointsReply reply;
    bool found = false;
    ARROW_RETURN_NOT_OK(
        each_member(parser_, body, [&](std::string_view key, ondemand::value value) -> Status {
          if (key != "result") {
            return take(value);
          }
          found = true;
          ondemand::json_type type{};
          if (const auto error = value.type().get(type)) {
            return not_json(error);
          }
          return type == ondemand::json_type::object ? page(value, &reply) : records(value, &reply);
        }));
    if (!found) {
      return broken("a reply without 'result'");
    }
    return reply;
  }

  Result<UpsertBody> upsert(std::string* body, std::optional<std::string_view> shard_key) {
    UpsertBody head;
    std::string_view points;
    std::string_view batch;
    ARROW_RETURN_NOT_OK(
        members(parser_, body, [&](std::string_view key, std::string_view value) -> Status {
          if (key == "points") {
            points = value;
          } else if (key == "batch") {
            batch = value;
          } else if (key == "shard_key") {
            return read_shard_keys(value, &head.shard_keys);
          } else if (key == "update_filter" && !is_null(value)) {
            head.update_filter = value;
          } else if (key == "update_mode" && !is_null(value)) {
            head.update_mode = unquoted(value);
          }
          return Status::OK();
        }));
    if (!batch.empty()) {
      ARROW_RETURN_NOT_OK(columns(batch, shard_key, &head));
      return head;
    }
    if (points.empty()) {
      return format_error("data did not match any variant of untagged enum PointInsertOperations");
    }
    if (points.front() != '[') {
      return format_error("invalid type: expected a sequence");
    }
    list_.assign(points);
    list_.reserve(list_.size() + simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    ondemand::array array;
    if (const auto error = points_.iterate(list_).get(document)) {
      return not_json(error);
    }
    if (const auto error = document.get_array().get(array)) {
      return not_json(error);
    }
    ARROW_RETURN_NOT_OK(each_point(array, [&](const RawPoint& raw, size_t index) -> Status {
      ++head.points;
      return point(raw, index, shard_key);
    }));
    return head;
  }

 private:
  static Status broken(std::string_view what) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("not a Qdrant reply: {}", what),
                 .next = "check that the address is a Qdrant REST port"});
  }

  Status not_json(simdjson::error_code error) const {
    return direction_ == Direction::kRequest ? format_error(simdjson::error_message(error))
                                             : broken(simdjson::error_message(error));
  }

  // Step over a value.
  Status take(ondemand::value value) const {
    std::string_view text;
    const auto error = raw_text(value, &text);
    return error ? not_json(error) : Status::OK();
  }

  Result<std::string_view> text_of(ondemand::value value) const {
    std::string_view text;
    if (const auto error = raw_text(value, &text)) {
      return not_json(error);
    }
    if (text.empty()) {
      return not_json(simdjson::TAPE_ERROR);
    }
    return text;
  }

  // Call `each` with key and value of every member.
  template <typename Each>
  Status each_member(ondemand::object object, Each each) const {
    for (auto next : object) {
      ondemand::field field;
      std::string_view key;
      if (const auto error = std::move(next).get(field)) {
        return not_json(error);
      }
      if (const auto error = field.unescaped_key().get(key)) {
        return not_json(error);
      }
      ARROW_RETURN_NOT_OK(each(key, field.value()));
    }
    return Status::OK();
  }

  template <typename Each>
  Status each_member(ondemand::parser& parser, std::string* text, Each each) const {
    text->reserve(text->size() + simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    ondemand::object object;
    if (const auto error = parser.iterate(*text).get(document)) {
      return not_json(error);
    }
    if (const auto error = document.get_object().get(object)) {
      return not_json(error);
    }
    ARROW_RETURN_NOT_OK(each_member(object, each));
    // Past the object there must be nothing: that is what this error says.
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS
               ? Status::OK()
               : not_json(simdjson::TAPE_ERROR);
  }

  // The same with the values' text.
  template <typename Each>
  Status members(ondemand::parser& parser, std::string* text, Each each) const {
    return each_member(parser, text, [&](std::string_view key, ondemand::value value) -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto value_text, text_of(value));
      return each(key, value_text);
    });
  }

  // Scroll's {"points", "next_page_offset"}, or a lone record.
  Status page(ondemand::value value, PointsReply* reply) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) {
      return not_json(error);
    }
    RawPoint lone;
    ARROW_RETURN_NOT_OK(
        each_member(object, [&](std::string_view key, ondemand::value member) -> Status {
          if (key == "points") {
            return records(member, reply);
          }
          ARROW_ASSIGN_OR_RAISE(const auto text, text_of(member));
          if (key == "next_page_offset" && !is_null(text)) {
            ARROW_ASSIGN_OR_RAISE(reply->next_page, read_id(text));
          }
          keep(key, text, &lone);
          return Status::OK();
        }));
    if (lone.id.empty()) {
      return Status::OK();
    }
    ++reply->points;
    return point(lone, 0, std::nullopt);
  }

  Status records(ondemand::value value, PointsReply* reply) {
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) {
      return not_json(error);
    }
    return each_point(array, [&](const RawPoint& raw, size_t /*index*/) -> Status {
      ++reply->points;
      return point(raw, 0, std::nullopt);
    });
  }

  static void keep(std::string_view key, std::string_view text, RawPoint* raw) {
    if (key == "id") {
      raw->id = text;
    } else if (key == "vector" || key == "vectors") {
      raw->vector = text;
    } else if (key == "payload") {
      raw->payload = text;
    } else if (key == "shard_key") {
      raw->shard_key = text;
    }
  }

  template <typename Each>
  Status each_point(ondemand::array array, Each each) {
    size_t index = 0;
    for (auto next : array) {
      ondemand::object object;
      if (const auto error = next.get_object().get(object)) {
        return not_json(error);
      }
      RawPoint raw;
      ARROW_RETURN_NOT_OK(
          each_member(object, [&](std::string_view key, ondemand::value value) -> Status {
            ARROW_ASSIGN_OR_RAISE(const auto text, text_of(value));
            keep(key, text, &raw);
            return Status::OK();
          }));
      ARROW_RETURN_NOT_OK(each(raw, index++));
    }
    return Status::OK();
  }

  Status point(const RawPoint& raw, size_t index, std::optional<std::string_view> shard_key) {
    const bool request = direction_ == Direction::kRequest;
    if (raw.id.empty()) {
      return request ? format_error("missing field `id`") : broken("a record without an id");
    }
    ARROW_ASSIGN_OR_RAISE(id_, read_id(raw.id));
    if (request && raw.vector.empty()) {
      return format_error("missing field `vector`");
    }
    std::string key;
    if (!request && !raw.shard_key.empty() && !is_null(raw.shard_key)) {
      ARROW_ASSIGN_OR_RAISE(key, read_shard_key(raw.shard_key));
      shard_key = key;
    }
    ARROW_RETURN_NOT_OK(builder_.start_point(id_, shard_key));
    if (!raw.vector.empty() && !(is_null(raw.vector) && !request)) {
      ARROW_RETURN_NOT_OK(at_point(vectors(raw.vector, index)));
    }
    return at_point(payload(raw.payload));
  }

  Status payload(std::string_view text) {
    if (text.empty() || is_null(text)) {
      return Status::OK();
    }
    if (text.front() != '{' && direction_ == Direction::kRequest) {
      return format_error(text.front() == '[' ? "invalid type: sequence, expected a map"
                                              : "invalid type: expected a map");
    }
    json_.clear();
    const Status status = canonical_.append(text, &json_);
    if (!status.ok() && direction_ == Direction::kRequest) {
      return format_error(failure_of(status).what);
    }
    ARROW_RETURN_NOT_OK(status);
    return builder_.append_payload(json_);
  }

  // A bare list is the unnamed vector, an object is by name.
  Status vectors(std::string_view text, size_t index) {
    if (text.front() == '[') {
      return dense("", text, index);
    }
    if (text.front() != '{') {
      return direction_ == Direction::kRequest
                 ? format_error("data did not match any variant of untagged enum VectorStruct")
                 : broken("a vector that is no list and no object");
    }
    scratch_.assign(text);
    return members(vector_parser_, &scratch_,
                   [&](std::string_view name, std::string_view value) -> Status {
                     if (value.front() == '{') {
                       return sparse(name, value, index);
                     }
                     return dense(name, value, index);
                   });
  }

  Status dense(std::string_view name, std::string_view text, size_t index) {
    parse_numbers(text, &numbers_);
    const bool request = direction_ == Direction::kRequest;
    switch (numbers_.problem) {
      case NumbersProblem::kNone:
        break;
      case NumbersProblem::kNull:
        if (!request) {
          return fail({.kind = ErrorKind::kIncompatible,
                       .what = "a NaN or infinity, which REST prints as null",
                       .where = fmt::format("vector '{}'", name),
                       .next = "read this collection over gRPC"});
        }
        [[fallthrough]];
      case NumbersProblem::kNotNumbers:
        return request
                   ? format_error("data did not match any variant of untagged enum VectorStruct")
                   : broken(fmt::format("vector '{}' is no list of numbers", name));
      case NumbersProblem::kUneven:
        return request
                   ? validation_error(index,
                                      "?.values: Validation error: must be the same length as "
                                      "indices [{}]")
                   : broken(fmt::format("vector '{}' has inner vectors of several lengths", name));
    }
    if (request && numbers_.values.empty()) {
      return validation_error(index, "?.vector: dense vector must not be empty");
    }
    const std::string_view bytes(reinterpret_cast<const char*>(numbers_.values.data()),
                                 numbers_.values.size() * sizeof(float));
    return sink_.dense(name, bytes,
                       numbers_.nested ? std::optional<size_t>(numbers_.lists) : std::nullopt);
  }

  Status sparse(std::string_view name, std::string_view text, size_t index) {
    std::string_view indices_text;
    std::string_view values_text;
    sparse_.assign(text);
    ARROW_RETURN_NOT_OK(members(sparse_parser_, &sparse_,
                                [&](std::string_view key, std::string_view value) -> Status {
                                  if (key == "indices") {
                                    indices_text = value;
                                  } else if (key == "values") {
                                    values_text = value;
                                  }
                                  return Status::OK();
                                }));
    const bool request = direction_ == Direction::kRequest;
    parse_numbers(values_text, &numbers_);
    if (!parse_indices(indices_text, &indices_) || numbers_.nested ||
        numbers_.problem != NumbersProblem::kNone) {
      return request ? format_error("data did not match any variant of untagged enum VectorStruct")
                     : broken(fmt::format("vector '{}' is no sparse vector", name));
    }
    if (request && indices_.size() != numbers_.values.size()) {
      return validation_error(
          index, "?.values: Validation error: must be the same length as indices [{}]");
    }
    if (request) {
      auto sorted = indices_;
      std::sort(sorted.begin(), sorted.end());
      if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
        return validation_error(index, "?.indices: Validation error: must be unique [{}]");
      }
    }
    return sink_.sparse(name, indices_, numbers_.values);
  }

  // The batch form: a column of ids, one or more of vectors, one of payloads.
  Status columns(std::string_view batch, std::optional<std::string_view> shard_key,
                 UpsertBody* head) {
    std::string_view ids;
    std::string_view vectors;
    std::string_view payloads;
    std::string text(batch);
    ARROW_RETURN_NOT_OK(
        members(parser_, &text, [&](std::string_view key, std::string_view value) -> Status {
          if (key == "ids") {
            ids = value;
          } else if (key == "vectors") {
            vectors = value;
          } else if (key == "payloads" && !is_null(value)) {
            payloads = value;
          }
          return Status::OK();
        }));
    if (ids.empty() || vectors.empty()) {
      return format_error(ids.empty() ? "missing field `ids`" : "missing field `vectors`");
    }
    std::vector<std::string> id_column;
    std::vector<std::string> payload_column;
    std::vector<std::pair<std::string, std::vector<std::string>>> vector_columns;
    ARROW_RETURN_NOT_OK(split(ids, &id_column));
    if (!payloads.empty()) {
      ARROW_RETURN_NOT_OK(split(payloads, &payload_column));
    }
    if (vectors.front() == '{') {
      std::string named(vectors);
      ARROW_RETURN_NOT_OK(
          members(parser_, &named, [&](std::string_view name, std::string_view value) -> Status {
            vector_columns.emplace_back(name, std::vector<std::string>());
            return split(value, &vector_columns.back().second);
          }));
    } else {
      vector_columns.emplace_back("", std::vector<std::string>());
      ARROW_RETURN_NOT_OK(split(vectors, &vector_columns.back().second));
    }
    for (const auto& [name, column] : vector_columns) {
      if (column.size() != id_column.size()) {
        return lengths_differ("vectors");
      }
    }
    if (!payloads.empty() && payload_column.size() != id_column.size()) {
      return lengths_differ("payloads");
    }
    for (size_t i = 0; i < id_column.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(id_, read_id(id_column[i]));
      ARROW_RETURN_NOT_OK(builder_.start_point(id_, shard_key));
      for (const auto& [name, column] : vector_columns) {
        ARROW_RETURN_NOT_OK(column[i].front() == '{' ? sparse(name, column[i], i)
                                                     : dense(name, column[i], i));
      }
      if (!payload_column.empty()) {
        ARROW_RETURN_NOT_OK(payload(payload_column[i]));
      }
    }
    head->points = static_cast<int64_t>(id_column.size());
    return Status::OK();
  }

  static Status lengths_differ(std::string_view what) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("Validation error in JSON body: [batch.{}: number of ids and "
                                     "{} must be equal]",
                                     what, what)});
  }

  // The elements of a list, as text.
  Status split(std::string_view list, std::vector<std::string>* out) {
    std::string text(list);
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    ondemand::document document;
    ondemand::array array;
    if (const auto error = points_.iterate(text).get(document)) {
      return not_json(error);
    }
    if (const auto error = document.get_array().get(array)) {
      return not_json(error);
    }
    for (auto next : array) {
      ondemand::value value;
      if (const auto error = std::move(next).get(value)) {
        return not_json(error);
      }
      ARROW_ASSIGN_OR_RAISE(const auto element, text_of(value));
      out->emplace_back(element);
    }
    return Status::OK();
  }

  static std::string_view unquoted(std::string_view text) {
    return text.size() >= 2 && text.front() == '"' && text.back() == '"'
               ? text.substr(1, text.size() - 2)
               : text;
  }

  Result<PointId> read_id(std::string_view text) const {
    const std::string_view inside = unquoted(text);
    const auto id = parse_point_id(inside);
    // A number stands bare, a UUID in quotes.
    if (id && id->is_uuid == (inside.size() != text.size()) &&
        (id->is_uuid || inside.size() == 1 || inside.front() != '0')) {
      return *id;
    }
    if (direction_ == Direction::kReply) {
      return broken(fmt::format("{} is no point id", text));
    }
    return format_error(fmt::format(
        "value {} is not a valid point ID, valid values are either an unsigned integer or a UUID",
        inside));
  }

  // A key, a list of keys, or {"target", "fallback"}, of which a write takes the target.
  Status read_shard_keys(std::string_view text, std::vector<std::string>* keys) {
    if (is_null(text)) {
      return Status::OK();
    }
    if (text.front() == '[') {
      std::vector<std::string> elements;
      ARROW_RETURN_NOT_OK(split(text, &elements));
      for (const auto& element : elements) {
        ARROW_ASSIGN_OR_RAISE(auto key, read_shard_key(element));
        keys->push_back(std::move(key));
      }
      return Status::OK();
    }
    if (text.front() == '{') {
      std::string object(text);
      return members(inner_, &object, [&](std::string_view key, std::string_view value) -> Status {
        if (key != "target") {
          return Status::OK();
        }
        ARROW_ASSIGN_OR_RAISE(auto target, read_shard_key(value));
        keys->push_back(std::move(target));
        return Status::OK();
      });
    }
    ARROW_ASSIGN_OR_RAISE(auto key, read_shard_key(text));
    keys->push_back(std::move(key));
    return Status::OK();
  }

  Result<std::string> read_shard_key(std::string_view text) const {
    simdjson::dom::parser parser;
    simdjson::dom::element element;
    std::string_view keyword;
    uint64_t number = 0;
    if (parser.parse(simdjson::padded_string(text)).get(element) == simdjson::SUCCESS) {
      if (element.get(keyword) == simdjson::SUCCESS) {
        return shard_key_text(std::string(keyword));
      }
      if (element.get(number) == simdjson::SUCCESS) {
        return shard_key_text(number);
      }
    }
    return direction_ == Direction::kRequest
               ? format_error("data did not match any variant of untagged enum ShardKeySelector")
               : broken("a shard key that is no string and no number");
  }

  // Refusals of requests are the server's words, to which nothing is added.
  Status at_point(const Status& status) const {
    return status.ok() || direction_ == Direction::kRequest
               ? status
               : widen(status, "point " + to_string(id_));
  }

  PointsBuilder& builder_;
  VectorSink sink_;
  Direction direction_;
  // One parser for each level that is open at a time.
  ondemand::parser parser_{};
  ondemand::parser inner_{};
  ondemand::parser points_{};
  ondemand::parser vector_parser_{};
  ondemand::parser sparse_parser_{};
  PayloadCanonicaliser canonical_{};
  PointId id_{};
  std::string scratch_{};
  std::string list_{};
  std::string sparse_{};
  std::string json_{};
  Numbers numbers_{};
  std::vector<uint32_t> indices_{};
};

RestPointsReader::RestPointsReader(PointsBuilder* builder, Direction direction)
    : impl_(std::make_unique<Impl>(builder, direction)) {}
RestPointsReader::~RestPointsReader() = default;

Result<PointsReply> RestPointsReader::reply(std::string* body) {
  return impl_->reply(body);
}
Result<UpsertBody> RestPointsReader::upsert(std::string* body,
                                            std::optional<std::string_view> shard_key) {
  return impl_->upsert(body, shard_key);
}

}  // namespace vecferry::wire
