#include "tests/backends/qdrant/tcp_proxy.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

namespace vecferry::testing {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// At most `most` bytes from one to the other; what was passed, 0 at the end.
size_t pass_some(int from, int to, size_t most) {
  std::array<char, 65536> buffer{};
  const auto got = ::recv(from, buffer.data(), std::min(most, buffer.size()), 0);
  for (ssize_t sent = 0; sent < got;) {
    const auto count =
        ::send(to, buffer.data() + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
    if (count <= 0) {
      return 0;
    }
    sent += count;
  }
  return got <= 0 ? 0 : static_cast<size_t>(got);
}

}  // namespace

TcpProxy::TcpProxy(int server_port, Budget budget)
    : server_port_(server_port),
      budget_(std::move(budget)),
      listener_([this](int connection, int client) { pass(connection, client); }) {}

void TcpProxy::pass(int connection, int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto address = loopback(server_port_);
  const bool connected =
      ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  listener_.own(server);
  const size_t budget = budget_(connection);
  size_t left = budget == 0 ? SIZE_MAX : budget;
  while (connected && left > 0) {
    std::array<pollfd, 2> both = {{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    if (::poll(both.data(), both.size(), -1) < 0) {
      break;
    }
    if (both[0].revents != 0 && pass_some(client, server, SIZE_MAX) == 0) {
      break;
    }
    if (both[1].revents != 0) {
      const size_t passed = pass_some(server, client, left);
      if (passed == 0) {
        break;
      }
      left -= passed;
    }
  }
  cuts_ += left == 0 ? 1 : 0;
  ::shutdown(client, SHUT_RDWR);
  ::shutdown(server, SHUT_RDWR);
}

}  // namespace vecferry::testing
