#include "tests/backends/local/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace vecferry::testing {
namespace {

void must(bool done, const char* what) {
  if (!done) {
    std::perror(what);
    std::abort();
  }
}

}  // namespace

Child::Child(const std::vector<std::string>& words) {
  int in[2];
  int out[2];
  int err[2];
  must(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0,
       "pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::string program = VECFERRY_PLACE_WORKER;
  std::vector<std::string> copies = words;
  std::vector<char*> arguments = {program.data()};
  for (auto& word : copies) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  must(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments.data(), environ) == 0,
       "posix_spawn");
  posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
}

Child::~Child() {
  if (pid_ > 0) {
    kill();
    wait();
  }
}

bool Child::read_some(int timeout_us) {
  pollfd event{.fd = out_, .events = POLLIN, .revents = 0};
  const timespec timeout{timeout_us / 1'000'000, timeout_us % 1'000'000 * 1000L};
  if (::ppoll(&event, 1, timeout_us < 0 ? nullptr : &timeout, nullptr) <= 0) {
    return true;
  }
  char buffer[4096];
  const ssize_t count = ::read(out_, buffer, sizeof buffer);
  if (count > 0) {
    text_.append(buffer, static_cast<size_t>(count));
  }
  return count > 0;
}

bool Child::wait_for(const std::string& line) {
  while (("\n" + text_).find("\n" + line + "\n") == std::string::npos) {
    if (!read_some(-1)) {
      return false;
    }
  }
  return true;
}

bool Child::read_for_us(int microseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return true;
    }
    if (!read_some(static_cast<int>(left.count()))) {
      return false;
    }
  }
}

void Child::kill() {
  ::kill(pid_, SIGKILL);
}

Outcome Child::wait() {
  ::close(in_);
  while (read_some(-1)) {
  }
  Outcome outcome{.out = text_};
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(err_, buffer, sizeof buffer)) > 0;) {
    outcome.err.append(buffer, static_cast<size_t>(count));
  }
  ::close(out_);
  ::close(err_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFEXITED(status)) {
    outcome.exit_code = WEXITSTATUS(status);
  } else {
    outcome.signal = WTERMSIG(status);
  }
  return outcome;
}

}  // namespace vecferry::testing
