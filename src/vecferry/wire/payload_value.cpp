#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "vecferry/model/canonical_payload.h"
#include "vecferry/wire/fields_internal.h"
#include "vecferry/wire/payload_value_internal.h"

namespace vecferry::wire {
namespace {

// Fields of Value, Struct and ListValue in proto/qdrant_common.proto.
constexpr uint32_t kNull = 1;
constexpr uint32_t kDouble = 2;
constexpr uint32_t kInteger = 3;
constexpr uint32_t kString = 4;
constexpr uint32_t kBool = 5;
constexpr uint32_t kStruct = 6;
constexpr uint32_t kList = 7;
constexpr uint32_t kItems = 1;  // Struct.fields, ListValue.values
constexpr uint32_t kKey = 1;
constexpr uint32_t kValue = 2;

constexpr double kTwo63 = 9223372036854775808.0;
constexpr double kTwo64 = 18446744073709551616.0;

Status bad_payload(std::string what) {
  return fail({.kind = ErrorKind::kCorrupt, .what = std::move(what), .where = "payload"});
}

bool is_text(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

Status append_text(std::string_view bytes, std::string* out) {
  if (!is_text(bytes)) {
    return bad_payload("a string that is not UTF-8");
  }
  append_json_string(bytes, out);
  return Status::OK();
}

// Canonical JSON to values. The text comes from a column, so it is canonical unless someone wrote
// the column otherwise; every step is checked all the same.
class PayloadWriter {
 public:
  PayloadWriter(std::string_view text, BigIntegers big, std::string* out)
      : at_(text.data()), end_(text.data() + text.size()), big_(big), writer_(out) {}

  Status document(uint32_t field) {
    if (peek() != '{') {
      return unexpected();
    }
    ARROW_RETURN_NOT_OK(members(field, 1));
    return at_ == end_ ? Status::OK() : unexpected();
  }
  bool refused() const { return refused_; }

 private:
  char peek() const { return at_ == end_ ? '\0' : *at_; }

  Status unexpected() const {
    return bad_payload(at_ == end_ ? std::string("canonical JSON that ends too early")
                                   : fmt::format("'{}' where canonical JSON has none", *at_));
  }

  bool take(char c) {
    if (peek() != c || at_ == end_) {
      return false;
    }
    ++at_;
    return true;
  }

  // An object's members as entries of the map field `field`.
  Status members(uint32_t field, int depth) {
    if (depth > kMaxPayloadDepth) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the payload is nested deeper than {}", kMaxPayloadDepth),
                   .next = "a server would store such a point and then fail to read it"});
    }
    ++at_;  // the brace
    if (take('}')) {
      return Status::OK();
    }
    do {
      const size_t entry = writer_.open(field);
      ARROW_RETURN_NOT_OK(string(kKey));
      if (!take(':')) {
        return unexpected();
      }
      const size_t value_start = writer_.open(kValue);
      ARROW_RETURN_NOT_OK(value(depth));
      writer_.close(value_start);
      writer_.close(entry);
    } while (take(','));
    return take('}') ? Status::OK() : unexpected();
  }

  Status value(int depth) {
    switch (peek()) {
      case '{': {
        const size_t start = writer_.open(kStruct);
        ARROW_RETURN_NOT_OK(members(kItems, depth + 1));
        writer_.close(start);
        return Status::OK();
      }
      case '[': {
        const size_t start = writer_.open(kList);
        ARROW_RETURN_NOT_OK(items(depth + 1));
        writer_.close(start);
        return Status::OK();
      }
      case '"':
        return string(kString);
      case 't':
        writer_.number(kBool, 1);
        return word("true");
      case 'f':
        writer_.number(kBool, 0);
        return word("false");
      case 'n':
        writer_.number(kNull, 0);
        return word("null");
      default:
        return number();
    }
  }

  Status items(int depth) {
    if (depth > kMaxPayloadDepth) {
      return fail({.kind = ErrorKind::kIncompatible,
                   .what = fmt::format("the payload is nested deeper than {}", kMaxPayloadDepth),
                   .next = "a server would store such a point and then fail to read it"});
    }
    ++at_;  // the bracket
    if (take(']')) {
      return Status::OK();
    }
    do {
      const size_t start = writer_.open(kItems);
      ARROW_RETURN_NOT_OK(value(depth));
      writer_.close(start);
    } while (take(','));
    return take(']') ? Status::OK() : unexpected();
  }

  Status word(std::string_view word) {
    if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word) {
      return unexpected();
    }
    at_ += word.size();
    return Status::OK();
  }

  Status number() {
    const char* const start = at_;
    bool real = false;
    while (at_ != end_ && (std::isdigit(static_cast<unsigned char>(*at_)) != 0 || *at_ == '-' ||
                           *at_ == '+' || *at_ == '.' || *at_ == 'e' || *at_ == 'E')) {
      real = real || *at_ == '.' || *at_ == 'e' || *at_ == 'E';
      ++at_;
    }
    if (!real) {
      int64_t integer = 0;
      const auto [stop, error] = std::from_chars(start, at_, integer);
      if (error == std::errc() && stop == at_) {
        writer_.number(kInteger, static_cast<uint64_t>(integer));
        return Status::OK();
      }
      if (error == std::errc::result_out_of_range && big_ == BigIntegers::kRefuse) {
        refused_ = true;
        return Status::OK();
      }
    }
    double value = 0;
    const auto [stop, error] = std::from_chars(start, at_, value);
    if (error != std::errc() || stop != at_ || start == at_) {
      at_ = start;
      return unexpected();
    }
    writer_.fixed64(kDouble, value);
    return Status::OK();
  }

  Status string(uint32_t field) {
    if (!take('"')) {
      return unexpected();
    }
    const auto* const stop =
        static_cast<const char*>(std::memchr(at_, '"', static_cast<size_t>(end_ - at_)));
    if (stop == nullptr) {
      at_ = end_;
      return unexpected();
    }
    const std::string_view plain(at_, static_cast<size_t>(stop - at_));
    if (plain.find('\\') == std::string_view::npos) {
      writer_.bytes(field, plain);
      at_ = stop + 1;
      return Status::OK();
    }
    const size_t start = writer_.open(field);
    for (;;) {
      const char* run = at_;
      while (at_ != end_ && *at_ != '"' && *at_ != '\\') {
        ++at_;
      }
      writer_.append_raw(run, static_cast<size_t>(at_ - run));
      if (take('"')) {
        break;
      }
      ARROW_RETURN_NOT_OK(escape());
    }
    writer_.close(start);
    return Status::OK();
  }

  // The escapes that canonical JSON has: one letter, or \u00xx of a control character.
  Status escape() {
    constexpr std::string_view kLetters = "\"\\bfnrt";
    constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
    if (end_ - at_ < 2) {
      at_ = end_;
      return unexpected();
    }
    const size_t letter = kLetters.find(at_[1]);
    if (letter != std::string_view::npos) {
      writer_.out().push_back(kMeanings[letter]);
      at_ += 2;
      return Status::OK();
    }
    unsigned code = 0;
    if (at_[1] != 'u' || end_ - at_ < 6 ||
        std::from_chars(at_ + 2, at_ + 6, code, 16).ptr != at_ + 6 || code >= 0x20) {
      return unexpected();
    }
    writer_.out().push_back(static_cast<char>(code));
    at_ += 6;
    return Status::OK();
  }

  const char* at_;
  const char* end_;
  BigIntegers big_;
  FieldWriter writer_;
  bool refused_ = false;
};

}  // namespace

void append_json_string(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') {
      continue;
    }
    out->append(text.substr(plain, i - plain));
    plain = i + 1;
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetters = "\"\\bfnrt";
    const size_t letter = kShort.find(text[i]);
    if (letter != std::string_view::npos) {
      out->push_back('\\');
      out->push_back(kLetters[letter]);
    } else {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", c);
    }
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

Result<ValueEntry> read_entry(std::string_view message) {
  ValueEntry entry;
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.is(kKey, WireType::kBytes)) {
      entry.key = fields.bytes();
    } else if (fields.is(kValue, WireType::kBytes)) {
      entry.value = fields.bytes();
    }
  }
  if (fields.failed()) {
    return malformed("a map entry");
  }
  return entry;
}

Status PayloadReader::append(std::vector<ValueEntry>* entries, std::string* out) {
  if (entries->empty()) {
    return Status::OK();
  }
  stack_.clear();
  stack_.swap(*entries);
  const Status status = members(0, 1, out);
  stack_.swap(*entries);
  return status;
}

Status PayloadReader::append_value(std::string_view message, std::string* out) {
  stack_.clear();
  return value(message, 1, out);
}

// The members from `first` on, of which the stack holds nothing else behind.
Status PayloadReader::members(size_t first, int depth, std::string* out) {
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto by_key = [](const ValueEntry& a, const ValueEntry& b) { return a.key < b.key; };
  if (!std::is_sorted(begin, stack_.end(), by_key)) {
    std::stable_sort(begin, stack_.end(), by_key);  // stable: of equal keys the last wins
  }
  const size_t end = stack_.size();
  out->push_back('{');
  bool any = false;
  for (size_t i = first; i < end; ++i) {
    const ValueEntry entry = stack_[i];  // by value: what is nested grows the stack
    if (i + 1 < end && stack_[i + 1].key == entry.key) {
      continue;
    }
    if (any) {
      out->push_back(',');
    }
    any = true;
    ARROW_RETURN_NOT_OK(append_text(entry.key, out));
    out->push_back(':');
    ARROW_RETURN_NOT_OK(value(entry.value, depth, out));
  }
  out->push_back('}');
  return Status::OK();
}

Status PayloadReader::object(std::string_view message, int depth, std::string* out) {
  const size_t first = stack_.size();
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.is(kItems, WireType::kBytes)) {
      ARROW_ASSIGN_OR_RAISE(const ValueEntry entry, read_entry(fields.bytes()));
      stack_.push_back(entry);
    }
  }
  if (fields.failed()) {
    return malformed("an object in a payload");
  }
  ARROW_RETURN_NOT_OK(members(first, depth, out));
  stack_.resize(first);
  return Status::OK();
}

Status PayloadReader::list(std::string_view message, int depth, std::string* out) {
  out->push_back('[');
  bool any = false;
  FieldReader fields(message);
  while (fields.next()) {
    if (!fields.is(kItems, WireType::kBytes)) {
      continue;
    }
    if (any) {
      out->push_back(',');
    }
    any = true;
    ARROW_RETURN_NOT_OK(value(fields.bytes(), depth, out));
  }
  if (fields.failed()) {
    return malformed("a list in a payload");
  }
  out->push_back(']');
  return Status::OK();
}

Status PayloadReader::value(std::string_view message, int depth, std::string* out) {
  if (depth > kMaxReadDepth) {
    return bad_payload(fmt::format("nested deeper than {}", kMaxReadDepth));
  }
  // Of a oneof that is there twice the last counts.
  uint32_t kind = kNull;
  uint64_t number = 0;
  std::string_view bytes;
  FieldReader fields(message);
  while (fields.next()) {
    const uint32_t field = fields.field();
    const bool fits = field == kDouble ? fields.type() == WireType::kFixed64
                      : field == kString || field == kStruct || field == kList
                          ? fields.type() == WireType::kBytes
                          : fields.type() == WireType::kVarint;
    if (field >= kNull && field <= kList && fits) {
      kind = field;
      number = fields.number();
      bytes = fields.bytes();
    }
  }
  if (fields.failed()) {
    return malformed("a payload value");
  }
  switch (kind) {
    case kDouble: {
      double real = 0;
      std::memcpy(&real, &number, sizeof real);
      if (!std::isfinite(real)) {
        return bad_payload("a number that is not finite");
      }
      doubtful_ = doubtful_ || (real >= kTwo63 && real <= kTwo64);
      append_float(real, out);
      return Status::OK();
    }
    case kInteger: {
      const fmt::format_int text(static_cast<int64_t>(number));
      out->append(text.data(), text.size());
      return Status::OK();
    }
    case kString:
      return append_text(bytes, out);
    case kBool:
      out->append(number != 0 ? "true" : "false");
      return Status::OK();
    case kStruct:
      return object(bytes, depth + 1, out);
    case kList:
      return list(bytes, depth + 1, out);
    default:
      out->append("null");
      return Status::OK();
  }
}

Result<bool> append_payload_field(std::string_view canonical_json, uint32_t field, BigIntegers big,
                                  std::string* out) {
  if (canonical_json.empty()) {
    return true;
  }
  PayloadWriter writer(canonical_json, big, out);
  ARROW_RETURN_NOT_OK(writer.document(field));
  return !writer.refused();
}

}  // namespace vecferry::wire
