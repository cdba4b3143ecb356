#include "vecferry/base/kill_point.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace vecferry {
namespace {

struct Armed {
  std::string name{};
  std::atomic<long> left{0};  // NOLINT(google-runtime-int): what strtol gives
};

Armed& armed() {
  static Armed point;
  return point;
}

}  // namespace

void arm_kill_point(std::string_view name) {
  Armed& point = armed();
  point.name = name;
  point.left = 0;
  if (!name.empty() && name.front() == '#') {
    point.left = std::strtol(point.name.c_str() + 1, nullptr, 10);
  }
}

void pass_kill_point(std::string_view name) {
  Armed& point = armed();
  if (point.name.empty()) {
    return;
  }
  if (point.name == "?") {
    std::fprintf(stderr, "kill point %.*s\n", static_cast<int>(name.size()), name.data());
  }
  if (point.name == name || (point.left > 0 && --point.left == 0)) {
    ::raise(SIGKILL);
  }
}

}  // namespace vecferry
