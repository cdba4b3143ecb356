#include "vecferry/model/canonical_payload.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "vecferry/model/canonical_number_internal.h"

namespace vecferry {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kBlanks = " \t\n\r";

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// Eight bytes at a time: is one of them below 0x20, a quote or a backslash? May say yes for a byte
// that follows such a one, never no.
bool may_need_escape(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kHigh = 0x8080808080808080ULL;
  const uint64_t control = (word - kOnes * 0x20) & ~word;
  const uint64_t quote = word ^ (kOnes * '"');
  const uint64_t backslash = word ^ (kOnes * '\\');
  return ((control | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHigh) != 0;
}

size_t plain_prefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof(word));
    if (may_need_escape(word)) {
      break;
    }
  }
  while (i < text.size() && !needs_escape(text[i])) {
    ++i;
  }
  return i;
}

void append_escaped(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\b':
      out->append("\\b");
      return;
    case '\f':
      out->append("\\f");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      break;
  }
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out->append("\\u00");
  out->push_back(kHexDigits[byte >> 4U]);
  out->push_back(kHexDigits[byte & 0xFU]);
}

void append_string(std::string_view text, std::string* out) {
  out->push_back('"');
  for (;;) {
    const size_t plain = plain_prefix(text);
    out->append(text.substr(0, plain));
    if (plain == text.size()) {
      break;
    }
    append_escaped(text[plain], out);
    text.remove_prefix(plain + 1);
  }
  out->push_back('"');
}

// Length of the UTF-8 sequence at the front of `text`, 0 when it is none. Only for saying where an
// error is; simdjson has found that there is one.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return continues(1, 0x80, 0xBF) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;  // surrogates are not UTF-8
    return continues(1, low, high) && continues(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    const bool fits =
        continues(1, low, high) && continues(2, 0x80, 0xBF) && continues(3, 0x80, 0xBF);
    return fits ? 4 : 0;
  }
  return 0;
}

size_t first_bad_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const size_t length = utf8_sequence(text.substr(i));
    if (length == 0) {
      break;
    }
    i += length;
  }
  return i;
}

size_t first_raw_control(std::string_view text) {
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (in_string && static_cast<unsigned char>(text[i]) < 0x20) {
      return i;
    }
  }
  return text.size();
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string_view words_for(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return "text that is not UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "a control character inside a string";
    case simdjson::UNCLOSED_STRING:
      return "a string without an end";
    case simdjson::STRING_ERROR:
      return "a bad escape or a lone surrogate in a string";
    case simdjson::NUMBER_ERROR:
      return "a number that JSON does not know or that is not finite";
    case simdjson::DEPTH_ERROR:
      return "nested deeper than 1000 levels";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "it ends before the object does, or in something else";
    case simdjson::TRAILING_CONTENT:
      return "text after the end";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
    case simdjson::INCORRECT_TYPE:
      return "something that is no JSON value";
    case simdjson::CAPACITY:
    case simdjson::MEMALLOC:
      return "too large to be read";
    default:
      return "a comma, colon, brace or bracket too many or missing";
  }
}

}  // namespace

int nesting_depth(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

// Values are written to the output in the order they are met; an object whose keys turn out not to
// be sorted is put in order once it is complete. So sorted input, the common case, is written once.
class PayloadCanonicaliser::Impl {
 public:
  Status append(std::string_view json, std::string* out) {
    const std::string_view text = trimmed(json);
    if (text.empty() || text == "null") {
      return Status::OK();
    }
    if (text.front() != '{') {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("the payload starts with '{}', which is no JSON object",
                                       printable(text.front())),
                   .next = "a payload is an object or null"});
    }
    const size_t before = out->size();
    const simdjson::error_code error = write_document(text, out);
    if (error != simdjson::SUCCESS) {
      out->resize(before);
      const auto skipped = static_cast<size_t>(text.data() - json.data());
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("the payload is not valid JSON at byte {}: {}",
                                       skipped + offset_of(error, text), words_for(error))});
    }
    if (out->size() - before == 2) {  // {}
      out->resize(before);
    }
    return Status::OK();
  }

 private:
  struct Member {
    std::string_view key;  // in padded_ or unescaped_
    size_t begin = 0;      // of `"key":value` in the output
    size_t end = 0;
  };

  static std::string printable(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7F ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }

  simdjson::error_code write_document(std::string_view text, std::string* out) {
    // simdjson reads up to SIMDJSON_PADDING bytes past the end.
    if (padded_.size() < text.size() + simdjson::SIMDJSON_PADDING) {
      padded_.resize(text.size() + text.size() / 2 + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(padded_.data(), text.data(), text.size());
    std::memset(padded_.data() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    if (unescaped_.size() < padded_.size()) {
      unescaped_.resize(padded_.size());
    }
    unescaped_end_ = unescaped_.data();
    members_.clear();
    place_ = 0;
    ondemand::document document;
    if (const auto error =
            parser_
                .iterate(simdjson::padded_string_view(padded_.data(), text.size(), padded_.size()))
                .get(document)) {
      return error;
    }
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) {
      return error;
    }
    if (const auto error = write_object(object, 1, out)) {
      return error;
    }
    const char* rest = nullptr;
    if (document.current_location().get(rest) == simdjson::OUT_OF_BOUNDS) {
      return simdjson::SUCCESS;
    }
    place_ = rest == nullptr ? text.size() : offset(rest);
    return simdjson::TRAILING_CONTENT;
  }

  // Where in the text an error is. Errors of simdjson's first pass have no place of their own.
  size_t offset_of(simdjson::error_code error, std::string_view text) const {
    switch (error) {
      case simdjson::UTF8_ERROR:
        return first_bad_utf8(text);
      case simdjson::UNESCAPED_CHARS:
        return first_raw_control(text);
      case simdjson::UNCLOSED_STRING:
      case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
        return text.size();
      default:
        return std::min(place_, text.size());
    }
  }

  size_t offset(const char* place) const { return static_cast<size_t>(place - padded_.data()); }

  // Most strings have no escapes: those are read where they lie.
  simdjson::error_code read_string(ondemand::raw_json_string raw, std::string_view* text) {
    const char* begin = raw.raw();
    place_ = offset(begin) - 1;
    const size_t plain = plain_prefix({begin, padded_.size() - offset(begin)});
    if (begin[plain] == '"') {
      *text = {begin, plain};
      return simdjson::SUCCESS;
    }
    return parser_.unescape(raw, unescaped_end_).get(*text);
  }

  simdjson::error_code write_object(ondemand::object object, int depth, std::string* out) {
    const size_t base = members_.size();
    const size_t begin = out->size();
    bool sorted = true;
    out->push_back('{');
    for (auto item : object) {
      ondemand::field field;
      if (const auto error = std::move(item).get(field)) {
        return error;
      }
      std::string_view key;
      if (const auto error = read_string(field.key(), &key)) {
        return error;
      }
      if (members_.size() > base) {
        out->push_back(',');
        sorted = sorted && members_.back().key < key;
      }
      members_.push_back({key, out->size(), 0});
      append_string(key, out);
      out->push_back(':');
      if (const auto error = write_value(field.value(), depth, out)) {
        return error;
      }
      members_.back().end = out->size();
    }
    if (!sorted) {
      put_in_order(base, begin + 1, out);
    }
    members_.resize(base);
    out->push_back('}');
    return simdjson::SUCCESS;
  }

  // Members from `base` on, whose text begins at `begin`: sort by key, keep the last of equal keys.
  void put_in_order(size_t base, size_t begin, std::string* out) {
    const auto first = members_.begin() + static_cast<std::ptrdiff_t>(base);
    std::sort(first, members_.end(), [](const Member& a, const Member& b) {
      const int order = a.key.compare(b.key);
      return order != 0 ? order < 0 : a.begin < b.begin;
    });
    scratch_.clear();
    for (auto member = first; member != members_.end(); ++member) {
      const auto next = member + 1;
      if (next != members_.end() && next->key == member->key) {
        continue;
      }
      if (!scratch_.empty()) {
        scratch_.push_back(',');
      }
      scratch_.append(*out, member->begin, member->end - member->begin);
    }
    out->resize(begin);
    out->append(scratch_);
  }

  simdjson::error_code write_array(ondemand::array array, int depth, std::string* out) {
    out->push_back('[');
    bool first = true;
    for (auto item : array) {
      ondemand::value value;
      // NOLINTNEXTLINE(performance-move-const-arg): get() takes only what is about to expire
      if (const auto error = std::move(item).get(value)) {
        return error;
      }
      if (!first) {
        out->push_back(',');
      }
      first = false;
      if (const auto error = write_value(value, depth, out)) {
        return error;
      }
    }
    out->push_back(']');
    return simdjson::SUCCESS;
  }

  simdjson::error_code write_value(ondemand::value value, int depth, std::string* out) {
    const std::string_view token = value.raw_json_token();
    place_ = offset(token.data());
    switch (token.front()) {
      case '{':
      case '[':
        return depth < kMaxReadDepth ? write_nested(value, depth + 1, out) : simdjson::DEPTH_ERROR;
      case '"':
        return write_string(value, out);
      case 't':
      case 'f':
        return write_bool(value, out);
      case 'n':
        return write_null(value, out);
      default:
        break;
    }
    // Not simdjson's get_double: its version 3.0 misreads some floats of more than 19 digits. A
    // value that is not taken is passed over.
    if (append_number(trimmed(token), out)) {
      return simdjson::SUCCESS;
    }
    return token.front() == '-' || (token.front() >= '0' && token.front() <= '9')
               ? simdjson::NUMBER_ERROR
               : simdjson::INCORRECT_TYPE;
  }

  simdjson::error_code write_nested(ondemand::value value, int depth, std::string* out) {
    ondemand::array array;
    const auto array_error = value.get_array().get(array);
    if (array_error != simdjson::INCORRECT_TYPE) {
      return array_error == simdjson::SUCCESS ? write_array(array, depth, out) : array_error;
    }
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) {
      return error;
    }
    return write_object(object, depth, out);
  }

  simdjson::error_code write_string(ondemand::value value, std::string* out) {
    ondemand::raw_json_string raw;
    if (const auto error = value.get_raw_json_string().get(raw)) {
      return error;
    }
    std::string_view text;
    if (const auto error = read_string(raw, &text)) {
      return error;
    }
    append_string(text, out);
    return simdjson::SUCCESS;
  }

  static simdjson::error_code write_bool(ondemand::value value, std::string* out) {
    bool flag = false;
    if (const auto error = value.get_bool().get(flag)) {
      return error;
    }
    out->append(flag ? "true" : "false");
    return simdjson::SUCCESS;
  }

  static simdjson::error_code write_null(ondemand::value value, std::string* out) {
    bool null = false;
    if (const auto error = value.is_null().get(null)) {
      return error;
    }
    out->append("null");
    return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
  }

  ondemand::parser parser_;
  std::string padded_;
  std::vector<uint8_t> unescaped_;
  uint8_t* unescaped_end_ = nullptr;
  std::string scratch_;
  std::vector<Member> members_;  // of all objects that are open
  size_t place_ = 0;             // of the value being read
};

PayloadCanonicaliser::PayloadCanonicaliser() : impl_(std::make_unique<Impl>()) {}
PayloadCanonicaliser::~PayloadCanonicaliser() = default;
PayloadCanonicaliser::PayloadCanonicaliser(PayloadCanonicaliser&&) noexcept = default;
PayloadCanonicaliser& PayloadCanonicaliser::operator=(PayloadCanonicaliser&&) noexcept = default;

Status PayloadCanonicaliser::append(std::string_view json, std::string* out) {
  return impl_->append(json, out);
}

Result<std::string> canonical_payload(std::string_view json) {
  std::string text;
  PayloadCanonicaliser canonicaliser;
  ARROW_RETURN_NOT_OK(canonicaliser.append(json, &text));
  return text;
}

}  // namespace vecferry
