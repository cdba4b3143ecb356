#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/model/filter_internal.h"

/// Reading the JSON of a filter, in parts: conditions, the tests of a field's values, geo shapes.
namespace vecferry::filter_tree {

/// The text of a filter, for errors that point into it. A place is a path in the tree, such as
/// `must[0].match`. Views the text.
class FilterText {
 public:
  explicit FilterText(std::string_view text) : text_(text) {}

  /// With a caret under the last key of `place`, which is where a person looks first; the first of
  /// several keys of that name has to do.
  Status error(const std::string& place, std::string_view what) const;
  Status unknown_key(const std::string& place, std::string_view key,
                     std::span<const std::string_view> known) const;
  Status check_object(const nlohmann::json& json, const std::string& place) const;
  Status check_keys(const nlohmann::json& json, const std::string& place,
                    std::span<const std::string_view> known) const;

 private:
  std::string_view text_;
};

/// Is there a member that is not null?
bool has(const nlohmann::json& object, std::string_view key);
bool is_one_of(std::string_view word, std::span<const std::string_view> words);
std::string join(const std::string& place, std::string_view key);
/// A value in a message.
std::string printed(const nlohmann::json& json);

/// `match` and `range` of a field.
Result<std::vector<ValueTest>> value_tests(const FilterText& text, const nlohmann::json& field,
                                           const std::string& place);
/// `values_count` of a field.
Result<std::optional<Bounds<uint64_t>>> values_count(const FilterText& text,
                                                     const nlohmann::json& field,
                                                     const std::string& place);
/// `geo_bounding_box`, `geo_radius` and `geo_polygon` of a field.
Status append_geo_tests(const FilterText& text, const nlohmann::json& field,
                        const std::string& place, std::vector<ValueTest>* tests);

}  // namespace vecferry::filter_tree
