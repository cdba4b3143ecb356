#include <fmt/format.h>

#include <charconv>

#include "vecferry/formats/payload_members_internal.h"

namespace vecferry::formats {
namespace {

// Length of the string at the front, with both quotes.
size_t string_length(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1;
    }
  }
  return text.size();
}

size_t value_length(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i += string_length(text.substr(i));
    } else {
      if (depth == 0 && (c == ',' || c == '}')) {
        return i;
      }
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
      ++i;
    }
    if (depth == 0 && (c == '"' || c == '}' || c == ']')) {
      return i;
    }
  }
  return text.size();
}

// The bytes that a quoted canonical string stands for.
std::string unescape(std::string_view quoted) {
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    if (c == 'u' && i + 4 < text.size()) {
      unsigned code = 0;  // canonical text escapes control characters only
      std::from_chars(text.data() + i + 1, text.data() + i + 5, code, 16);
      out.push_back(static_cast<char>(code));
      i += 4;
    } else {
      constexpr std::string_view kLetters = "bfnrt";
      constexpr std::string_view kBytes = "\b\f\n\r\t";
      const size_t at = kLetters.find(c);
      out.push_back(at == std::string_view::npos ? c : kBytes[at]);
    }
  }
  return out;
}

void append_member(const Member& member, std::string* out) {
  if (out->back() != '{') {
    out->push_back(',');
  }
  out->append(member.key);
  out->push_back(':');
  out->append(member.value);
}

}  // namespace

MemberScanner::MemberScanner(std::string_view object)
    : rest_(object.empty() ? object : object.substr(1)) {}

bool MemberScanner::next(Member* member) {
  if (rest_.empty() || rest_.front() == '}') {
    return false;
  }
  const size_t key = string_length(rest_);
  member->key = rest_.substr(0, key);
  rest_.remove_prefix(key + 1);  // and the colon
  const size_t value = value_length(rest_);
  member->value = rest_.substr(0, value);
  rest_.remove_prefix(value);
  if (!rest_.empty() && rest_.front() == ',') {
    rest_.remove_prefix(1);
  }
  return true;
}

int compare_keys(std::string_view a, std::string_view b) {
  if (a.find('\\') == std::string_view::npos && b.find('\\') == std::string_view::npos) {
    return a.substr(1, a.size() - 2).compare(b.substr(1, b.size() - 2));
  }
  return unescape(a).compare(unescape(b));
}

Status merge_objects(std::string_view a, std::string_view b, std::string* out) {
  if (a.empty() || b.empty()) {
    out->append(a.empty() ? b : a);
    return Status::OK();
  }
  out->push_back('{');
  MemberScanner left(a);
  MemberScanner right(b);
  Member x;
  Member y;
  bool has_x = left.next(&x);
  bool has_y = right.next(&y);
  while (has_x || has_y) {
    const int order = !has_y ? -1 : !has_x ? 1 : compare_keys(x.key, y.key);
    if (order == 0 && x.value != y.value) {
      return fail({.kind = ErrorKind::kCorrupt,
                   .what = fmt::format("the payload key {} has two different values", x.key)});
    }
    append_member(order <= 0 ? x : y, out);
    if (order <= 0) {
      has_x = left.next(&x);
    }
    if (order >= 0) {
      has_y = right.next(&y);
    }
  }
  out->push_back('}');
  return Status::OK();
}

}  // namespace vecferry::formats
