#include "tests/backends/qdrant/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace vecferry::testing {

Listener::Listener(Serve serve)
    : serve_(std::move(serve)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

Listener::~Listener() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const int descriptor : descriptors_) {
      ::shutdown(descriptor, SHUT_RDWR);
    }
    threads.swap(threads_);
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const int descriptor : descriptors_) {
    ::close(descriptor);
  }
}

void Listener::own(int descriptor) {
  const std::lock_guard lock(mutex_);
  descriptors_.push_back(descriptor);
}

void Listener::accept_all() {
  for (;;) {
    const int descriptor = ::accept(listener_, nullptr, nullptr);
    if (descriptor < 0) {
      return;
    }
    const int connection = accepted_++;
    const std::lock_guard lock(mutex_);
    descriptors_.push_back(descriptor);
    threads_.emplace_back([this, connection, descriptor] { serve_(connection, descriptor); });
  }
}

}  // namespace vecferry::testing
