#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vecferry/base/error.h"

namespace vecferry {

/// A program with pipes to its stdin, stdout and stderr, in a process group of its own, so that the
/// terminal's Ctrl-C goes to us alone. Ended by the destructor: first politely.
/// Thread: one caller at a time. The process ignores SIGPIPE, or a program that dies kills us.
class ChildProcess {
 public:
  /// Errors: kNotFound when there is no such program, kIo.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string>& words);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Write what it takes of `*input` (and cut that off), append what it says to `*output`; waits at
  /// most `wait_ms` for either. False once its stdout has ended.
  Result<bool> exchange(std::string_view* input, std::string* output, int wait_ms);

  /// It is told nothing more: its stdin ends.
  void end_input();

  /// It is of no more use: the destructor does not wait for it to end by itself.
  void abandon() { patience_ms_ = 0; }

  /// How it ended ("status 3", "signal 9"), waiting a moment for it; "not yet" when it goes on.
  std::string ending();
  /// The end of what it wrote to stderr.
  const std::string& last_words() const { return last_words_; }

 private:
  ChildProcess() = default;
  void read_errors();
  bool reaped(int patience_ms);

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  int patience_ms_ = 5000;  // after its stdin was closed
  std::optional<int> status_{};
  std::string last_words_{};
};

}  // namespace vecferry
