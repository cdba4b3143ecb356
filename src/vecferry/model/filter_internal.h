#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "vecferry/base/error.h"
#include "vecferry/model/filter.h"
#include "vecferry/model/payload_path.h"
#include "vecferry/model/point_id.h"

/// A filter as a tree. Names and meaning are those of Qdrant's filter JSON.
namespace vecferry::filter_tree {

/// Brackets and sub-filters in one another; no filter that a person or program means is deeper.
inline constexpr int kMaxDepth = 100;

struct MatchValue {
  std::variant<std::string, int64_t, bool> value{};
};

/// `text`, `text_any`, `phrase`: words of the field against words of the query.
struct MatchWords {
  enum class Mode { kAll, kAny, kPhrase };
  Mode mode = Mode::kAll;
  std::vector<std::string> words{};
};

struct MatchPrefix {
  std::string prefix{};
};

struct MatchSubstring {
  std::string substring{};
};

/// `any` and `except`; values are sorted.
struct MatchSet {
  bool except = false;
  std::variant<std::vector<std::string>, std::vector<int64_t>> values{};
};

template <typename T>
struct Bounds {
  std::optional<T> lt{};
  std::optional<T> lte{};
  std::optional<T> gt{};
  std::optional<T> gte{};

  bool hold(T value) const {
    return (!lt || value < *lt) && (!lte || value <= *lte) && (!gt || value > *gt) &&
           (!gte || value >= *gte);
  }
};

struct NumberRange {
  Bounds<double> bounds{};
};

/// Microseconds since the Unix epoch.
struct TimeRange {
  Bounds<int64_t> bounds{};
};

struct GeoPoint {
  double lon = 0;
  double lat = 0;

  friend bool operator==(const GeoPoint&, const GeoPoint&) = default;
};

struct GeoBox {
  GeoPoint top_left{};
  GeoPoint bottom_right{};
};

struct GeoRadius {
  GeoPoint center{};
  double meters = 0;
};

using GeoRing = std::vector<GeoPoint>;  ///< closed: the last point is the first

struct GeoPolygon {
  GeoRing exterior{};
  std::vector<GeoRing> interiors{};
};

bool contains(const GeoBox& box, const GeoPoint& point);
bool contains(const GeoRadius& circle, const GeoPoint& point);
bool contains(const GeoPolygon& polygon, const GeoPoint& point);

using ValueTest = std::variant<MatchValue, MatchWords, MatchPrefix, MatchSubstring, MatchSet,
                               NumberRange, TimeRange, GeoBox, GeoRadius, GeoPolygon>;

/// `values_count`, `is_empty` and `is_null` look at the whole value, in this order of precedence;
/// without them one of the tests has to hold for the value or for an element of it.
struct Field {
  PayloadPath path{};
  std::vector<ValueTest> tests{};
  std::optional<Bounds<uint64_t>> values_count{};
  std::optional<bool> is_empty{};
  std::optional<bool> is_null{};
};

struct IsEmpty {
  PayloadPath path{};
};

struct IsNull {
  PayloadPath path{};
};

struct HasId {
  std::vector<PointId> ids{};  ///< sorted
};

struct HasVector {
  std::string name{};
};

struct Slice {
  uint32_t total = 1;
  uint32_t index = 0;
};

struct Clause;

struct Nested {
  PayloadPath path{};  ///< of the elements: ends in `[]`
  std::unique_ptr<Clause> clause{};
};

using Condition =
    std::variant<Field, IsEmpty, IsNull, HasId, HasVector, Slice, Nested, std::unique_ptr<Clause>>;

struct MinShould {
  std::vector<Condition> conditions{};
  uint64_t min_count = 1;
};

/// One filter object. A list that is absent asks for nothing.
struct Clause {
  std::optional<std::vector<Condition>> must{};
  std::optional<std::vector<Condition>> should{};
  std::optional<std::vector<Condition>> must_not{};
  std::optional<MinShould> min_should{};
};

/// Read filter JSON; `*canonical` becomes the same filter in canonical form.
/// Errors: kUsage.
Result<Clause> parse_json(std::string_view text, std::string* canonical);

/// Filter JSON for the short form.
/// Errors: kUsage.
Result<std::string> json_of_where(std::string_view text);

/// Errors: kCorrupt when the payload cannot be read.
Result<bool> matches(const Clause& clause, const PointsView& points, int64_t row);

/// Lower-case words of a text, as the engine's default tokenizer has them.
std::vector<std::string> words_of(std::string_view text);

/// kUsage: the text with a caret under byte `offset`.
Status syntax_error(std::string_view text, size_t offset, std::string_view what,
                    std::string_view next = {});

}  // namespace vecferry::filter_tree

namespace vecferry {

class Filter::Node {
 public:
  filter_tree::Clause clause{};
};

}  // namespace vecferry
