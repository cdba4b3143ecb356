#include <fmt/format.h>

#include "vecferry/server/bodies_internal.h"

namespace vecferry::server {
namespace {

// The key of a clause that no filter has; empty: none.
std::string unknown_clause(const Json& filter) {
  for (const auto& clause : filter.items()) {
    if (clause.key() != "must" && clause.key() != "should" && clause.key() != "must_not" &&
        clause.key() != "min_should") {
      return clause.key();
    }
  }
  return {};
}

// A field condition that tests nothing: {"key": "n"}.
bool tests_nothing(const Json& condition) {
  return condition.is_object() && condition.size() == 1 && condition.contains("key");
}

// The path of the first condition that tests nothing, as validators print it; empty: none.
std::string testless(const Json& filter) {
  if (!filter.is_object()) {
    return {};
  }
  for (const auto& clause : filter.items()) {
    const Json& conditions = clause.value();
    if (tests_nothing(conditions)) {
      return fmt::format("{}[0]", clause.key());
    }
    for (size_t i = 0; conditions.is_array() && i < conditions.size(); ++i) {
      if (tests_nothing(conditions[i])) {
        return fmt::format("{}[{}]", clause.key(), i);
      }
    }
  }
  return {};
}

// What Qdrant says of a filter; `otherwise` is what we say.
Status filter_error(const Json& filter, const Status& otherwise, const FilterPlace& place) {
  const std::string at =
      place.body.empty() ? "" : fmt::format(" at line 1 column {}", place.body.size());
  if (!filter.is_object()) {
    return format_error("invalid type: expected struct Filter" + at);
  }
  if (const auto clause = unknown_clause(filter); !clause.empty()) {
    return format_error(fmt::format(
        "unknown field `{}`, expected one of `should`, `min_should`, `must`, `must_not`{}", clause,
        at));
  }
  if (const auto where = testless(filter); !where.empty()) {
    return fail({.kind = ErrorKind::kUsage,
                 .what = fmt::format("Validation error in JSON body: [{}filter.{}.__all__: "
                                     "Validation error: At least one field condition must be "
                                     "specified [{{}}]]",
                                     place.request, where)});
  }
  const std::string what = failure_of(otherwise).what;
  if (what.find("].match.") != std::string::npos) {
    return format_error("data did not match any variant of untagged enum MatchInterface" + at);
  }
  return format_error(what.substr(0, what.find('\n')));
}

}  // namespace

Result<std::shared_ptr<const Filter>> read_filter(std::string_view json, const FilterPlace& place) {
  if (json.empty()) {
    return nullptr;
  }
  auto filter = Filter::parse(json);
  return filter.ok() ? filter
                     : filter_error(Json::parse(json, nullptr, false), filter.status(), place);
}

}  // namespace vecferry::server
