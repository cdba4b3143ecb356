#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "vecferry/base/error.h"
#include "vecferry/model/points_schema.h"

/// Filters: Qdrant's filter JSON (facts, section 1.7), or the short form of `--where`.
namespace vecferry {

/// A parsed filter. Immutable; safe for concurrent use.
///
/// Short form: `section=libs and installed_size>1000`, with `= != > >= < <=`, `in (a, b)`,
/// `not in (…)`, `has FIELD`, `is null`, `is empty`, `~ "words"`, `id = 5`, `and` `or` `not` and
/// brackets; values are numbers, true, false, null, dates (RFC 3339), or strings, quoted where they
/// have blanks. A bare word is a string.
/// Source: docs/filters.md.
class Filter {
 public:
  /// JSON when the text starts with `{`, else the short form.
  /// Errors: kUsage with the text and a caret under the place, and the near-miss spelling.
  static Result<std::shared_ptr<const Filter>> parse(std::string_view text);

  ~Filter();
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  /// Qdrant's filter JSON in canonical form, for backends that evaluate it themselves.
  const std::string& json() const;

  /// Does a row match, by the engine's rules for fields without an index? For places that have no
  /// engine (files, memory).
  /// Errors: kCorrupt for a payload that is not JSON.
  Result<bool> matches(const PointsView& points, int64_t row) const;

 private:
  class Node;
  explicit Filter(std::unique_ptr<Node> root, std::string json);
  std::unique_ptr<Node> root_;
  std::string json_;
};

/// The rows of a batch that match, as a new batch (the same one when all do).
Result<std::shared_ptr<arrow::RecordBatch>> keep_matching(
    const std::shared_ptr<arrow::RecordBatch>& batch, const Filter& filter);

}  // namespace vecferry
