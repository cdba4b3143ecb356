#include "vecferry/cli/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace vecferry {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalWatcher::SignalWatcher() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader of our stdout that goes away is an error of a write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that grows past the limit likewise.
  std::signal(SIGXFSZ, SIG_IGN);
  thread_ = std::jthread([this] { run(); });
}

SignalWatcher::~SignalWatcher() {
  closing_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
}

std::optional<int> SignalWatcher::exit_code() const {
  const int signal = signal_;
  return signal == 0 ? std::nullopt : std::optional(128 + signal);
}

void SignalWatcher::run() {
  const sigset_t set = watched_signals();
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || closing_) {
      return;
    }
    if (signal_ != 0) {
      ::_exit(128 + signal);
    }
    signal_ = signal;
    std::fputs("\nvecferry: stopping; once more to stop at once\n", stderr);
    source_.RequestStop();
  }
}

}  // namespace vecferry
