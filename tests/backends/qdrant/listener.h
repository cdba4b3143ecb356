#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vecferry::testing {

/// Accepts connections on a free port of 127.0.0.1, each served by a thread of its own.
/// Its owner declares it last, so that it has ended before anything that `serve` uses.
class Listener {
 public:
  /// `serve` gets the number of the connection, from 0, and its descriptor, which it may shut down
  /// and leaves open.
  using Serve = std::function<void(int connection, int descriptor)>;
  explicit Listener(Serve serve);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int port() const { return port_; }
  int accepted() const { return accepted_; }
  /// Shut down and close this one, too, at the end.
  void own(int descriptor);

 private:
  void accept_all();

  Serve serve_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::vector<int> descriptors_;      // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;
};

}  // namespace vecferry::testing
