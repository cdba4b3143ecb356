#include "vecferry/embed/command_words.h"

#include <utility>

namespace vecferry {
namespace {

Status wrong(std::string what, std::string_view text) {
  return fail({.kind = ErrorKind::kUsage, .what = std::move(what), .where = std::string(text)});
}

// Between double quotes a backslash stands before these only, as in a shell.
bool escapes_in_quotes(char c) {
  return c == '"' || c == '\\' || c == '$' || c == '`';
}

// The text between quotes that begins at `*at`; `*at` is then past its end.
Status append_quoted(std::string_view text, size_t* at, std::string* word) {
  const char quote = text[(*at)++];
  for (; *at < text.size(); ++*at) {
    char c = text[*at];
    if (c == quote) {
      ++*at;
      return Status::OK();
    }
    if (quote == '"' && c == '\\' && *at + 1 < text.size() && escapes_in_quotes(text[*at + 1])) {
      c = text[++*at];
    }
    *word += c;
  }
  return wrong(std::string("a quote ") + quote + " does not end", text);
}

}  // namespace

Result<std::vector<std::string>> command_words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n\r";
  std::vector<std::string> words;
  for (size_t at = text.find_first_not_of(kBlanks); at < text.size();
       at = text.find_first_not_of(kBlanks, at)) {
    std::string word;
    while (at < text.size() && kBlanks.find(text[at]) == std::string_view::npos) {
      if (text[at] == '\'' || text[at] == '"') {
        ARROW_RETURN_NOT_OK(append_quoted(text, &at, &word));
        continue;
      }
      if (text[at] == '\\' && ++at == text.size()) {
        return wrong("nothing follows the last \\", text);
      }
      word += text[at++];
    }
    words.push_back(std::move(word));
  }
  if (words.empty() || words.front().empty()) {
    return wrong("no program in the command", text);
  }
  return words;
}

}  // namespace vecferry
