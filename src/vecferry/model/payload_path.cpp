#include "vecferry/model/payload_path.h"

#include <charconv>

#include "vecferry/model/unicode_internal.h"

namespace vecferry {
namespace {

// Length of the unquoted key at the front of `text`; 0 when there is none.
size_t plain_key_length(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const CodePoint next = decode_utf8(text.substr(length));
    if (next.value != '_' && next.value != '-' && !is_alphanumeric(next.value)) {
      break;
    }
    length += next.length;
  }
  return length;
}

// Take a key off the front of `text`.
std::optional<std::string> take_key(std::string_view* text) {
  if (!text->empty() && text->front() == '"') {
    const size_t end = text->find_first_of("\"\\", 1);
    if (end == std::string_view::npos || (*text)[end] != '"') {
      return std::nullopt;
    }
    std::string key(text->substr(1, end - 1));
    text->remove_prefix(end + 1);
    return key;
  }
  const size_t length = plain_key_length(*text);
  if (length == 0) {
    return std::nullopt;
  }
  std::string key(text->substr(0, length));
  text->remove_prefix(length);
  return key;
}

// Take `[]` or `[N]` off the front of `text`, which starts with a bracket.
std::optional<PathStep> take_brackets(std::string_view* text) {
  const size_t end = text->find(']');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view inside = text->substr(1, end - 1);
  text->remove_prefix(end + 1);
  if (inside.empty()) {
    return PathStep{.kind = PathStep::Kind::kEach};
  }
  PathStep step{.kind = PathStep::Kind::kIndex};
  const char* last = inside.data() + inside.size();
  const auto [stop, error] = std::from_chars(inside.data(), last, step.index);
  if (error != std::errc() || stop != last) {
    return std::nullopt;
  }
  return step;
}

std::string quoted_if_needed(const std::string& key) {
  return !key.empty() && plain_key_length(key) == key.size() ? key : '"' + key + '"';
}

}  // namespace

std::optional<PayloadPath> parse_payload_path(std::string_view text) {
  auto first = take_key(&text);
  if (!first) {
    return std::nullopt;
  }
  PayloadPath path;
  path.steps.push_back({.key = std::move(*first)});
  while (!text.empty()) {
    if (text.front() == '[') {
      const auto step = take_brackets(&text);
      if (!step) {
        return std::nullopt;
      }
      path.steps.push_back(*step);
      continue;
    }
    if (text.front() != '.') {
      return std::nullopt;
    }
    text.remove_prefix(1);
    auto key = take_key(&text);
    if (!key) {
      return std::nullopt;
    }
    path.steps.push_back({.key = std::move(*key)});
  }
  return path;
}

std::string to_string(const PayloadPath& path) {
  std::string text;
  for (const PathStep& step : path.steps) {
    switch (step.kind) {
      case PathStep::Kind::kKey:
        text += text.empty() ? "" : ".";
        text += quoted_if_needed(step.key);
        break;
      case PathStep::Kind::kIndex:
        text += '[' + std::to_string(step.index) + ']';
        break;
      case PathStep::Kind::kEach:
        text += "[]";
        break;
    }
  }
  return text;
}

}  // namespace vecferry
