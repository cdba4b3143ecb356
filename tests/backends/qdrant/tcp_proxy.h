#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vecferry::testing {

/// Passes bytes between a client and a server, until a test wants the connection cut.
class TcpProxy {
 public:
  /// How many bytes from the server connection `n` (from 0) passes before it is cut; 0: all.
  using Budget = std::function<size_t(int connection)>;
  TcpProxy(int server_port, Budget budget);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }
  int cuts() const { return cuts_; }

 private:
  void accept_all();
  void pass(int connection, int client);

  int server_port_;
  Budget budget_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> cuts_ = 0;
  std::mutex mutex_;
  std::vector<int> descriptors_;      // guarded by mutex_
  std::vector<std::thread> threads_;  // guarded by mutex_
  std::thread acceptor_;
};

}  // namespace vecferry::testing
