#include <simdjson.h>

#include <algorithm>
#include <array>

#include "vecferry/model/datetime.h"
#include "vecferry/model/filter_internal.h"
#include "vecferry/model/points_schema.h"
#include "vecferry/model/unicode_internal.h"

// Filters as the engine answers them for fields without a payload index
// (docs/filters.md, "What a condition means").
namespace vecferry::filter_tree {
namespace {

namespace dom = simdjson::dom;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// SipHash-2-4 with a zero key: how a server deals ids out to slices, which is part of its API.
class SipHash {
 public:
  void write(const uint8_t* bytes, size_t size) {  // whole words only
    for (size_t i = 0; i < size; i += 8) {
      uint64_t word = 0;
      for (size_t j = 0; j < 8; ++j) {
        word |= uint64_t{bytes[i + j]} << (8 * j);
      }
      absorb(word);
    }
    size_ += size;
  }

  uint64_t finish() {
    absorb(uint64_t{size_ & 0xFFU} << 56U);
    v2_ ^= 0xFF;
    for (int i = 0; i < 4; ++i) {
      round();
    }
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  static uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
  }

  void round() {
    v0_ += v1_;
    v1_ = rotate(v1_, 13) ^ v0_;
    v0_ = rotate(v0_, 32);
    v2_ += v3_;
    v3_ = rotate(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = rotate(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = rotate(v1_, 17) ^ v2_;
    v2_ = rotate(v2_, 32);
  }

  void absorb(uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }

  uint64_t v0_ = 0x736f6d6570736575;
  uint64_t v1_ = 0x646f72616e646f6d;
  uint64_t v2_ = 0x6c7967656e657261;
  uint64_t v3_ = 0x7465646279746573;
  size_t size_ = 0;
};

bool in_slice(const Slice& slice, const PointId& id) {
  SipHash hash;
  if (id.is_uuid) {
    hash.write(id.uuid.data(), id.uuid.size());
  } else {
    std::array<uint8_t, 8> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<uint8_t>(id.number >> (8 * i));
    }
    hash.write(bytes.data(), bytes.size());
  }
  return hash.finish() % slice.total == slice.index;
}

std::optional<std::string_view> string_of(const dom::element& value) {
  std::string_view text;
  return value.get_string().get(text) == simdjson::SUCCESS ? std::optional(text) : std::nullopt;
}

// A signed integer that is not written as a float: `1` but not `1.0`.
std::optional<int64_t> integer_of(const dom::element& value) {
  int64_t number = 0;
  return value.get_int64().get(number) == simdjson::SUCCESS ? std::optional(number) : std::nullopt;
}

std::optional<double> number_of(const dom::element& value) {
  double number = 0;
  return value.get_double().get(number) == simdjson::SUCCESS ? std::optional(number) : std::nullopt;
}

std::optional<GeoPoint> geo_point_of(const dom::element& value) {
  GeoPoint point;
  const bool complete = value["lon"].get_double().get(point.lon) == simdjson::SUCCESS &&
                        value["lat"].get_double().get(point.lat) == simdjson::SUCCESS;
  return complete ? std::optional(point) : std::nullopt;
}

bool test(const MatchValue& match, const dom::element& value) {
  return std::visit(Overloaded{[&](const std::string& text) { return string_of(value) == text; },
                               [&](int64_t number) { return integer_of(value) == number; },
                               [&](bool flag) {
                                 bool found = false;
                                 return value.get_bool().get(found) == simdjson::SUCCESS &&
                                        found == flag;
                               }},
                    match.value);
}

bool test(const MatchWords& match, const dom::element& value) {
  const auto text = string_of(value);
  if (!text || match.words.empty()) {
    return false;
  }
  const auto words = words_of(*text);
  const auto found = [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  switch (match.mode) {
    case MatchWords::Mode::kAll:
      return std::all_of(match.words.begin(), match.words.end(), found);
    case MatchWords::Mode::kAny:
      return std::any_of(match.words.begin(), match.words.end(), found);
    case MatchWords::Mode::kPhrase:
      break;
  }
  return std::search(words.begin(), words.end(), match.words.begin(), match.words.end()) !=
         words.end();
}

bool test(const MatchPrefix& match, const dom::element& value) {
  const auto text = string_of(value);
  return text && text->substr(0, match.prefix.size()) == match.prefix;
}

bool test(const MatchSubstring& match, const dom::element& value) {
  const auto text = string_of(value);
  return text && text->find(match.substring) != std::string_view::npos;
}

// `any`: the value is in the list. `except`: it is anything else but null, other types included.
bool test(const MatchSet& match, const dom::element& value) {
  const bool listed = std::visit(
      Overloaded{[&](const std::vector<std::string>& values) {
                   const auto text = string_of(value);
                   return text && std::binary_search(values.begin(), values.end(), *text);
                 },
                 [&](const std::vector<int64_t>& values) {
                   const auto number = integer_of(value);
                   return number && std::binary_search(values.begin(), values.end(), *number);
                 }},
      match.values);
  return match.except ? !listed && !value.is_null() : listed;
}

bool test(const NumberRange& range, const dom::element& value) {
  const auto number = number_of(value);
  return number && range.bounds.hold(*number);
}

bool test(const TimeRange& range, const dom::element& value) {
  const auto text = string_of(value);
  const auto moment = text ? parse_datetime(*text) : std::nullopt;
  return moment && range.bounds.hold(*moment);
}

template <typename Area>
bool test(const Area& area, const dom::element& value) {
  const auto point = geo_point_of(value);
  return point && contains(area, *point);
}

bool is_empty(const dom::element& value) {
  dom::array array;
  return value.is_null() ||
         (value.get_array().get(array) == simdjson::SUCCESS && array.size() == 0);
}

bool is_null(const dom::element& value) {
  dom::array array;
  if (value.get_array().get(array) == simdjson::SUCCESS) {
    return std::any_of(array.begin(), array.end(),
                       [](const dom::element& item) { return item.is_null(); });
  }
  return value.is_null();
}

uint64_t count_of(const dom::element& value) {
  dom::array array;
  if (value.get_array().get(array) == simdjson::SUCCESS) {
    uint64_t count = 0;  // simdjson's own size() stops at 2^24
    for (auto item = array.begin(); item != array.end(); ++item) {
      ++count;
    }
    return count;
  }
  return value.is_null() ? 0 : 1;
}

bool test_any(const Field& field, const dom::element& value) {
  return std::any_of(field.tests.begin(), field.tests.end(), [&](const ValueTest& one) {
    return std::visit([&](const auto& condition) { return test(condition, value); }, one);
  });
}

bool test_value(const Field& field, const dom::element& value) {
  if (field.values_count) {
    return field.values_count->hold(count_of(value));
  }
  if (field.is_empty) {
    return is_empty(value) == *field.is_empty;
  }
  if (field.is_null) {
    return is_null(value) == *field.is_null;
  }
  dom::array array;
  if (value.get_array().get(array) == simdjson::SUCCESS) {
    return std::any_of(array.begin(), array.end(),
                       [&](const dom::element& item) { return test_any(field, item); });
  }
  return test_any(field, value);
}

bool test_missing(const Field& field) {
  if (field.values_count) {
    return field.values_count->hold(0);
  }
  if (field.is_empty) {
    return *field.is_empty;
  }
  return field.is_null && !*field.is_null;
}

// Call `visit` with each value at a path from `step` on, until it returns true; did it?
template <typename Visit>
bool any_value(const PayloadPath& path, size_t step, const dom::element& value,
               const Visit& visit) {
  if (step == path.steps.size()) {
    return visit(value);
  }
  const PathStep& next = path.steps[step];
  if (next.kind == PathStep::Kind::kKey) {
    dom::object object;
    dom::element member;
    return value.get_object().get(object) == simdjson::SUCCESS &&
           object.at_key(next.key).get(member) == simdjson::SUCCESS &&
           any_value(path, step + 1, member, visit);
  }
  dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) {
    return false;
  }
  uint64_t index = 0;
  for (const dom::element item : array) {
    const bool meant = next.kind == PathStep::Kind::kEach || index == next.index;
    if (meant && any_value(path, step + 1, item, visit)) {
      return true;
    }
    ++index;
  }
  return false;
}

// One row, or one element of a nested list; parses the payload when a condition asks for it.
class Subject {
 public:
  Subject(const PointsView& points, int64_t row) : points_(points), row_(row) {}

  Result<bool> matches(const Clause& clause) {
    // As the engine has it: an empty `should` asks for nothing in the filter itself, but cannot be
    // met within `nested`.
    if (clause.should && (nested_ || !clause.should->empty())) {
      ARROW_ASSIGN_OR_RAISE(const uint64_t count, count_matching(*clause.should, 1));
      if (count == 0) {
        return false;
      }
    }
    if (clause.min_should) {
      const uint64_t wanted = clause.min_should->min_count;
      ARROW_ASSIGN_OR_RAISE(const uint64_t count,
                            count_matching(clause.min_should->conditions, wanted));
      if (count < wanted) {
        return false;
      }
    }
    if (clause.must) {
      for (const Condition& condition : *clause.must) {
        ARROW_ASSIGN_OR_RAISE(const bool match, matches(condition));
        if (!match) {
          return false;
        }
      }
    }
    if (clause.must_not) {
      ARROW_ASSIGN_OR_RAISE(const uint64_t count, count_matching(*clause.must_not, 1));
      return count == 0;
    }
    return true;
  }

 private:
  Subject(const Subject& outer, const dom::element& element)
      : points_(outer.points_), row_(outer.row_), root_(element), nested_(true) {}

  // How many hold; stops counting at `enough`.
  Result<uint64_t> count_matching(const std::vector<Condition>& conditions, uint64_t enough) {
    uint64_t count = 0;
    for (const Condition& condition : conditions) {
      if (count == enough) {
        break;
      }
      ARROW_ASSIGN_OR_RAISE(const bool match, matches(condition));
      count += match ? 1 : 0;
    }
    return count;
  }

  Result<bool> matches(const Condition& condition) {
    return std::visit(
        Overloaded{[&](const Field& field) { return matches_field(field); },
                   [&](const IsEmpty& empty) -> Result<bool> {
                     ARROW_ASSIGN_OR_RAISE(const dom::element root, payload());
                     return !any_value(empty.path, 0, root,
                                       [](const dom::element& value) { return !is_empty(value); });
                   },
                   [&](const IsNull& null) -> Result<bool> {
                     ARROW_ASSIGN_OR_RAISE(const dom::element root, payload());
                     return any_value(null.path, 0, root, is_null);
                   },
                   // What is about the point does not hold within `nested`.
                   [&](const HasId& ids) -> Result<bool> {
                     return !nested_ &&
                            std::binary_search(ids.ids.begin(), ids.ids.end(), points_.id(row_));
                   },
                   [&](const HasVector& vector) -> Result<bool> { return has_vector(vector.name); },
                   [&](const Slice& slice) -> Result<bool> {
                     return !nested_ && in_slice(slice, points_.id(row_));
                   },
                   [&](const Nested& nested) { return matches_nested(nested); },
                   [&](const std::unique_ptr<Clause>& clause) { return matches(*clause); }},
        condition);
  }

  Result<bool> matches_field(const Field& field) {
    ARROW_ASSIGN_OR_RAISE(const dom::element root, payload());
    bool missing = true;
    const bool match = any_value(field.path, 0, root, [&](const dom::element& value) {
      missing = false;
      return test_value(field, value);
    });
    return missing ? test_missing(field) : match;
  }

  Result<bool> matches_nested(const Nested& nested) {
    ARROW_ASSIGN_OR_RAISE(const dom::element root, payload());
    Result<bool> match = false;
    any_value(nested.path, 0, root, [&](const dom::element& element) {
      if (element.is_object()) {
        match = Subject(*this, element).matches(*nested.clause);
      }
      return !match.ok() || *match;
    });
    return match;
  }

  bool has_vector(std::string_view name) const {
    const auto& vectors = points_.vectors();
    return !nested_ && std::any_of(vectors.begin(), vectors.end(), [&](const VectorColumn& vector) {
      return vector.spec().name == name && vector.present(row_);
    });
  }

  Result<dom::element> payload() {
    if (root_) {
      return *root_;
    }
    // A parser's buffers are what is worth keeping from row to row; filters are shared by threads,
    // so they cannot keep one.
    thread_local dom::parser parser;
    const std::string_view payload = points_.payload(row_);
    const std::string_view text = payload.empty() ? "{}" : payload;
    dom::element root;
    const auto error = parser.parse(text.data(), text.size()).get(root);
    if (error != simdjson::SUCCESS) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = std::string("cannot read the payload of point ") +
                           to_string(points_.id(row_)) + ": " + simdjson::error_message(error)});
    }
    root_ = root;
    return root;
  }

  const PointsView& points_;
  int64_t row_;
  std::optional<dom::element> root_{};
  bool nested_ = false;
};

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (end > begin) {
      append_lowercase(text.substr(begin, end - begin), &words.emplace_back());
    }
  };
  size_t place = 0;
  while (place < text.size()) {
    const CodePoint next = decode_utf8(text.substr(place));
    if (!is_alphanumeric(next.value)) {
      end_word(place);
      begin = place + next.length;
    }
    place += next.length;
  }
  end_word(place);
  return words;
}

Result<bool> matches(const Clause& clause, const PointsView& points, int64_t row) {
  return Subject(points, row).matches(clause);
}

}  // namespace vecferry::filter_tree
