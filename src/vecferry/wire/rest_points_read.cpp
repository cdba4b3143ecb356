#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "vecferry/model/canonical_payload.h"
#include "vecferry/model/shard_key.h"
#include "vecferry/wire/rest_json_internal.h"
#include "vecferry/wire/rest_points.h"
#include "vecferry/wire/rest_vectors_internal.h"

namespace vecferry::wire {
namespace {

namespace ondemand = simdjson::ondemand;

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
      : builder_(*builder), direction_(direction), json_(direction), vectors_(builder, direction) {}

  Result<PointsReply> reply(std::string* body) {
    PointsReply reply;
    bool found = false;
    ARROW_RETURN_NOT_OK(json_.each_member(
        parser_, body, [&](std::string_view key, ondemand::value value) -> Status {
          if (key != "result") {
            return json_.take(value);
          }
          found = true;
          ondemand::json_type type{};
          if (const auto error = value.type().get(type)) {
            return json_.not_json(error);
          }
          return type == ondemand::json_type::object ? page(value, &reply) : records(value, &reply);
        }));
    if (!found) {
      return json_.broken("a reply without 'result'");
    }
    return reply;
  }

  Result<UpsertBody> upsert(std::string* body, std::optional<std::string_view> shard_key) {
    UpsertBody head;
    std::string_view points;
    std::string_view batch;
    ARROW_RETURN_NOT_OK(
        json_.members(parser_, body, [&](std::string_view key, std::string_view value) -> Status {
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
      return json_.not_json(error);
    }
    if (const auto error = document.get_array().get(array)) {
      return json_.not_json(error);
    }
    ARROW_RETURN_NOT_OK(each_point(array, [&](const RawPoint& raw, size_t index) -> Status {
      ++head.points;
      return point(raw, index, shard_key);
    }));
    return head;
  }

 private:
  // Scroll's {"points", "next_page_offset"}, or a lone record.
  Status page(ondemand::value value, PointsReply* reply) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) {
      return json_.not_json(error);
    }
    RawPoint lone;
    ARROW_RETURN_NOT_OK(
        json_.each_member(object, [&](std::string_view key, ondemand::value member) -> Status {
          if (key == "points") {
            return records(member, reply);
          }
          ARROW_ASSIGN_OR_RAISE(const auto text, json_.text_of(member));
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
      return json_.not_json(error);
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
        return json_.not_json(error);
      }
      RawPoint raw;
      ARROW_RETURN_NOT_OK(
          json_.each_member(object, [&](std::string_view key, ondemand::value value) -> Status {
            ARROW_ASSIGN_OR_RAISE(const auto text, json_.text_of(value));
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
      return request ? format_error("missing field `id`") : json_.broken("a record without an id");
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
      ARROW_RETURN_NOT_OK(at_point(vectors_.read(raw.vector, index)));
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
    payload_.clear();
    const Status status = canonical_.append(text, &payload_);
    if (!status.ok() && direction_ == Direction::kRequest) {
      return format_error(failure_of(status).what);
    }
    ARROW_RETURN_NOT_OK(status);
    return builder_.append_payload(payload_);
  }

  // The batch form: a column of ids, one or more of vectors, one of payloads.
  Status columns(std::string_view batch, std::optional<std::string_view> shard_key,
                 UpsertBody* head) {
    std::string_view ids;
    std::string_view vectors;
    std::string_view payloads;
    std::string text(batch);
    ARROW_RETURN_NOT_OK(
        json_.members(parser_, &text, [&](std::string_view key, std::string_view value) -> Status {
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
    ARROW_RETURN_NOT_OK(json_.split(ids, &id_column));
    if (!payloads.empty()) {
      ARROW_RETURN_NOT_OK(json_.split(payloads, &payload_column));
    }
    if (vectors.front() == '{') {
      std::string named(vectors);
      ARROW_RETURN_NOT_OK(json_.members(
          parser_, &named, [&](std::string_view name, std::string_view value) -> Status {
            vector_columns.emplace_back(name, std::vector<std::string>());
            return json_.split(value, &vector_columns.back().second);
          }));
    } else {
      vector_columns.emplace_back("", std::vector<std::string>());
      ARROW_RETURN_NOT_OK(json_.split(vectors, &vector_columns.back().second));
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
        ARROW_RETURN_NOT_OK(vectors_.read_one(name, column[i], i));
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

  Result<PointId> read_id(std::string_view text) const {
    const std::string_view inside = unquoted(text);
    const auto id = parse_point_id(inside);
    // A number stands bare, a UUID in quotes.
    if (id && id->is_uuid == (inside.size() != text.size()) &&
        (id->is_uuid || inside.size() == 1 || inside.front() != '0')) {
      return *id;
    }
    if (direction_ == Direction::kReply) {
      return json_.broken(fmt::format("{} is no point id", text));
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
      ARROW_RETURN_NOT_OK(json_.split(text, &elements));
      for (const auto& element : elements) {
        ARROW_ASSIGN_OR_RAISE(auto key, read_shard_key(element));
        keys->push_back(std::move(key));
      }
      return Status::OK();
    }
    if (text.front() == '{') {
      std::string object(text);
      return json_.members(inner_, &object,
                           [&](std::string_view key, std::string_view value) -> Status {
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
               : json_.broken("a shard key that is no string and no number");
  }

  // Refusals of requests are the server's words, to which nothing is added.
  Status at_point(const Status& status) const {
    return status.ok() || direction_ == Direction::kRequest
               ? status
               : widen(status, "point " + to_string(id_));
  }

  PointsBuilder& builder_;
  Direction direction_;
  RestJson json_;
  RestVectors vectors_;
  // One parser for each level that is open at a time.
  ondemand::parser parser_{};
  ondemand::parser inner_{};
  ondemand::parser points_{};
  PayloadCanonicaliser canonical_{};
  PointId id_{};
  std::string list_{};
  std::string payload_{};
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
