#include "vecferry/base/process_identity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>

#include "vecferry/base/durable_file.h"

namespace vecferry {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

std::string first_line(const std::string& path) {
  const auto text = read_file(path);
  return text.ok() ? text->substr(0, text->find('\n')) : std::string();
}

std::string pid_namespace() {
  std::error_code error;
  const auto link = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return error ? std::string() : link.string();
}

// Field 22 of /proc/PID/stat; 0 when there is no such process. The name before it may have blanks.
uint64_t start_of(int64_t pid) {
  constexpr int kFieldsBehindName = 20;
  const auto text = first_line(fmt::format("/proc/{}/stat", pid));
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return 0;
  }
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kFieldsBehindName; ++i) {
    fields >> field;
  }
  uint64_t started = 0;
  std::istringstream(field) >> started;
  return started;
}

}  // namespace

ProcessIdentity this_process() {
  const int64_t pid = getpid();
  return {.host = host_name(),
          .boot_id = first_line("/proc/sys/kernel/random/boot_id"),
          .pid_namespace = pid_namespace(),
          .pid = pid,
          .started = start_of(pid)};
}

bool has_died(const ProcessIdentity& owner) {
  const auto here = this_process();
  if (owner.host.empty() || owner.host != here.host || owner.boot_id.empty() ||
      here.boot_id.empty()) {
    return false;
  }
  if (owner.boot_id != here.boot_id) {
    return true;
  }
  return !owner.pid_namespace.empty() && owner.pid_namespace == here.pid_namespace &&
         owner.pid > 0 && start_of(owner.pid) != owner.started;
}

}  // namespace vecferry
