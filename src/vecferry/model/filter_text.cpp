#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "vecferry/base/near_miss.h"
#include "vecferry/model/filter_json_internal.h"

namespace vecferry::filter_tree {

using Json = nlohmann::json;

bool has(const Json& object, std::string_view key) {
  const auto member = object.find(key);
  return member != object.end() && !member->is_null();
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string join(const std::string& place, std::string_view key) {
  return place.empty() ? std::string(key) : fmt::format("{}.{}", place, key);
}

std::string printed(const Json& json) {
  constexpr size_t kMost = 60;
  if (json.is_structured()) {
    return json.is_array() ? "a list" : "an object";
  }
  const std::string text = json.dump();
  return text.size() <= kMost ? text : json.type_name();
}

Status FilterText::error(const std::string& place, std::string_view what) const {
  const size_t dot = place.rfind('.');
  std::string key = dot == std::string::npos ? place : place.substr(dot + 1);
  key = key.substr(0, key.find('['));
  const size_t found = text_.find(fmt::format("\"{}\"", key));
  return syntax_error(text_, found == std::string_view::npos ? 0 : found,
                      place.empty() ? std::string(what) : fmt::format("{}: {}", place, what));
}

Status FilterText::unknown_key(const std::string& place, std::string_view key,
                               std::span<const std::string_view> known) const {
  return error(join(place, key), "unknown key" + did_you_mean(key, known));
}

Status FilterText::check_object(const Json& json, const std::string& place) const {
  return json.is_object() ? Status::OK() : error(place, "expected an object");
}

Status FilterText::check_keys(const Json& json, const std::string& place,
                              std::span<const std::string_view> known) const {
  for (const auto& item : json.items()) {
    if (!is_one_of(item.key(), known)) {
      return unknown_key(place, item.key(), known);
    }
  }
  return Status::OK();
}

}  // namespace vecferry::filter_tree
