#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/wire/direction.h"

/// Walking the JSON of REST bodies, with the errors that fit the direction: a server's words for a
/// request, a damaged reply otherwise.
namespace vecferry::wire {

inline Status format_error(std::string what) {
  return fail({.kind = ErrorKind::kUsage, .what = "Format error in JSON body: " + std::move(what)});
}

inline std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

inline bool is_null(std::string_view text) {
  return text == "null";
}

/// The text of any value, which is thereby taken.
inline simdjson::error_code raw_text(simdjson::ondemand::value value, std::string_view* text) {
  simdjson::ondemand::json_type type{};
  if (const auto error = value.type().get(type)) {
    return error;
  }
  simdjson::error_code error = simdjson::SUCCESS;
  if (type == simdjson::ondemand::json_type::object) {
    simdjson::ondemand::object object;
    error = value.get_object().get(object);
    if (error == simdjson::SUCCESS) {
      error = object.raw_json().get(*text);
    }
  } else if (type == simdjson::ondemand::json_type::array) {
    simdjson::ondemand::array array;
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

inline std::string_view unquoted(std::string_view text) {
  return text.size() >= 2 && text.front() == '"' && text.back() == '"'
             ? text.substr(1, text.size() - 2)
             : text;
}

/// Thread: safe.
class RestJson {
 public:
  explicit RestJson(Direction direction) : direction_(direction) {}

  static Status broken(std::string_view what) {
    return fail({.kind = ErrorKind::kCorrupt,
                 .what = fmt::format("not a Qdrant reply: {}", what),
                 .next = "check that the address is a Qdrant REST port"});
  }

  Status not_json(simdjson::error_code error) const {
    return direction_ == Direction::kRequest ? format_error(simdjson::error_message(error))
                                             : broken(simdjson::error_message(error));
  }

  /// Step over a value.
  Status take(simdjson::ondemand::value value) const {
    std::string_view text;
    const auto error = raw_text(value, &text);
    return error ? not_json(error) : Status::OK();
  }

  Result<std::string_view> text_of(simdjson::ondemand::value value) const {
    std::string_view text;
    if (const auto error = raw_text(value, &text)) {
      return not_json(error);
    }
    if (text.empty()) {
      return not_json(simdjson::TAPE_ERROR);
    }
    return text;
  }

  /// Call `each` with key and value of every member.
  template <typename Each>
  Status each_member(simdjson::ondemand::object object, Each each) const {
    for (auto next : object) {
      simdjson::ondemand::field field;
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
  Status each_member(simdjson::ondemand::parser& parser, std::string* text, Each each) const {
    text->reserve(text->size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
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

  /// The same with the values' text.
  template <typename Each>
  Status members(simdjson::ondemand::parser& parser, std::string* text, Each each) const {
    return each_member(parser, text,
                       [&](std::string_view key, simdjson::ondemand::value value) -> Status {
                         ARROW_ASSIGN_OR_RAISE(const auto value_text, text_of(value));
                         return each(key, value_text);
                       });
  }

  /// The elements of a list, as text.
  Status split(std::string_view list, std::vector<std::string>* out) const {
    simdjson::ondemand::parser parser;
    std::string text(list);
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    simdjson::ondemand::array array;
    if (const auto error = parser.iterate(text).get(document)) {
      return not_json(error);
    }
    if (const auto error = document.get_array().get(array)) {
      return not_json(error);
    }
    for (auto next : array) {
      simdjson::ondemand::value value;
      if (const auto error = next.get(value)) {
        return not_json(error);
      }
      ARROW_ASSIGN_OR_RAISE(const auto element, text_of(value));
      out->emplace_back(element);
    }
    return Status::OK();
  }

 private:
  Direction direction_;
};

}  // namespace vecferry::wire
