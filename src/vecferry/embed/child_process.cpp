#include "vecferry/embed/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

constexpr int kKillPatienceMs = 500;
constexpr size_t kMostWords = 2000;
constexpr size_t kReadBytes = size_t{64} << 10;

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_one(&read);
    close_one(&write);
  }
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      return false;
    }
    read = ends[0];
    write = ends[1];
    return true;
  }
  static void close_one(int* end) {
    if (*end >= 0) {
      ::close(*end);
      *end = -1;
    }
  }
  // Ours from now on, and never waits.
  static int keep(int* end) {
    ::fcntl(*end, F_SETFL, O_NONBLOCK);
    return std::exchange(*end, -1);
  }
};

// posix_spawn's settings: its pipes as standard streams, no signal blocked, a group of its own.
struct SpawnSettings {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};

  SpawnSettings(const Pipe& in, const Pipe& out, const Pipe& err) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.read, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

// What is there now, appended; false at the end of the stream.
bool read_some(int descriptor, std::string* out) {
  std::array<char, kReadBytes> buffer;
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count > 0) {
      out->append(buffer.data(), static_cast<size_t>(count));
    } else if (count == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::vector<std::string>& words) {
  Pipe in;
  Pipe out;
  Pipe err;
  if (!in.open() || !out.open() || !err.open()) {
    return system_failure(errno, "cannot make a pipe", words.front());
  }
  std::vector<std::string> copy = words;
  std::vector<char*> arguments;
  for (auto& word : copy) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  const SpawnSettings settings(in, out, err);
  std::unique_ptr<ChildProcess> child(new ChildProcess());
  const int error = ::posix_spawnp(&child->pid_, arguments.front(), &settings.actions,
                                   &settings.attributes, arguments.data(), environ);
  if (error != 0) {
    child->pid_ = -1;
    if (error == ENOENT) {
      return fail({.kind = ErrorKind::kNotFound,
                   .what = fmt::format("no program '{}'", words.front()),
                   .next = "check its name and PATH"});
    }
    return system_failure(error, fmt::format("cannot start '{}'", words.front()), words.front());
  }
  child->in_ = Pipe::keep(&in.write);
  child->out_ = Pipe::keep(&out.read);
  child->err_ = Pipe::keep(&err.read);
  return child;
}

ChildProcess::~ChildProcess() {
  Pipe::close_one(&in_);
  if (pid_ > 0 && !reaped(patience_ms_)) {
    ::kill(-pid_, SIGTERM);
    if (!reaped(kKillPatienceMs)) {
      ::kill(-pid_, SIGKILL);
      int status = 0;
      ::waitpid(pid_, &status, 0);
    }
  }
  Pipe::close_one(&out_);
  Pipe::close_one(&err_);
}

void ChildProcess::end_input() {
  Pipe::close_one(&in_);
}

Result<bool> ChildProcess::exchange(std::string_view* input, std::string* output, int wait_ms) {
  std::array<pollfd, 3> ends = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0},
                                pollfd{input->empty() ? -1 : in_, POLLOUT, 0}};
  if (::poll(ends.data(), ends.size(), wait_ms) < 0 && errno != EINTR) {
    return system_failure(errno, "cannot wait for a program", "");
  }
  if (ends[1].revents != 0) {
    read_errors();
  }
  if (ends[2].revents != 0) {
    const ssize_t written = ::write(in_, input->data(), input->size());
    if (written > 0) {
      input->remove_prefix(static_cast<size_t>(written));
    } else if (errno != EAGAIN && errno != EINTR) {
      // It reads no more; what it still says tells why.
      *input = {};
    }
  }
  return ends[0].revents == 0 || read_some(out_, output);
}

void ChildProcess::read_errors() {
  if (!read_some(err_, &last_words_)) {
    Pipe::close_one(&err_);
  }
  if (last_words_.size() > kMostWords) {
    last_words_.erase(0, last_words_.size() - kMostWords);
  }
}

// Reads on meanwhile: a full pipe would keep it from ending.
bool ChildProcess::reaped(int patience_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  std::string rest;
  for (;;) {
    int status = 0;
    if (status_ || ::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = status_.value_or(status);
      return true;
    }
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    if (out_ >= 0 && !read_some(out_, &rest)) {
      Pipe::close_one(&out_);
    }
    rest.clear();
    if (err_ >= 0) {
      read_errors();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::string ChildProcess::ending() {
  if (!reaped(kKillPatienceMs)) {
    return "not yet";
  }
  if (err_ >= 0) {
    read_errors();
  }
  return WIFSIGNALED(*status_) ? fmt::format("signal {}", WTERMSIG(*status_))
                               : fmt::format("status {}", WEXITSTATUS(*status_));
}

}  // namespace vecferry
