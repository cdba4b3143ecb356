// Serves a folder until its stdin ends: `serve_worker PLACE PORT_FILE`. For tests that kill it.

#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "vecferry/server/server.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    return 2;
  }
  const auto server =
      vecferry::server::Server::start({.places = {argv[1]}, .http_port = 0, .grpc = std::nullopt});
  if (!server.ok()) {
    std::cerr << server.status().message() << std::endl;
    return static_cast<int>(vecferry::kind_of(server.status())) + 10;
  }
  std::ofstream(argv[2]) << (*server)->http_port();
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  (*server)->stop();
  return 0;
}
