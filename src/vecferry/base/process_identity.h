#pragma once

#include <cstdint>
#include <string>

namespace vecferry {

/// A process, named so that any other can tell whether it still runs: in marks of unfinished work.
struct ProcessIdentity {
  std::string host{};
  std::string boot_id{};        ///< of the running kernel
  std::string pid_namespace{};  ///< process ids of another container mean nothing here
  int64_t pid = 0;
  uint64_t started = 0;  ///< clock ticks after boot: process ids are used again

  bool operator==(const ProcessIdentity&) const = default;
};

ProcessIdentity this_process();

/// Only when it is certain: a process of this machine that runs no more. One of another machine, or
/// of another container, may be alive.
bool has_died(const ProcessIdentity& owner);

}  // namespace vecferry
