#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace vecferry::testing {

struct Outcome {
  int exit_code = -1;  ///< -1: ended by a signal
  int signal = 0;
  std::string out{};
  std::string err{};
};

/// A place_worker process. Killed and reaped when the object is gone.
/// Thread: one caller at a time.
class Child {
 public:
  explicit Child(const std::vector<std::string>& words);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Read stdout until a line says so; false when it ended before.
  bool wait_for(const std::string& line);
  /// Read stdout for at most so long; false when it ended before.
  bool read_for_us(int microseconds);
  void kill();
  /// End its stdin, wait until it ends.
  Outcome wait();
  pid_t pid() const { return pid_; }

 private:
  bool read_some(int timeout_us);

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string text_{};
};

}  // namespace vecferry::testing
