#pragma once

#include <atomic>
#include <functional>

#include "tests/backends/qdrant/listener.h"

namespace vecferry::testing {

/// Passes bytes between a client and a server, until a test wants the connection cut.
class TcpProxy {
 public:
  /// How many bytes from the server connection `n` (from 0) passes before it is cut; 0: all.
  using Budget = std::function<size_t(int connection)>;
  TcpProxy(int server_port, Budget budget);

  int port() const { return listener_.port(); }
  int cuts() const { return cuts_; }

 private:
  void pass(int connection, int client);

  int server_port_;
  Budget budget_;
  std::atomic<int> cuts_ = 0;
  Listener listener_;
};

}  // namespace vecferry::testing
