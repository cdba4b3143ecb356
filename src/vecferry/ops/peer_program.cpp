#include "vecferry/ops/peer_program.h"

#include <fmt/format.h>

#include "vecferry/embed/child_process.h"
#include "vecferry/embed/command_words.h"

namespace vecferry {
namespace {

constexpr int kWaitMs = 50;

Result<std::string> filled_in(const std::string& word,
                              const std::map<std::string, std::string>& values) {
  std::string text;
  size_t done = 0;
  for (;;) {
    const size_t open = word.find('{', done);
    const size_t close = word.find('}', open);
    if (open == std::string::npos || close == std::string::npos) {
      return text + word.substr(done);
    }
    const std::string name = word.substr(open + 1, close - open - 1);
    const auto value = values.find(name);
    if (value == values.end()) {
      std::string known;
      for (const auto& [each, ignored] : values) {
        known += fmt::format("{}{{{}}}", known.empty() ? "" : " ", each);
      }
      return fail({.kind = ErrorKind::kUsage,
                   .what = fmt::format("--peer knows no {{{}}}", name),
                   .where = word,
                   .next = "there are " + known});
    }
    text += word.substr(done, open - done) + value->second;
    done = close + 1;
  }
}

std::string last_line(std::string_view words) {
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r')) {
    words.remove_suffix(1);
  }
  const size_t line = words.rfind('\n');
  return std::string(line == std::string_view::npos ? words : words.substr(line + 1));
}

}  // namespace

Result<std::vector<std::string>> peer_words(std::string_view command,
                                            const std::map<std::string, std::string>& values) {
  ARROW_ASSIGN_OR_RAISE(auto words, command_words(command));
  for (auto& word : words) {
    ARROW_ASSIGN_OR_RAISE(word, filled_in(word, values));
  }
  return words;
}

Status run_peer(const std::vector<std::string>& words, StopToken stop) {
  ARROW_ASSIGN_OR_RAISE(const auto child, ChildProcess::start(words));
  child->end_input();
  std::string_view nothing;
  std::string said;
  for (bool speaks = true; speaks;) {
    const Status stopped = poll(stop);
    if (!stopped.ok()) {
      child->abandon();
      return stopped;
    }
    ARROW_ASSIGN_OR_RAISE(speaks, child->exchange(&nothing, &said, kWaitMs));
    said.clear();
  }
  std::string ending = child->ending();
  for (; ending == "not yet"; ending = child->ending()) {
    const Status stopped = poll(stop);
    if (!stopped.ok()) {
      child->abandon();
      return stopped;
    }
  }
  if (ending != "status 0") {
    return fail({.kind = ErrorKind::kIo,
                 .what = fmt::format("'{}' ended with {}", words.front(), ending),
                 .where = last_line(child->last_words()),
                 .next = "try the command by itself"});
  }
  return Status::OK();
}

}  // namespace vecferry
